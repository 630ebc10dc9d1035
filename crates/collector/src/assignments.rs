//! What is to be collected: folded from the policies in the log.

use headroom_model::{Body, Event, EventId, Span, WorkloadId};
use headroom_policy::{MetricSource, Policy};
use std::{collections::BTreeMap, sync::Arc};

/// The shortest interval that is kept: a policy with a shorter one would keep the collector busy with nothing else.
pub const SHORTEST_INTERVAL: Span = Span(100);

/// All that one workload asks of one source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// The source's name in the service's configuration.
    pub source: Arc<str>,
    /// The workload.
    pub workload: WorkloadId,
    /// The metrics, by name. Not empty.
    pub metrics: Vec<Asked>,
    /// How far the task's instants lie after the multiples of its intervals.
    pub jitter: Span,
}

impl Task {
    /// A task whose jitter is a hash of source and workload, below the shortest interval: tasks spread over time, and
    /// every collector has the same instants.
    #[must_use]
    pub fn new(source: &str, workload: &WorkloadId, metrics: Vec<Asked>) -> Self {
        let shortest = metrics.iter().map(|asked| asked.interval.0).min();
        let name = format!("jitter\u{0}{source}\u{0}{workload}");
        let (hash, _) = EventId::named(&name).0.as_u64_pair();
        Self {
            source: source.into(),
            workload: workload.clone(),
            metrics,
            jitter: Span(hash % shortest.unwrap_or(1).max(1)),
        }
    }
}

/// One metric that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The metric's name in the policy.
    pub metric: String,
    /// What to ask the source, in its own language; the name of the metric where the policy says nothing.
    pub query: String,
    /// How often to ask; at least [`SHORTEST_INTERVAL`].
    pub interval: Span,
}

/// The tasks of every policy in force.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Assignments {
    by_workload: BTreeMap<WorkloadId, Vec<Arc<Task>>>,
}

/// What an event did to the assignments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// The tasks of this workload are others now, or gone.
    Tasks(WorkloadId),
    /// The policy cannot be read by this build: the former one stays in force. Says why.
    Unreadable(WorkloadId, String),
}

impl Assignments {
    /// Folds one event. Everything but policies is passed over.
    pub fn apply(&mut self, event: &Event) -> Change {
        let workload = &event.envelope.subject;
        let tasks = match &event.body {
            Body::PolicyApplied(applied) => match Policy::from_value(&applied.policy) {
                Ok(policy) => tasks(&policy, workload),
                Err(error) => return Change::Unreadable(workload.clone(), error.to_string()),
            },
            Body::PolicyRemoved(_) => Vec::new(),
            _ => return Change::None,
        };
        if self.of(workload) == tasks {
            return Change::None;
        }
        if tasks.is_empty() {
            self.by_workload.remove(workload);
        } else {
            self.by_workload.insert(workload.clone(), tasks);
        }
        Change::Tasks(workload.clone())
    }

    /// The tasks of one workload, by source; none when it has no policy.
    #[must_use]
    pub fn of(&self, workload: &WorkloadId) -> &[Arc<Task>] {
        self.by_workload.get(workload).map_or(&[], Vec::as_slice)
    }

    /// Every task, by workload and source.
    pub fn tasks(&self) -> impl Iterator<Item = &Arc<Task>> {
        self.by_workload.values().flatten()
    }

    /// Every workload that has tasks.
    pub fn workloads(&self) -> impl Iterator<Item = &WorkloadId> {
        self.by_workload.keys()
    }
}

/// One task a source. A metric that several rules read is asked for once, as often as the most eager of them wants.
fn tasks(policy: &Policy, workload: &WorkloadId) -> Vec<Arc<Task>> {
    let mut sources: BTreeMap<&str, BTreeMap<&str, Asked>> = BTreeMap::new();
    for MetricSource {
        metric,
        source,
        query,
        interval,
        ..
    } in policy.rules.iter().map(|rule| &rule.metric)
    {
        let interval = SHORTEST_INTERVAL.max(*interval);
        sources
            .entry(source)
            .or_default()
            .entry(metric)
            .and_modify(|asked| asked.interval = asked.interval.min(interval))
            .or_insert_with(|| Asked {
                metric: metric.clone(),
                query: query.clone().unwrap_or_else(|| metric.clone()),
                interval,
            });
    }
    sources
        .into_iter()
        .map(|(source, metrics)| {
            Arc::new(Task::new(source, workload, metrics.into_values().collect()))
        })
        .collect()
}

#[cfg(test)]
mod tests;
