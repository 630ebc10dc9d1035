//! How fast Headroom is, beside what could be had without it: the rows of the table that the program `bench` prints.
//!
//! A row is measured in one run of the process, in rounds that interleave the baseline and Headroom, so that a machine
//! that is busy for a while disturbs both. `docs/performance.md` says how each row is measured.

mod core;
mod embedded;
mod failover;
mod figures;
mod fleet;
mod latency;
mod nats;
mod overheard;
mod probe;
mod replay;
mod restart;
mod stand;
mod table;

pub use self::core::resident_of;
pub use figures::{Aim, Figure, Line, Spread, Unit};
pub use table::{Machine, text};

use anyhow::Result;
use std::path::PathBuf;

/// How much is measured.
#[derive(Clone, Debug)]
pub struct Extent {
    /// Rounds of each row.
    pub rounds: usize,
    /// Small numbers everywhere: shows that it runs, not how fast.
    pub quick: bool,
    /// Where logs are written.
    pub dir: PathBuf,
}

impl Extent {
    /// `full`, or `quick` when it should only be shown that it runs.
    fn of<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }
}

/// Every row, in the order of the table, with what it measures.
pub const ROWS: [(&str, &str); 7] = [
    (
        "latency",
        "sample published to target called, over real NATS",
    ),
    (
        "core",
        "evaluator and planner in process: speed, and cost and memory at 100,000 workloads",
    ),
    (
        "replay",
        "verifying a stored log, beside reading and stepping it",
    ),
    ("nats", "appends and commits, beside a bare NATS client"),
    (
        "embedded",
        "appends to the log without a server, beside a bare file",
    ),
    ("restart", "from start to caught up with 100,000 workloads"),
    (
        "failover",
        "a killed planner's standby takes over, over real NATS",
    ),
];

/// Measures one row. Without a line when a program that it needs is not installed; that is then said on stderr.
///
/// # Errors
/// When there is no such row, or something could not be measured.
pub async fn measure(row: &str, extent: &Extent) -> Result<Vec<Line>> {
    match row {
        "latency" => latency::measure(extent).await,
        "core" => core::measure(extent),
        "replay" => replay::measure(extent).await,
        "nats" => nats::measure(extent).await,
        "embedded" => embedded::measure(extent).await,
        "restart" => restart::measure(extent).await,
        "failover" => failover::measure(extent).await,
        other => anyhow::bail!("there is no row {other:?}; see --help for those there are"),
    }
}
