//! When to look at which target, and what to say of what is seen.

use super::HandsOptions;
use super::calls::Looked;
use headroom_actuator::hands::{drifted, verified};
use headroom_actuator::{Actuator, Job};
use headroom_model::body::TargetRef;
use headroom_model::machine::{Live, Machine as _};
use headroom_model::{Event, EventId, Producer, WorkloadId};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Targets are gone through at most this often.
const SCAN_EVERY: Duration = Duration::from_millis(100);
/// At most so many looks are under way at a time.
const LOOKS: usize = 64;
/// The same finding is not written again within this time: the log may be slow to show it.
const SAME_AGAIN: Duration = Duration::from_secs(5);

/// When each target was last looked at, and what was said of it.
pub(super) struct Watch {
    watch_every: Duration,
    verify_every: Duration,
    next_scan: Instant,
    last: BTreeMap<WorkloadId, Instant>,
    looking: BTreeSet<WorkloadId>,
    said: BTreeMap<WorkloadId, (Looked, Instant)>,
}

impl Watch {
    pub(super) fn new(options: &HandsOptions) -> Self {
        Self {
            watch_every: options.watch_every,
            verify_every: options.verify_every,
            next_scan: Instant::now(),
            last: BTreeMap::new(),
            looking: BTreeSet::new(),
            said: BTreeMap::new(),
        }
    }

    /// Looks under way are forgotten; what was seen is not.
    pub(super) fn let_go(&mut self) {
        self.looking.clear();
    }

    /// The targets to look at now.
    pub(super) fn due(&mut self, jobs: &[Job], machine: &Actuator) -> Vec<(WorkloadId, TargetRef)> {
        let now = Instant::now();
        if now < self.next_scan {
            return Vec::new();
        }
        self.next_scan = now + SCAN_EVERY;
        let verifying: BTreeSet<_> = jobs
            .iter()
            .filter(|job| matches!(job, Job::Verify { .. }))
            .map(Job::workload)
            .collect();
        let mut due = Vec::new();
        for watched in machine.watched() {
            if self.looking.len() >= LOOKS {
                break;
            }
            let every = if verifying.contains(&watched.workload) {
                self.verify_every
            } else {
                self.watch_every
            };
            let rested = self
                .last
                .get(&watched.workload)
                .is_none_or(|last| now.duration_since(*last) >= every);
            if rested && !watched.busy && self.looking.insert(watched.workload.clone()) {
                self.last.insert(watched.workload.clone(), now);
                due.push((watched.workload, watched.target));
            }
        }
        due
    }

    /// What a look showed, as facts.
    pub(super) fn looked(
        &mut self,
        workload: &WorkloadId,
        found: Option<Looked>,
        live: &Live<Actuator>,
        producer: &Producer,
    ) -> Option<Event> {
        self.looking.remove(workload);
        let (found, now) = (found?, live.stamp());
        let again = self
            .said
            .get(workload)
            .is_some_and(|(said, at)| *said == found && at.elapsed() < SAME_AGAIN);
        if again {
            return None;
        }
        let machine = live.machine();
        let job = machine
            .outstanding()
            .into_iter()
            .find(|job| job.workload() == workload);
        let watched = machine.watched_one(workload)?;
        let fact = match &job {
            Some(job @ Job::Verify { order, .. })
                if found.assumed || found.replicas == order.to =>
            {
                let replicas = if found.assumed {
                    order.to
                } else {
                    found.replicas
                };
                verified(job, replicas, found.ready, now, producer)
            }
            _ if found.assumed && watched.known.is_some() => None,
            _ => {
                let id = EventId(Uuid::now_v7());
                drifted(&watched, found.replicas, found.ready, id, now, producer)
            }
        }?;
        self.said.insert(workload.clone(), (found, Instant::now()));
        Some(fact)
    }
}
