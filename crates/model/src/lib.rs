//! The vocabulary of Headroom: units, names, ids, events and their codec, and what a machine is.
//!
//! Everything here is pure: no clock, no randomness, no I/O. Every other crate speaks in these types.

pub mod body;
pub mod codec;
pub mod event;
pub mod head;
pub mod id;
pub mod machine;
pub mod name;
pub mod schema;
pub mod units;
mod workloads;

pub use body::{Body, Kind};
pub use event::{Cause, Envelope, Event, Producer, Record, Service};
pub use head::{Checkpoint, Head, Through};
pub use id::EventId;
pub use machine::{Machine, Output};
pub use name::{NameError, WorkloadId};
pub use units::{Generation, Replicas, Seq, Span, Timestamp};
pub use workloads::{Place, Workloads};
