//! Pure machine: the life of an actuation, from `decided` to its outcome.
//!
//! Decides what must be under way; the doing, and the waiting for answers, is the shell's. One attempt per target at a
//! time. What the shell does with an attempt after a crash is in [`attempt`], as pure functions.

pub mod attempt;
pub mod hands;
mod job;
mod plan;
mod workload;

pub use job::{Job, Order, Watched};

use headroom_model::{Body, Event, Kind, Machine, Output, Service, Span, Timestamp, WorkloadId};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use workload::Workload;

/// So long the actuator waits for the planner to answer a pin before it carries the pin out itself: an emergency
/// override works while every other service is down.
pub const OVERRIDE_PATIENCE: Span = Span::seconds(5);

/// All workloads' actuations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Actuator {
    now: Timestamp,
    workloads: BTreeMap<WorkloadId, Workload>,
    /// When a workload must be looked at again though nothing happens to it.
    due: BTreeSet<(Timestamp, WorkloadId)>,
    /// Those whose time has come with the newest input.
    ripe: BTreeSet<WorkloadId>,
    /// Those with an attempt or a verification under way.
    busy: BTreeSet<WorkloadId>,
}

impl Machine for Actuator {
    const SERVICE: Service = Service::Actuator;
    const BEHAVIOUR: u32 = 1;
    const STATE: u16 = 1;
    type Job = Job;

    fn inputs() -> &'static [Kind] {
        &[
            Kind::PolicyApplied,
            Kind::PolicyRemoved,
            Kind::OverrideSet,
            Kind::OverrideCleared,
            Kind::Decided,
            Kind::Actuated,
            Kind::Verified,
            Kind::Drifted,
            Kind::Ticked,
        ]
    }

    fn apply(&mut self, event: &Event) {
        self.now = self.now.max(event.envelope.stamp);
        let own = event.envelope.producer.service == Self::SERVICE;
        if !own {
            self.ripen();
        }
        if matches!(event.body, Body::Ticked(_) | Body::Unknown { .. }) {
            return;
        }
        let id = &event.envelope.subject;
        let workload = self.workloads.entry(id.clone()).or_default();
        let before = workload.due();
        workload.apply(event, self.now);
        if workload.due() != before {
            before.map(|at| self.due.remove(&(at, id.clone())));
            workload.due().map(|at| self.due.insert((at, id.clone())));
        }
        if workload.busy() {
            self.busy.insert(id.clone());
        } else {
            self.busy.remove(id);
        }
        if workload.forgettable() {
            self.workloads.remove(id);
        }
    }

    fn decide(&self, input: &Event) -> Vec<Output> {
        let touched = &input.envelope.subject;
        std::iter::once(touched)
            .chain(self.ripe.iter().filter(|id| *id != touched))
            .filter_map(|id| Some((id, self.workloads.get(id)?)))
            .flat_map(|(id, workload)| {
                workload.decide(self.now).into_iter().map(|body| Output {
                    subject: id.clone(),
                    body,
                })
            })
            .collect()
    }

    fn outstanding(&self) -> Vec<Job> {
        self.busy
            .iter()
            .filter_map(|id| self.workloads.get(id)?.job(id))
            .collect()
    }
}

impl Actuator {
    /// Moves what is due into `ripe`.
    fn ripen(&mut self) {
        self.ripe.clear();
        while let Some((at, id)) = self.due.pop_first() {
            if at > self.now {
                self.due.insert((at, id));
                break;
            }
            self.ripe.insert(id);
        }
    }

    /// Every target with a policy, and what the log last said of it: what the shell looks at for drift.
    pub fn watched(&self) -> impl Iterator<Item = Watched> + '_ {
        self.workloads
            .iter()
            .filter_map(|(id, workload)| workload.watched(id))
    }

    /// One target of [`Actuator::watched`].
    #[must_use]
    pub fn watched_one(&self, workload: &WorkloadId) -> Option<Watched> {
        self.workloads.get(workload)?.watched(workload)
    }
}
