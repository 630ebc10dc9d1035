//! Reads the log: what was decided and why, what happened, and whether a replay gives the same again.
//!
//! Everything here reads through [`headroom_log::Log`], so it works alike on a live log and on a file that was carried
//! away ([`file::FileLog`]). Sentences for people are made in [`sentences`], and nowhere else.

pub mod check;
pub mod explain;
pub mod export;
pub mod file;
pub mod history;
pub mod import;
pub mod moment;
pub mod sentences;
pub mod verify;

mod gather;

pub use explain::{Explanation, explain};
pub use verify::{Report, verify};
