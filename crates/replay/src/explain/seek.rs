//! Finds the decision that was in force.

use super::{ExplainError, Which};
use crate::{gather, moment::rfc3339, sentences};
use headroom_log::{Filter, Log, LogError};
use headroom_model::body::{Body, Decided};
use headroom_model::{Event, Kind, Timestamp, WorkloadId};

/// What is told of a workload: everything but samples.
pub(super) struct Story {
    pub(super) workload: WorkloadId,
    pub(super) events: Vec<Event>,
}

/// Decisions, and what leads to them or follows. Samples are looked up one by one: there are too many.
const KINDS: [Kind; 10] = [
    Kind::PolicyApplied,
    Kind::PolicyRemoved,
    Kind::OverrideSet,
    Kind::OverrideCleared,
    Kind::Recommended,
    Kind::Decided,
    Kind::ActuationStarted,
    Kind::Actuated,
    Kind::Verified,
    Kind::Drifted,
];

impl Story {
    pub(super) async fn read(log: &dyn Log, workload: &WorkloadId) -> Result<Self, LogError> {
        let filter = Filter {
            kinds: KINDS.to_vec(),
            ..Filter::workload(workload)
        };
        Ok(Self {
            workload: workload.clone(),
            events: gather::story(log, filter).await?,
        })
    }
}

/// The decision, by its place among the events.
pub(super) fn decision(events: &[Event], which: Which, now: Timestamp) -> Option<usize> {
    let in_force = |event: &Event| match which {
        Which::Newest => true,
        Which::At(moment) => event.envelope.stamp <= moment.seen_from(now),
        Which::Seq(seq) => event.envelope.seq <= seq,
    };
    events
        .iter()
        .rposition(|event| matches!(event.body, Body::Decided(_)) && in_force(event))
}

/// The body of an event that [`decision`] found.
pub(super) fn decided(event: &Event) -> &Decided {
    match &event.body {
        Body::Decided(decided) => decided,
        other => unreachable!("only decisions are sought, and this is {}", other.kind()),
    }
}

/// Says what is missing for a decision.
pub(super) fn no_decision(
    events: &[Event],
    workload: &WorkloadId,
    which: Which,
    now: Timestamp,
) -> ExplainError {
    let moment = match which {
        Which::Newest => String::new(),
        Which::At(moment) => format!(" at {}", rfc3339(moment.seen_from(now))),
        Which::Seq(seq) => format!(" at seq {seq}"),
    };
    let first = events
        .iter()
        .find(|event| matches!(event.body, Body::Decided(_)));
    let policy = events
        .iter()
        .any(|event| matches!(event.body, Body::PolicyApplied(_)));
    let why = match first {
        Some(first) => format!(
            "the first decision that the log has came at {} (seq {}): {}",
            rfc3339(first.envelope.stamp),
            first.envelope.seq,
            sentences::decision_line(decided(first)),
        ),
        None if policy => {
            "its policy is in the log, and the planner has not answered it; is it running?"
                .to_owned()
        }
        None => "no policy was applied to it; `headroom apply -f FILE` does".to_owned(),
    };
    ExplainError::NoDecision {
        workload: workload.clone(),
        moment,
        why,
    }
}
