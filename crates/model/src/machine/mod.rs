//! What a machine is: facts are folded in, choices come out, and nothing else happens.

mod answer;
mod audit;
mod commit;
mod fold;
mod live;
mod stepped;

pub use answer::{as_own, difference, output_event};
pub use audit::{Audit, Difference};
pub use commit::{Committed, Moment, Proposal, Stop, Taken, Unanswered};
pub use fold::Fold;
pub use live::{Live, Writer};
pub use stepped::Stepped;

use crate::{Body, Event, Kind, Service, WorkloadId};
use serde::{Serialize, de::DeserializeOwned};

/// A pure, deterministic service core. The same events in the same order give the same state and the same outputs.
///
/// Time is the stamp of the newest event. `apply` never chooses and `decide` never changes, so that replay, standby,
/// verification and what-if are the same two calls in another order.
pub trait Machine: Clone + Default + Serialize + DeserializeOwned {
    /// The token under which outputs are written, and the name of the head.
    const SERVICE: Service;
    /// Grows with every change that could give other outputs for the same inputs.
    const BEHAVIOUR: u32;
    /// The version of the state's serialized form.
    const STATE: u16;
    /// Work that must be under way outside.
    type Job: Clone + PartialEq + std::fmt::Debug;

    /// The kinds of events that are inputs. Own outputs need not be named: the machine's producer gives them away.
    fn inputs() -> &'static [Kind];

    /// Whether an event of one of these kinds is an input: every event that others wrote.
    fn is_input(service: Service, kind: &Kind) -> bool {
        service != Self::SERVICE && Self::inputs().contains(kind)
    }

    /// Folds a fact into the state: an input, or an own output once it is decided. It has happened, so this cannot fail.
    fn apply(&mut self, event: &Event);

    /// What follows from `input`, which has just been applied. Chooses, changes nothing.
    fn decide(&self, input: &Event) -> Vec<Output>;

    /// Work that must be under way now, derived from the state, so that nothing in flight is lost by a crash.
    fn outstanding(&self) -> Vec<Self::Job>;
}

/// What a machine says about a workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Output {
    /// The workload.
    pub subject: WorkloadId,
    /// What it says.
    pub body: Body,
}

impl Output {
    /// An output about `subject`.
    #[must_use]
    pub fn new(subject: &WorkloadId, body: impl Into<Body>) -> Self {
        Self {
            subject: subject.clone(),
            body: body.into(),
        }
    }
}
