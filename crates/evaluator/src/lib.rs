//! The evaluator: observations in, recommendations out. Knows no clock, no bus, no cluster.
//!
//! Each rule of a policy gives a recommendation with its reason and the values that led to it. It is written when its
//! number or the kind of its reason changes, and stands until the next one.
//!
//! **Missing is never zero.** A sample that came late, or from the future, is never evaluated, and neither is one that is
//! no number. While a source fails, its last good sample stands until it outlives its freshness; when a source answers that
//! there is no such series, or gives NaN, its rules cannot say at once (see [`quality`]).
//!
//! **Order does not matter where it cannot be relied on.** A sample that is not newer than the last one of its rule changes
//! nothing: neither a repeated delivery nor an overtaken one.
//!
//! A failure of a whole source, told about no workload, changes nothing here: its rules hear nothing, and go stale.

mod deadlines;
mod fleet;
mod gathering;
pub mod hpa;
mod listing;
pub mod proportional;
pub mod quality;
mod reckoning;
mod replicas;
mod rule;
mod samples;
mod threshold;
mod workload;

pub use fleet::SETTLED_AFTER;

use deadlines::{Deadlines, second};
use headroom_model::{
    Body, Event, Kind, Machine, Output, Service, Timestamp, WorkloadId, Workloads,
};
use serde::{Deserialize, Serialize};
use workload::Workload;

/// Turns observations into recommendations.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "State")]
pub struct Evaluator {
    /// The newest stamp.
    now: Timestamp,
    workloads: Workloads<Workload>,
    /// Workloads that the newest input made due, in the order of their deadlines: those that may have something to say.
    due: Vec<WorkloadId>,
    #[serde(skip)]
    deadlines: Deadlines,
}

/// What is written of an [`Evaluator`]: all but what follows from the rest.
#[derive(Deserialize)]
struct State {
    now: Timestamp,
    workloads: Workloads<Workload>,
    due: Vec<WorkloadId>,
}

impl From<State> for Evaluator {
    fn from(state: State) -> Self {
        Self {
            deadlines: Deadlines::of(&state.workloads),
            now: state.now,
            workloads: state.workloads,
            due: state.due,
        }
    }
}

impl Machine for Evaluator {
    const SERVICE: Service = Service::Evaluator;
    const BEHAVIOUR: u32 = 3; // 2 passed over replicas that nobody lists and no reading names
    const STATE: u16 = 4; // 3 had workloads due that had nothing to say
    type Job = ();

    fn inputs() -> &'static [Kind] {
        &[
            Kind::Observed,
            Kind::CollectionFailed,
            Kind::Ticked,
            Kind::PolicyApplied,
            Kind::PolicyRemoved,
            Kind::Actuated,
            Kind::Verified,
            Kind::Drifted,
        ]
    }

    fn apply(&mut self, event: &Event) {
        let subject = &event.envelope.subject;
        if let Body::Recommended(recommended) = &event.body {
            if let Some(workload) = self.workloads.get_mut(subject) {
                workload.said(recommended);
            }
            return;
        }
        self.now = self.now.max(event.envelope.stamp);
        self.due.clear();
        match &event.body {
            Body::Ticked(_) => self.wake(),
            Body::PolicyApplied(_) | Body::Actuated(_) | Body::Verified(_) | Body::Drifted(_) => {
                let (place, workload) = self.workloads.begin(subject);
                workload.apply(event, self.now);
                self.deadlines.watch(place, workload, self.now);
            }
            Body::Observed(_) | Body::CollectionFailed(_) | Body::PolicyRemoved(_) => {
                if let Some((place, workload)) = self.workloads.find(subject) {
                    workload.apply(event, self.now);
                    self.deadlines.watch(place, workload, self.now);
                }
            }
            _ => {}
        }
    }

    fn decide(&self, input: &Event) -> Vec<Output> {
        let mut news = Vec::new();
        let subject = std::slice::from_ref(&input.envelope.subject);
        let concerned = match &input.body {
            Body::Ticked(_) => self.due.as_slice(),
            _ => subject,
        };
        for id in concerned {
            if let Some(workload) = self.workloads.get(id) {
                workload.news(id, self.now, &mut news);
            }
        }
        news
    }

    fn outstanding(&self) -> Vec<()> {
        Vec::new()
    }
}

impl Evaluator {
    /// Looks at the workloads whose deadline has passed, and has them wait for their next one.
    fn wake(&mut self) {
        let mut due = Vec::new();
        for (entered, place) in self.deadlines.take(self.now) {
            let Some((id, workload)) = self.workloads.at(place) else {
                continue;
            };
            let Some(queued) = workload.queued.filter(|at| second(*at) == entered) else {
                continue; // it was entered again, for another second
            };
            if queued >= self.now {
                self.deadlines.enter(queued, place);
                continue;
            }
            workload.queued = None;
            if workload.wake(self.now) {
                due.push((queued, id.clone()));
            }
            self.deadlines.watch(place, workload, self.now);
        }
        due.sort_unstable();
        self.due.extend(due.into_iter().map(|(_, id)| id));
    }
}
