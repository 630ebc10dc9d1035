//! How the collector fares, for `/metrics` and `/readyz`.

use crate::clock::Clock;
use headroom_model::body::CollectionFailure;
use prometheus::{IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use std::sync::atomic::{AtomicBool, Ordering};

/// Counters that the shell adds to and others read. All names of metrics begin with `headroom_collector_`.
#[derive(Debug)]
pub struct Status {
    reachable: AtomicBool,
    informed: AtomicBool,
    log_reachable: IntGauge,
    tasks: IntGauge,
    readings: IntCounterVec,
    last_success: IntGaugeVec,
    facts: IntCounterVec,
    pushes: IntCounterVec,
}

/// What became of a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PushOutcome {
    Accepted,
    /// It could not be understood, or names what is not there.
    Bad,
    /// The log did not take it.
    Refused,
}

impl Status {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When the registry has metrics of these names already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| IntGauge::with_opts(opts(name, help));
        let counters =
            |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(opts(name, help), labels);
        let status = Self {
            reachable: AtomicBool::new(true),
            informed: AtomicBool::new(false),
            log_reachable: gauge("log_reachable", "Whether the log takes facts: 1 or 0.")?,
            tasks: gauge("tasks", "Pairs of a workload and a source that it asks.")?,
            readings: counters(
                "readings_total",
                "Metrics that were asked for, by source and outcome.",
                &["source", "outcome"],
            )?,
            last_success: IntGaugeVec::new(
                opts(
                    "last_success_timestamp_seconds",
                    "When a source last gave a reading.",
                ),
                &["source"],
            )?,
            facts: counters(
                "facts_total",
                "Facts handed to the log, by result.",
                &["result"],
            )?,
            pushes: counters(
                "pushes_total",
                "Readings that others sent, by outcome.",
                &["outcome"],
            )?,
        };
        status.log_reachable.set(1);
        registry.register(Box::new(status.log_reachable.clone()))?;
        registry.register(Box::new(status.tasks.clone()))?;
        registry.register(Box::new(status.readings.clone()))?;
        registry.register(Box::new(status.last_success.clone()))?;
        registry.register(Box::new(status.facts.clone()))?;
        registry.register(Box::new(status.pushes.clone()))?;
        Ok(status)
    }

    /// Whether the collector does its work: it knows the policies, and the log takes what it writes.
    ///
    /// # Errors
    /// Says what it waits for.
    pub fn ready(&self) -> Result<(), &'static str> {
        if !self.reachable.load(Ordering::Relaxed) {
            return Err("the log is out of reach: nothing is scraped until it is back");
        }
        if !self.informed.load(Ordering::Relaxed) {
            return Err("the policies in the log are not read yet");
        }
        Ok(())
    }

    pub(crate) fn set_reachable(&self, reachable: bool) {
        self.reachable.store(reachable, Ordering::Relaxed);
        self.log_reachable.set(i64::from(reachable));
    }

    pub(crate) fn is_reachable(&self) -> bool {
        self.reachable.load(Ordering::Relaxed)
    }

    pub(crate) fn set_informed(&self, informed: bool) {
        self.informed.store(informed, Ordering::Relaxed);
    }

    pub(crate) fn set_tasks(&self, tasks: usize) {
        self.tasks.set(i64::try_from(tasks).unwrap_or(i64::MAX));
    }

    pub(crate) fn read(&self, source: &str, clock: &Clock) {
        self.readings.with_label_values(&[source, "read"]).inc();
        self.last_success
            .with_label_values(&[source])
            .set(clock.now().0 / 1000);
    }

    pub(crate) fn failed(&self, source: &str, failure: &CollectionFailure) {
        self.readings
            .with_label_values(&[source, token(failure)])
            .inc();
    }

    pub(crate) fn accepted(&self, facts: usize, duplicates: usize) {
        let count = |result: &str, facts: usize| {
            let facts = u64::try_from(facts).unwrap_or(u64::MAX);
            self.facts.with_label_values(&[result]).inc_by(facts);
        };
        count("accepted", facts.saturating_sub(duplicates));
        count("duplicate", duplicates);
    }

    pub(crate) fn dropped(&self) {
        self.facts.with_label_values(&["dropped"]).inc();
    }

    pub(crate) fn pushed(&self, outcome: PushOutcome) {
        let outcome = match outcome {
            PushOutcome::Accepted => "accepted",
            PushOutcome::Bad => "bad",
            PushOutcome::Refused => "refused",
        };
        self.pushes.with_label_values(&[outcome]).inc();
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help)
        .namespace("headroom")
        .subsystem("collector")
}

/// The name of a failure in metrics and ids.
pub(crate) fn token(failure: &CollectionFailure) -> &'static str {
    match failure {
        CollectionFailure::Unreachable { .. } => "unreachable",
        CollectionFailure::TimedOut { .. } => "timed_out",
        CollectionFailure::Refused { .. } => "refused",
        CollectionFailure::Malformed { .. } => "malformed",
        CollectionFailure::LogUnavailable { .. } => "log_unavailable",
        CollectionFailure::Overrun => "overrun",
    }
}
