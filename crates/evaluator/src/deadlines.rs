//! When to look at which workload again though nothing was heard of it.

use crate::workload::Workload;
use headroom_model::{Timestamp, WorkloadId, Workloads};
use std::collections::BTreeSet;

/// Workloads in the order of the instants they wait for. Each is there at most once, and its own state says when.
///
/// A new sample moves a deadline further away, and the queue does not follow: the workload is looked at when its old
/// deadline comes, and put back. So a sample costs nothing here, and a tick costs as much as there is to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines(BTreeSet<(Timestamp, WorkloadId)>);

impl Deadlines {
    /// The queue that the workloads' own states describe.
    pub(crate) fn of(workloads: &Workloads<Workload>) -> Self {
        let queued = workloads
            .iter()
            .filter_map(|(id, workload)| Some((workload.queued?, id.clone())));
        Self(queued.collect())
    }

    /// Sees to it that the workload is looked at no later than it must be.
    pub(crate) fn watch(&mut self, id: &WorkloadId, workload: &mut Workload, now: Timestamp) {
        let Some(until) = workload.fresh_until(now) else {
            return;
        };
        if workload.queued.is_some_and(|queued| queued <= until) {
            return;
        }
        if let Some(queued) = workload.queued.replace(until) {
            self.0.remove(&(queued, id.clone()));
        }
        self.0.insert((until, id.clone()));
    }

    /// Takes out the workload whose instant passed first, if one did.
    pub(crate) fn pop(&mut self, now: Timestamp) -> Option<WorkloadId> {
        if self.0.first()?.0 >= now {
            return None;
        }
        self.0.pop_first().map(|(_, id)| id)
    }
}
