//! Prometheus metrics of the services in this process.

use headroom_model::{Body, Record, body::Decision, body::Direction};
use prometheus::{
    Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder,
};

/// The metrics every machine has, and the registry they are in.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Where further metrics can be added.
    pub registry: Registry,
    /// Inputs taken in, by service.
    pub inputs: IntCounterVec,
    /// Outputs committed, by service and kind.
    pub outputs: IntCounterVec,
    /// Decisions committed, by direction and reason.
    pub decisions: IntCounterVec,
    /// Attempts that ended, by outcome.
    pub actions: IntCounterVec,
    /// Events that could not be read or are of another version, by service.
    pub unreadable: IntCounterVec,
    /// The position up to which a service has read.
    pub log_sequence: IntGaugeVec,
    /// 1 while this instance is the one at work.
    pub working: IntGaugeVec,
    /// Seconds a commit took.
    pub commit_seconds: Histogram,
    /// Commits that another instance came before, by service.
    pub conflicts: IntCounterVec,
}

impl Metrics {
    /// Fresh metrics in a fresh registry.
    ///
    /// # Panics
    /// Never: the names are constants that the registry accepts.
    #[must_use]
    pub fn new() -> Self {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            IntCounterVec::new(Opts::new(name, help), labels).expect("the name is a valid constant")
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            IntGaugeVec::new(Opts::new(name, help), labels).expect("the name is a valid constant")
        };
        let commit_seconds = Histogram::with_opts(
            HistogramOpts::new(
                "headroom_log_commit_seconds",
                "Seconds from sending a commit to its ack",
            )
            .buckets(vec![
                0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0,
            ]),
        )
        .expect("the name is a valid constant");
        let metrics = Self {
            registry: Registry::new(),
            inputs: counter(
                "headroom_inputs_total",
                "Inputs taken in by a machine",
                &["service"],
            ),
            outputs: counter(
                "headroom_outputs_total",
                "Outputs committed by a machine",
                &["service", "kind"],
            ),
            decisions: counter(
                "headroom_decisions_total",
                "Decisions committed, by direction (up, down, hold) and reason",
                &["direction", "reason"],
            ),
            actions: counter(
                "headroom_actions_total",
                "Attempts that ended, by outcome",
                &["outcome"],
            ),
            unreadable: counter(
                "headroom_unreadable_events_total",
                "Events passed over because they are damaged or of a version this build does not know",
                &["service"],
            ),
            log_sequence: gauge(
                "headroom_log_sequence",
                "Position in the log up to which a machine has read",
                &["service"],
            ),
            working: gauge(
                "headroom_working",
                "1 while this instance is at work, 0 while it stands by",
                &["service"],
            ),
            commit_seconds,
            conflicts: counter(
                "headroom_commit_conflicts_total",
                "Commits not taken because another instance came first",
                &["service"],
            ),
        };
        metrics.register();
        metrics
    }

    fn register(&self) {
        let vectors: [Box<dyn prometheus::core::Collector>; 9] = [
            Box::new(self.inputs.clone()),
            Box::new(self.outputs.clone()),
            Box::new(self.decisions.clone()),
            Box::new(self.actions.clone()),
            Box::new(self.unreadable.clone()),
            Box::new(self.log_sequence.clone()),
            Box::new(self.working.clone()),
            Box::new(self.commit_seconds.clone()),
            Box::new(self.conflicts.clone()),
        ];
        for vector in vectors {
            self.registry
                .register(vector)
                .expect("each name is registered once");
        }
        let build = IntGaugeVec::new(
            Opts::new(
                "headroom_build_info",
                "Always 1; the version is in the label",
            ),
            &["version"],
        )
        .expect("the name is a valid constant");
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        self.registry
            .register(Box::new(build))
            .expect("each name is registered once");
    }

    /// Counts an output that is in the log.
    pub fn committed(&self, record: &Record) {
        let envelope = &record.envelope;
        self.outputs
            .with_label_values(&[envelope.producer.service.token(), envelope.kind.token()])
            .inc();
        if let Ok(Body::Decided(decided)) = record.decode().map(|event| event.body) {
            let (direction, reason) = match &decided.decision {
                Decision::Scale { from, to } => match Direction::between(*from, *to) {
                    Some(Direction::Down) => ("down", "scale".to_owned()),
                    _ => ("up", "scale".to_owned()),
                },
                Decision::Hold { reason, .. } => ("hold", variant(reason)),
            };
            self.decisions
                .with_label_values(&[direction, &reason])
                .inc();
        }
    }

    /// The text that Prometheus scrapes.
    #[must_use]
    pub fn text(&self) -> String {
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

/// The name of an enum's variant, as its JSON form has it.
pub fn variant(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}
