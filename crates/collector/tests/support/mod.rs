//! A small web server on loopback that does what a test tells it to, a log that can be out of reach, and policies.
#![expect(
    dead_code,
    unreachable_pub,
    reason = "each test binary has this as a module and uses a part of it"
)]

pub mod log;
pub mod server;

use futures::StreamExt as _;
use headroom_collector::{Collector, Ended, Settings, Status, Stopped};
use headroom_log::{Entry, Filter, Log};
use headroom_model::{
    Body, Event, EventId, Kind, Producer, Record, Seq, Service, Timestamp, WorkloadId,
    body::{CollectionFailed, CollectionFailure, Observed, PolicyApplied, PolicyRemoved},
};
use std::{sync::Arc, time::Duration};
use tokio_util::sync::CancellationToken;

/// The longest that a test waits for anything.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn workload(name: &str) -> WorkloadId {
    WorkloadId::new("shop", name).unwrap()
}

/// The settings that this JSON spells.
pub fn settings(json: serde_json::Value) -> Settings {
    serde_json::from_value(json).unwrap()
}

pub fn status() -> Arc<Status> {
    Arc::new(Status::new(&prometheus::Registry::new()).unwrap())
}

/// A policy that asks source `main` for these metrics: name and query, every `interval`.
pub fn policy(name: &str, interval: &str, metrics: &[(&str, &str)]) -> serde_json::Value {
    let metrics: Vec<_> = metrics
        .iter()
        .map(|(metric, query)| {
            serde_json::json!({
                "type": "External",
                "external": {
                    "metric": {"name": metric},
                    "target": {"type": "AverageValue", "averageValue": "10"},
                },
                "from": {"source": "main", "query": query, "interval": interval},
            })
        })
        .collect();
    serde_json::json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Process", "name": name},
            "minReplicas": 1,
            "maxReplicas": 10,
            "metrics": metrics,
        },
    })
}

fn operator(name: &str, body: Body) -> Record {
    let producer = Producer {
        service: Service::Operator,
        instance: "test".into(),
        behaviour: 0,
    };
    let id = EventId(uuid::Uuid::now_v7());
    Event::fact(id, workload(name), Timestamp(0), producer, body).to_record()
}

pub async fn apply(log: &dyn Log, name: &str, policy: serde_json::Value) {
    let owner = "test".to_owned();
    let applied = PolicyApplied { policy, owner };
    log.append(vec![operator(name, applied.into())])
        .await
        .unwrap();
}

pub async fn remove(log: &dyn Log, name: &str) {
    let owner = "test".to_owned();
    log.append(vec![operator(name, PolicyRemoved { owner }.into())])
        .await
        .unwrap();
}

/// A collector that runs in the background until it is told to stop.
pub struct Running {
    pub stop: CancellationToken,
    task: tokio::task::JoinHandle<Result<Stopped, Ended>>,
}

pub fn start(collector: Collector) -> Running {
    let stop = CancellationToken::new();
    let task = tokio::spawn(collector.run(stop.clone()));
    Running { stop, task }
}

impl Running {
    /// Stops it. It must have written all that it had read.
    pub async fn end(self) {
        assert_eq!(self.stop().await, Stopped { drained: true });
    }

    pub async fn stop(self) -> Stopped {
        self.stop.cancel();
        let ended = tokio::time::timeout(PATIENCE, self.task).await;
        ended.expect("it stops in time").unwrap().unwrap()
    }
}

/// Everything that collectors have written so far, in order.
pub async fn written(log: &dyn Log) -> Vec<Event> {
    let kinds = Filter::kinds([Kind::Observed, Kind::CollectionFailed]);
    let mut chunks = log.read(Seq::ZERO, kinds).await.unwrap();
    let mut events = Vec::new();
    while let Some(chunk) = chunks.next().await {
        for entry in chunk.unwrap() {
            let Entry::Event(record) = entry else {
                panic!("no heads were asked for");
            };
            events.push(record.into_event().unwrap());
        }
    }
    events
}

/// Waits until `found` finds what it looks for among the events that collectors have written.
pub async fn until<T>(log: &dyn Log, what: &str, found: impl Fn(&[Event]) -> Option<T>) -> T {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let events = written(log).await;
        if let Some(found) = found(&events) {
            return found;
        }
        assert!(
            tokio::time::Instant::now() < deadline,
            "waited in vain for {what}; there is {events:#?}"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

pub fn observed(event: &Event) -> Option<&Observed> {
    match &event.body {
        Body::Observed(observed) => Some(observed),
        _ => None,
    }
}

pub fn failed(event: &Event) -> Option<&CollectionFailed> {
    match &event.body {
        Body::CollectionFailed(failed) => Some(failed),
        _ => None,
    }
}

/// The first observation.
pub async fn first_observed(log: &dyn Log) -> Observed {
    until(log, "an observation", |events| {
        events.iter().find_map(observed).cloned()
    })
    .await
}

/// The first failure.
pub async fn first_failure(log: &dyn Log) -> CollectionFailure {
    until(log, "a failure", |events| {
        let failed = events.iter().find_map(failed)?;
        Some(failed.failure.clone())
    })
    .await
}
