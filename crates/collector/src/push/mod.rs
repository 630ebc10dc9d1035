//! Readings that others send: from the command line, and over NATS.

pub mod nats;
mod replicas;
mod request;
mod send;

pub use replicas::{LONGEST_REPLICA, MOST_REPLICAS, ReplicaValues, ReplicasError};

use crate::{
    clock::Clock,
    facts::Facts,
    settings::{PUSH, Settings, SettingsError},
    sources::{Source, Sources},
    status::{PushOutcome, Status},
};
use headroom_log::{Accepted, Log, LogError};
use headroom_model::{
    Event, Timestamp, WorkloadId,
    body::{Measured, Reading},
};
use std::{sync::Arc, time::Duration};
use thiserror::Error;

/// The longest wait for the log to take a push.
const APPEND_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest name of a metric, in bytes.
const LONGEST_METRIC: usize = 253;

/// One reading that somebody sends.
#[derive(Clone, Debug, PartialEq)]
pub struct Push {
    /// A source of kind `push`; [`PUSH`] unless the configuration has others.
    pub source: String,
    /// The metric's name in the policy.
    pub metric: String,
    /// What it is.
    pub value: PushValue,
    /// When it was so; now, if the sender does not say.
    pub at: Option<Timestamp>,
}

/// What somebody sends of a metric.
#[derive(Clone, Debug, PartialEq)]
pub enum PushValue {
    /// One number for the whole workload. One that is not finite is kept and never obeyed.
    Total(f64),
    /// One number for each replica.
    PerReplica(ReplicaValues),
}

impl Push {
    /// A reading of now of the whole workload, for the source named `push`.
    #[must_use]
    pub fn new(metric: &str, value: f64) -> Self {
        Self {
            source: PUSH.to_owned(),
            metric: metric.to_owned(),
            value: PushValue::Total(value),
            at: None,
        }
    }
}

impl From<PushValue> for Measured {
    fn from(value: PushValue) -> Self {
        match value {
            PushValue::Total(value) => Self::Total(value),
            PushValue::PerReplica(values) => {
                let (replicas, values) = values.into_columns();
                Self::PerReplica { replicas, values }
            }
        }
    }
}

/// A push that was not taken.
#[derive(Debug, Error)]
pub enum PushError {
    /// The source it names takes none.
    #[error(
        "no source {0:?} takes pushed readings; name one of kind push in the collector's configuration, or leave it out"
    )]
    Source(String),
    /// The metric has no name, or a very long one.
    #[error("a metric's name has 1 to {LONGEST_METRIC} bytes, this one has {0}")]
    Metric(usize),
    /// The log did not take it. Nothing is kept: send it again.
    #[error("the reading was not taken; send it again later")]
    Log(#[from] LogError),
    /// No answer in time. It may have been taken.
    #[error("the log did not answer in time; send the reading again")]
    TimedOut,
}

/// Takes readings that others send, and writes each at once.
#[derive(Clone)]
pub struct Pusher {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) sources: Sources,
    pub(crate) facts: Facts,
    pub(crate) status: Arc<Status>,
    pub(crate) clock: Clock,
}

impl Pusher {
    /// A pusher without a collector, as the command line has it on an embedded log.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(
        log: Arc<dyn Log>,
        settings: &Settings,
        instance: &str,
        status: Arc<Status>,
    ) -> Result<Self, SettingsError> {
        Ok(Self {
            log,
            sources: Sources::build(settings)?,
            facts: Facts::new(instance),
            status,
            clock: Clock::wall(),
        })
    }

    /// Writes one reading and waits until the log has it.
    ///
    /// # Errors
    /// When it names what is not there, or the log does not take it; then it is not kept here.
    pub async fn push(&self, workload: &WorkloadId, push: Push) -> Result<Accepted, PushError> {
        let outcome = self.write(workload, push).await;
        self.status.pushed(match &outcome {
            Ok(_) => PushOutcome::Accepted,
            Err(PushError::Source(_) | PushError::Metric(_)) => PushOutcome::Bad,
            Err(PushError::Log(_) | PushError::TimedOut) => PushOutcome::Refused,
        });
        outcome
    }

    async fn write(&self, workload: &WorkloadId, push: Push) -> Result<Accepted, PushError> {
        let known = self.sources.get(&push.source);
        if !known.is_some_and(|source| Source::takes_pushes(source)) {
            return Err(PushError::Source(push.source));
        }
        if !(1..=LONGEST_METRIC).contains(&push.metric.len()) {
            return Err(PushError::Metric(push.metric.len()));
        }
        let now = self.clock.now();
        let reading = Reading {
            metric: push.metric,
            at: push.at.unwrap_or(now),
            measured: push.value.into(),
        };
        let facts = self.facts.pushed(workload, &push.source, reading, now);
        let records = facts.iter().map(Event::to_record).collect();
        let append = self.log.append(records);
        let accepted = tokio::time::timeout(APPEND_TIMEOUT, append)
            .await
            .map_err(|_| PushError::TimedOut)??;
        let lost = || LogError::Unavailable("it acknowledged nothing".to_owned());
        Ok(accepted.first().copied().ok_or_else(lost)?)
    }
}
