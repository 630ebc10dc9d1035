//! What a log tells, for tests that wait until it tells a thing.

use super::checks;
use crate::servers::PATIENCE;
use anyhow::{Result, ensure};
use headroom_log::Log;
use headroom_model::{
    Body, Event, Kind,
    body::{Decision, Outcome},
};
use std::time::{Duration, Instant};

/// Reads the log until `done` gives something.
///
/// # Errors
/// When that takes longer than [`PATIENCE`], or the log cannot be read.
pub async fn wait<T>(log: &dyn Log, what: &str, done: impl Fn(&[Event]) -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        let events = checks::events(log).await?;
        if let Some(value) = done(&events) {
            return Ok(value);
        }
        ensure!(
            start.elapsed() < PATIENCE,
            "waited in vain for this: {what}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The counts that were decided on.
#[must_use]
pub fn scaled(events: &[Event]) -> Vec<u32> {
    let to = |event: &Event| match &event.body {
        Body::Decided(decided) => match decided.decision {
            Decision::Scale { to, .. } => Some(to.0),
            Decision::Hold { .. } => None,
        },
        _ => None,
    };
    events.iter().filter_map(to).collect()
}

/// How many events are of a kind.
#[must_use]
pub fn of_kind(events: &[Event], kind: &Kind) -> usize {
    events
        .iter()
        .filter(|event| event.envelope.kind == *kind)
        .count()
}

/// How the plans of a workload ended.
#[must_use]
pub fn outcomes(events: &[Event], workload: &str) -> Vec<Outcome> {
    let of_workload = |event: &&Event| event.envelope.subject.to_string() == workload;
    let outcome = |event: &Event| match &event.body {
        Body::Actuated(actuated) => Some(actuated.outcome.clone()),
        _ => None,
    };
    events
        .iter()
        .filter(of_workload)
        .filter_map(outcome)
        .collect()
}
