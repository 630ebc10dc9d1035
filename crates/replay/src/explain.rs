//! Why a workload has the number it has, and why not another.

mod build;
mod names;
mod otherwise;
mod render;
mod seek;

pub use render::render;

use crate::moment::Moment;
use headroom_log::{Log, LogError};
use headroom_model::body::{Decision, Input, Mode, Recommendation, TrailStep};
use headroom_model::{EventId, Replicas, Seq, Timestamp, WorkloadId};
use serde::Serialize;
use thiserror::Error;

/// Which decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Which {
    /// The newest.
    #[default]
    Newest,
    /// The one in force at a moment.
    At(Moment),
    /// The one in force at a position, or there.
    Seq(Seq),
}

/// Why there is nothing to explain.
#[derive(Debug, Error)]
pub enum ExplainError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nothing in the log is about it.
    #[error("the log has nothing about {workload}; {hint}")]
    NoSuchWorkload {
        /// The workload asked for.
        workload: WorkloadId,
        /// The nearest names, or that there are none.
        hint: String,
    },
    /// The workload is known and nothing was decided about it yet.
    #[error("nothing was decided about {workload}{moment} yet: {why}")]
    NoDecision {
        /// The workload.
        workload: WorkloadId,
        /// ` at …` when a moment was asked for.
        moment: String,
        /// What is missing for one, or when the first came.
        why: String,
    },
}

/// Everything about one decision. The names of its fields are stable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The workload.
    pub workload: WorkloadId,
    /// The decision in one line.
    pub summary: String,
    /// The decision.
    pub decision: Chosen,
    /// The policy that was followed.
    pub policy: Followed,
    /// What each rule wanted, and from which numbers, in the order of their names.
    pub rules: Vec<RuleSaid>,
    /// Every step from the wishes to the choice, in order.
    pub trail: Vec<Step>,
    /// Overrides in force when it was decided.
    pub overrides: Vec<Told>,
    /// What followed from it, in order.
    pub happened: Vec<Told>,
    /// From the newest sample that a rule used to the target having the number, in milliseconds.
    pub sample_to_action_milliseconds: Option<u64>,
    /// What would have to change for another number.
    pub otherwise: Vec<String>,
}

/// The decision.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Chosen {
    /// Its position, which is its generation too.
    pub seq: Seq,
    /// Its event.
    pub id: EventId,
    /// When it was decided.
    pub at: Timestamp,
    /// The choice, as it is recorded.
    pub choice: Decision,
    /// Whether it was meant to be applied.
    pub mode: Mode,
    /// When the next decision took its place; `None` while it is the newest.
    pub until: Option<Timestamp>,
    /// The event that it answers.
    pub cause: Option<Told>,
}

/// The policy that was followed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Followed {
    /// Its revision: the position of the event that applied it.
    pub revision: Seq,
    /// When it was applied; `None` when the log no longer has that event.
    pub applied_at: Option<Timestamp>,
    /// Who applied it.
    pub owner: Option<String>,
    /// Why it is as it is, in the words of its owner.
    pub justification: Option<String>,
    /// The fewest replicas.
    pub min_replicas: Option<Replicas>,
    /// The most replicas.
    pub max_replicas: Option<Replicas>,
}

/// What a rule wanted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuleSaid {
    /// The rule.
    pub rule: String,
    /// How many replicas it wanted; `None` when it had no opinion or could not say.
    pub replicas: Option<Replicas>,
    /// What it said, in a sentence.
    pub sentence: String,
    /// The event that said so.
    pub event: EventId,
    /// Its position.
    pub seq: Seq,
    /// When it said so; `None` when the log no longer has the event.
    pub at: Option<Timestamp>,
    /// What it said, as it is recorded.
    pub recommendation: Option<Recommendation>,
    /// The values that it looked at.
    pub inputs: Vec<LookedAt>,
}

/// A value that a rule looked at, and the event that brought it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LookedAt {
    /// The value, in a sentence.
    pub sentence: String,
    /// The value, as the rule recorded it. JSON has no NaN: it becomes `null`.
    pub input: Input,
    /// The source that said so; `None` when the log no longer has the event.
    pub source: Option<String>,
    /// When the log had it.
    pub accepted_at: Option<Timestamp>,
}

/// A step.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What it did, in a sentence.
    pub sentence: String,
    /// What it did, as it is recorded.
    pub step: TrailStep,
}

/// An event, told in a sentence.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Told {
    /// Its position.
    pub seq: Seq,
    /// Its id.
    pub id: EventId,
    /// When the log had it.
    pub at: Timestamp,
    /// Its kind.
    pub kind: String,
    /// What happened.
    pub sentence: String,
}

/// Explains a decision about a workload.
///
/// It works from the ledger alone too, when the samples are long gone: the decision holds the values of every step.
///
/// # Errors
/// When the log cannot be read, has nothing about the workload, or no decision by then.
pub async fn explain(
    log: &dyn Log,
    workload: &WorkloadId,
    which: Which,
) -> Result<Explanation, ExplainError> {
    let story = seek::Story::read(log, workload).await?;
    if story.events.is_empty() {
        return Err(names::no_such_workload(log, workload).await?);
    }
    let bounds = log.bounds().await?;
    let found = seek::decision(&story.events, which, bounds.last_stamp)
        .ok_or_else(|| seek::no_decision(&story.events, workload, which, bounds.last_stamp))?;
    Ok(build::build(log, &story, found).await?)
}
