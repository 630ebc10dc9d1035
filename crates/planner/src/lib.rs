//! Pure machine: recommendations, overrides and the fleet's state to decisions.
//!
//! One file per step, each a pure function that gives the new number and an entry for the trail; [`decide`](mod@decide)
//! runs them in order. What is remembered between events is in `workload`; what counts as news is in [`news`].

pub mod bounds;
pub mod cooldown;
mod decide;
pub mod flight;
pub mod history;
pub mod join;
pub mod news;
pub mod overrides;
pub mod periods;
pub mod rate;
pub mod recommendations;
pub mod scale_events;
pub mod stabilize;
pub mod step;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod workload;

use headroom_model::{
    Body, Event, Kind, Machine, Output, Seq, Service, Timestamp, WorkloadId, Workloads,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use workload::Workload;

/// Decides how many replicas each workload should have.
///
/// An input makes it look at the workload it is about; a tick at those whose own time has come, and at no others, so the
/// cost of an event does not grow with the number of workloads.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Planner {
    now: Timestamp,
    /// The newest input: one that is delivered again was folded before.
    seen: Seq,
    /// The newest tick: agenda entries up to here are answered with it.
    ticked: Timestamp,
    workloads: Workloads<Workload>,
    /// When to look at a workload again though nothing happens to it.
    agenda: BTreeSet<(Timestamp, WorkloadId)>,
}

impl Machine for Planner {
    const SERVICE: Service = Service::Planner;
    const BEHAVIOUR: u32 = 3; // 2 took a policy without behavior for one with an empty one
    const STATE: u16 = 2; // 1 knew no evaluation
    type Job = ();

    fn inputs() -> &'static [Kind] {
        &[
            Kind::PolicyApplied,
            Kind::PolicyRemoved,
            Kind::OverrideSet,
            Kind::OverrideCleared,
            Kind::Recommended,
            Kind::Actuated,
            Kind::Verified,
            Kind::Drifted,
            Kind::Ticked,
        ]
    }

    fn apply(&mut self, event: &Event) {
        let envelope = &event.envelope;
        // An own output comes with its cause's stamp and without a position: it moves neither time nor `seen`.
        if !matches!(event.body, Body::Decided(_)) {
            if envelope.seq != Seq::ZERO && envelope.seq <= self.seen {
                return;
            }
            self.seen = self.seen.max(envelope.seq);
            self.put_off_what_was_answered();
            self.now = self.now.max(envelope.stamp);
        }
        match event.body {
            Body::Ticked(_) => {
                self.ticked = self.now;
                self.end_periods();
            }
            Body::Unknown { .. } => {}
            _ => {
                let now = self.now;
                self.change(&envelope.subject, |workload| workload.apply(event, now));
            }
        }
    }

    fn decide(&self, input: &Event) -> Vec<Output> {
        match input.body {
            Body::Ticked(_) => self.due().filter_map(|id| self.answer(id)).collect(),
            Body::Decided(_) | Body::Unknown { .. } => Vec::new(),
            _ => self.answer(&input.envelope.subject).into_iter().collect(),
        }
    }

    fn outstanding(&self) -> Vec<()> {
        Vec::new()
    }
}

impl Planner {
    fn answer(&self, id: &WorkloadId) -> Option<Output> {
        let decided = decide::decide(self.workloads.get(id)?, self.now, self.seen)?;
        Some(Output::new(id, decided))
    }

    /// The workloads whose time has come with the newest tick, in the order of their times.
    fn due(&self) -> impl Iterator<Item = &WorkloadId> {
        let due = |(at, _): &&(Timestamp, WorkloadId)| *at <= self.ticked;
        self.agenda.iter().take_while(due).map(|(_, id)| id)
    }

    /// Ends the periods that are over at the newest tick. The workloads stay on the agenda until the tick is answered.
    fn end_periods(&mut self) {
        let (now, seen) = (self.now, self.seen);
        let over = |id: &&WorkloadId| {
            let workload = self.workloads.get(id);
            workload.is_some_and(|workload| workload.is_due(now))
        };
        let over: Vec<WorkloadId> = self.due().filter(over).cloned().collect();
        for id in &over {
            if let Some(workload) = self.workloads.get_mut(id) {
                workload.end_period(now, seen);
            }
        }
    }

    /// What was due at the newest tick is answered by now, with or without news: it is due again when time next matters.
    fn put_off_what_was_answered(&mut self) {
        let ticked = self.ticked;
        let due = |first: &(Timestamp, WorkloadId)| first.0 <= ticked;
        while self.agenda.first().is_some_and(due)
            && let Some((_, id)) = self.agenda.pop_first()
        {
            let now = self.now;
            self.change(&id, |workload| workload.refresh(now));
        }
    }

    /// Changes a workload, and sees to when it must be looked at again.
    fn change(&mut self, id: &WorkloadId, change: impl FnOnce(&mut Workload)) {
        let workload = match self.workloads.get_mut(id) {
            Some(workload) => workload,
            None => self.workloads.entry(id),
        };
        change(workload);
        let before = workload.wake_at;
        let gone = workload.forgettable();
        let next = workload.next_wake(self.now).filter(|_| !gone);
        workload.wake_at = next;
        if gone {
            self.workloads.remove(id);
        }
        if before == next {
            return; // the usual case; an entry that was taken out was due, and the next time never is
        }
        if let Some(at) = before {
            self.agenda.remove(&(at, id.clone()));
        }
        if let Some(at) = next {
            self.agenda.insert((at, id.clone()));
        }
    }
}
