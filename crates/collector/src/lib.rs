//! Reads metrics from sources into the log: one observation per workload, source and due instant, and an event for every
//! failure.
//!
//! Pure, and tested as such: [`assignments`] folds policies into tasks, [`schedule`] says when each is due,
//! [`exposition`] and [`query`] read what programs show. The rest is the shell: [`Collector`] asks and writes,
//! [`push`] takes what others send.

mod appender;
pub mod assignments;
pub mod clock;
pub mod exposition;
mod facts;
mod fan_in;
mod policies;
pub mod push;
pub mod query;
mod rates;
mod scan;
pub mod schedule;
pub mod settings;
mod shell;
mod sources;
pub mod status;

pub use clock::Clock;
pub use push::{Push, PushError, Pusher};
pub use settings::{Settings, SettingsError};
pub use shell::{Collector, Ended, Stopped};
pub use status::Status;
