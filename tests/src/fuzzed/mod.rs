//! What must hold whatever the bytes are. `tests/fuzz` looks for bytes with which it does not, and `tests/tests/corpus.rs` runs
//! those it has found interesting.

mod codec;
mod policy;

pub use codec::codec;
pub use policy::policy;
