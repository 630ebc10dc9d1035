//! When to look at which workload again though nothing was heard of it.

use crate::workload::Workload;
use headroom_model::{Place, Timestamp, Workloads};
use std::collections::BTreeMap;

/// Workloads by the second of the instant that each waits for, which its own state has.
///
/// A new sample moves a deadline further away, and the queue does not follow: the workload is looked at when its old
/// deadline comes, and put back. So a sample costs nothing here, and a tick costs as much as there is to do. When a deadline
/// comes nearer the workload is entered again; what its state does not bear out is passed over.
#[derive(Clone, Debug, Default)]
pub(crate) struct Deadlines(BTreeMap<i64, Vec<Place>>);

impl Deadlines {
    /// The queue that the workloads' own states describe.
    pub(crate) fn of(workloads: &Workloads<Workload>) -> Self {
        let mut deadlines = Self::default();
        for (place, workload) in workloads.places() {
            if let Some(queued) = workload.queued {
                deadlines.enter(queued, place);
            }
        }
        deadlines
    }

    /// Sees to it that the workload is looked at no later than it must be.
    pub(crate) fn watch(&mut self, place: Place, workload: &mut Workload, now: Timestamp) {
        let Some(until) = workload.fresh_until(now) else {
            return;
        };
        if workload.queued.is_some_and(|queued| queued <= until) {
            return;
        }
        let before = workload.queued.replace(until);
        if before.map(second) != Some(second(until)) {
            self.enter(until, place);
        }
    }

    /// Takes out the workloads whose instant may have passed, each with the second it was entered for.
    pub(crate) fn take(&mut self, now: Timestamp) -> impl Iterator<Item = (i64, Place)> + use<> {
        let later = self.0.split_off(&(second(now) + 1));
        let passed = std::mem::replace(&mut self.0, later);
        let each = |(second, places): (i64, Vec<Place>)| {
            places.into_iter().map(move |place| (second, place))
        };
        passed.into_iter().flat_map(each)
    }

    /// Enters a workload that waits for an instant.
    pub(crate) fn enter(&mut self, until: Timestamp, place: Place) {
        self.0.entry(second(until)).or_default().push(place);
    }
}

/// The second that an instant is in.
pub(crate) fn second(at: Timestamp) -> i64 {
    at.0.div_euclid(1000)
}
