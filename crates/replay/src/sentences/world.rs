//! What people and targets did.

use super::decision::decision_line;
use super::{long, replicas, until, way};
use headroom_model::body::{
    Actuated, Body, Direction, Drifted, Outcome, OverrideAction, OverrideSet, OverrideSlot,
    PauseDirection, Refusal,
};

/// What happened, in one line; `None` for kinds that nobody reads one by one.
#[must_use]
pub fn event_line(body: &Body) -> Option<String> {
    Some(match body {
        Body::Decided(decided) => decision_line(decided),
        Body::Recommended(said) => format!(
            "{} {}",
            said.rule,
            super::recommendation_line(&said.recommendation)
        ),
        Body::PolicyApplied(applied) => format!("policy applied by {}", applied.owner),
        Body::PolicyRemoved(removed) => {
            format!(
                "policy removed by {}, and its overrides with it; the target stays as it is",
                removed.owner
            )
        }
        Body::OverrideSet(set) => override_line(set),
        Body::OverrideCleared(cleared) => {
            let what = match cleared.what {
                OverrideSlot::Pin => "pin",
                OverrideSlot::Pause => "pause",
            };
            format!("{what} ended by {}", cleared.owner)
        }
        Body::ActuationStarted(started) => format!(
            "attempt {} to bring {} {} from {} to {}",
            started.attempt, started.target.kind, started.target.name, started.from, started.to
        ),
        Body::Actuated(actuated) => outcome_line(actuated),
        Body::Verified(verified) => format!(
            "{} of {} ready, {} after the start",
            verified.ready,
            replicas(verified.replicas),
            long(verified.took)
        ),
        Body::Drifted(drifted) => drift(drifted),
        Body::Observed(_) | Body::CollectionFailed(_) | Body::Ticked(_) | Body::Unknown { .. } => {
            return None;
        }
    })
}

/// How an attempt, or a plan without one, ended.
#[must_use]
pub fn outcome_line(actuated: &Actuated) -> String {
    let to = actuated.to;
    match &actuated.outcome {
        Outcome::Applied => format!("the target took {to}"),
        Outcome::Adopted => format!("after a crash the target was found to have {to} already"),
        Outcome::Failed { error, .. } => {
            let next = match actuated.ends_plan() {
                true => "given up",
                false => "to be tried again",
            };
            format!(
                "attempt {} to {to} failed, {next}: {error}",
                actuated.attempt
            )
        }
        Outcome::TimedOut { after_ms } => format!(
            "the target did not answer to {to} within {}",
            long(headroom_model::Span(*after_ms))
        ),
        Outcome::Unknown => format!(
            "a crash came between, and nobody knows whether the target took {to}: look at it"
        ),
        Outcome::Superseded { .. } => {
            format!("the plan to {to} made way for a newer one")
        }
        Outcome::Refused { reason } => {
            format!("the plan to {to} was refused: {}", refusal(*reason))
        }
    }
}

fn refusal(reason: Refusal) -> &'static str {
    match reason {
        Refusal::OlderGeneration => "a newer one was carried out already",
        Refusal::StaleRevision => "the policy has changed since",
        Refusal::OutOfBounds => "it is outside the policy's minimum and maximum",
        Refusal::NoPolicy => "the policy is gone",
        Refusal::TooOld => "it is older than a plan may be",
    }
}

/// An override: `pinned at 7 by ana until …: launch`.
#[must_use]
pub fn override_line(set: &OverrideSet) -> String {
    let what = match set.action {
        OverrideAction::Pin(count) => format!("pinned at {count}"),
        OverrideAction::Pause(PauseDirection::Both) => "scaling paused".to_owned(),
        OverrideAction::Pause(PauseDirection::Up) => {
            format!("scaling {} paused", way(Direction::Up))
        }
        OverrideAction::Pause(PauseDirection::Down) => {
            format!("scaling {} paused", way(Direction::Down))
        }
    };
    let end = until(set.expires_at, "until it is cleared");
    format!("{what} by {} {end}: {}", set.owner, set.reason)
}

fn drift(drifted: &Drifted) -> String {
    match drifted.expected {
        None => format!("found with {}", replicas(drifted.replicas)),
        Some(expected) if expected == drifted.replicas => match drifted.ready {
            Some(ready) => format!("found with {ready} of {} ready", replicas(expected)),
            None => format!("found with {}", replicas(expected)),
        },
        Some(expected) => format!(
            "found with {} where {expected} were expected: someone else changed it",
            replicas(drifted.replicas)
        ),
    }
}
