//! When what is asked. Pure: the time is an argument, and the same policies give every collector the same instants.

use crate::assignments::{Asked, Task};
use headroom_model::{Span, Timestamp, WorkloadId};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// A step back of the clock that is larger than this makes every task due anew; a smaller one is waited out.
const STEP_BACK: Span = Span::seconds(1);

/// Which task: its workload and its source.
pub type TaskKey = (WorkloadId, Arc<str>);

impl Task {
    /// What names the task among all others.
    #[must_use]
    pub fn key(&self) -> TaskKey {
        (self.workload.clone(), Arc::clone(&self.source))
    }

    /// The first instant after `after` at which a metric is due.
    #[must_use]
    pub fn due_after(&self, after: Timestamp) -> Timestamp {
        let first = |asked: &Asked| self.grid(asked, after).0.saturating_add(length(asked));
        let due = self.metrics.iter().map(first).min();
        due.map_or(Timestamp::FAR_FUTURE, Timestamp)
    }

    /// The last instant up to and with `now` at which a metric was due.
    #[must_use]
    pub fn due_by(&self, now: Timestamp) -> Timestamp {
        let due = self.metrics.iter().map(|asked| self.grid(asked, now)).max();
        due.unwrap_or(now)
    }

    /// The metrics that are due at exactly this instant.
    #[must_use]
    pub fn metrics_at(&self, due: Timestamp) -> Vec<Asked> {
        self.metrics
            .iter()
            .filter(|asked| self.grid(asked, due) == due)
            .cloned()
            .collect()
    }

    /// The last instant of one metric up to and with `now`: a multiple of its interval plus the jitter.
    fn grid(&self, asked: &Asked, now: Timestamp) -> Timestamp {
        let jitter = i64::try_from(self.jitter.0).unwrap_or(0);
        let since = now.0.saturating_sub(jitter);
        let multiple = since.saturating_sub(since.rem_euclid(length(asked)));
        Timestamp(multiple.saturating_add(jitter))
    }
}

/// The interval as a number that can be added to a moment; never zero.
fn length(asked: &Asked) -> i64 {
    i64::try_from(asked.interval.0).unwrap_or(i64::MAX).max(1)
}

/// A task whose time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The task.
    pub task: Arc<Task>,
    /// The instant, which is in the id of what comes of it.
    pub due: Timestamp,
    /// The metrics due then.
    pub metrics: Vec<Asked>,
    /// Instants since the turn before this one that had to be skipped: the first and the last.
    pub skipped: Option<(Timestamp, Timestamp)>,
}

/// The tasks, and when each is due next.
#[derive(Debug, Default)]
pub struct Schedule {
    entries: BTreeMap<TaskKey, Entry>,
    queue: BTreeSet<(Timestamp, TaskKey)>,
    now: Timestamp,
}

#[derive(Debug)]
struct Entry {
    task: Arc<Task>,
    next: Timestamp,
    running: bool,
    skipped: Option<(Timestamp, Timestamp)>,
}

impl Schedule {
    /// Sets the tasks of a workload; those it had before and has no longer are forgotten. New and changed ones are first
    /// due after `now`.
    pub fn assign(&mut self, workload: &WorkloadId, tasks: &[Arc<Task>], now: Timestamp) {
        let held: Vec<TaskKey> = self
            .entries
            .range((workload.clone(), Arc::from(""))..)
            .map(|(key, _)| key.clone())
            .take_while(|(of, _)| of == workload)
            .collect();
        for key in held {
            let stays = tasks.iter().any(|task| task.key() == key);
            if !stays && let Some(entry) = self.entries.remove(&key) {
                self.queue.remove(&(entry.next, key));
            }
        }
        for task in tasks {
            self.put(task, now);
        }
    }

    fn put(&mut self, task: &Arc<Task>, now: Timestamp) {
        let key = task.key();
        let former = self.entries.remove(&key);
        if let Some(former) = &former {
            self.queue.remove(&(former.next, key.clone()));
        }
        let next = task.due_after(now);
        self.queue.insert((next, key.clone()));
        let entry = Entry {
            task: Arc::clone(task),
            next,
            running: former.as_ref().is_some_and(|former| former.running),
            skipped: former.and_then(|former| former.skipped),
        };
        self.entries.insert(key, entry);
    }

    /// How many tasks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The next instant at which something is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.queue.first().map(|(due, _)| *due)
    }

    /// The turns whose time has come, each to be ended with [`Schedule::finished`]. Of several instants of a task that
    /// went by unseen, only the newest has a turn; one that comes while the task is still at work is skipped.
    pub fn poll(&mut self, now: Timestamp) -> Vec<Turn> {
        let mut turns = Vec::new();
        for (key, first, due) in self.passed(now) {
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            let before = entry.task.due_by(due.minus(Span(1)));
            if entry.running || before >= first {
                let last = if entry.running { due } else { before };
                let from = entry.skipped.map_or(first, |(from, _)| from);
                entry.skipped = Some((from, last));
            }
            if !entry.running {
                entry.running = true;
                turns.push(Turn {
                    task: Arc::clone(&entry.task),
                    due,
                    metrics: entry.task.metrics_at(due),
                    skipped: entry.skipped.take(),
                });
            }
        }
        turns
    }

    /// Passes over everything whose time has come, and says which sources were not asked, and at which first and last
    /// instant.
    pub fn pass_over(&mut self, now: Timestamp) -> Vec<(Arc<str>, Timestamp, Timestamp)> {
        self.passed(now)
            .into_iter()
            .map(|((_, source), first, due)| (source, first, due))
            .collect()
    }

    /// A turn has ended: the task can have the next one.
    pub fn finished(&mut self, key: &TaskKey) {
        if let Some(entry) = self.entries.get_mut(key) {
            entry.running = false;
        }
    }

    /// The tasks that are due, each with its first and its newest instant up to now; all are moved on to the next one.
    fn passed(&mut self, now: Timestamp) -> Vec<(TaskKey, Timestamp, Timestamp)> {
        if now < self.now.minus(STEP_BACK) {
            self.start_over(now);
        }
        self.now = self.now.max(now);
        let mut passed = Vec::new();
        while self.next_due().is_some_and(|due| due <= now)
            && let Some((first, key)) = self.queue.pop_first()
        {
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            let newest = entry.task.due_by(now);
            entry.next = entry.task.due_after(now);
            self.queue.insert((entry.next, key.clone()));
            passed.push((key, first, newest));
        }
        passed
    }

    fn start_over(&mut self, now: Timestamp) {
        self.now = now;
        self.queue.clear();
        for (key, entry) in &mut self.entries {
            entry.next = entry.task.due_after(now);
            self.queue.insert((entry.next, key.clone()));
        }
    }
}

#[cfg(test)]
mod tests;
