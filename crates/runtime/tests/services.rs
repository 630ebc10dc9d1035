//! The shells at work: every service twice over one log in memory, with a real command as the target.

use futures::StreamExt as _;
use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_log::memory::MemoryLog;
use headroom_log::{Entry, Filter, Log};
use headroom_model::body::{Body, Measured, Observed, Part, PolicyApplied, Reading};
use headroom_model::machine::Fold;
use headroom_model::{Event, EventId, Machine, Producer, Record, Seq, Service, WorkloadId};
use headroom_planner::Planner;
use headroom_runtime::hands::{ActuatorHands, HandsOptions};
use headroom_runtime::identity::wall_clock;
use headroom_runtime::metrics::Metrics;
use headroom_runtime::service::{Hands, NoHands, Options, ServiceError};
use headroom_runtime::{Identity, Phase, Status, clock, service};
use headroom_targets::{Settings, Targets};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// One process: its services, its status and its end.
struct Process {
    status: Status,
    shutdown: CancellationToken,
    services: Vec<JoinHandle<Result<(), ServiceError>>>,
}

impl Process {
    fn start(log: &Arc<MemoryLog>, name: &str, targets: &Arc<Targets>) -> Self {
        let mut process = Self {
            status: Status::default(),
            shutdown: CancellationToken::new(),
            services: Vec::new(),
        };
        let identity = Identity::new(Some(name));
        let log: Arc<dyn Log> = log.clone();
        let hands = ActuatorHands::new(
            Arc::clone(&log),
            Arc::clone(targets),
            &identity,
            &HandsOptions {
                watch_every: Duration::from_millis(200),
                ..HandsOptions::default()
            },
            process.status.clone(),
            Metrics::new(),
        );
        process.machine::<Evaluator>(&log, &identity, false, NoHands);
        process.machine::<Planner>(&log, &identity, false, NoHands);
        process.machine::<Actuator>(&log, &identity, true, hands);
        tokio::spawn(clock::run(
            log,
            identity,
            process.status.clone(),
            process.shutdown.clone(),
        ));
        process
    }

    fn machine<M>(
        &mut self,
        log: &Arc<dyn Log>,
        identity: &Identity,
        lease: bool,
        hands: impl Hands<M> + 'static,
    ) where
        M: Machine + Send + Sync + 'static,
        M::Job: Send + Sync,
    {
        let options = Options {
            identity: identity.clone(),
            checkpoint_every: Duration::from_secs(3600),
            lease,
        };
        let (status, shutdown) = (self.status.clone(), self.shutdown.clone());
        let running = service::run::<M>(
            Arc::clone(log),
            options,
            hands,
            status,
            Metrics::new(),
            shutdown,
        );
        self.services.push(tokio::spawn(running));
    }

    /// As SIGKILL does: nothing is finished, nothing is given up.
    fn kill(&self) {
        for service in &self.services {
            service.abort();
        }
    }
}

fn targets(file: &Path) -> Arc<Targets> {
    let settings: Settings = serde_json::from_value(serde_json::json!([{
        "kind": "command", "namespace": "shop", "name": "web", "idempotent": true,
        "program": "/bin/sh", "args": ["-c", format!("echo {{generation}} {{replicas}} >> {0}", file.display())],
        "read": { "program": "/bin/sh", "args": ["-c", format!("tail -n1 {0} 2>/dev/null | cut -d' ' -f2 | grep . || echo 1", file.display())] },
    }]))
    .expect("the settings are as docs/targets.md has them");
    Arc::new(Targets::from_settings(&settings).expect("the target is well configured"))
}

fn fact(service: Service, body: Body) -> Record {
    let workload = WorkloadId::new("shop", "web").expect("it is a name");
    let producer = Producer {
        service,
        instance: "test".into(),
        behaviour: 0,
    };
    Event::fact(
        EventId(uuid::Uuid::now_v7()),
        workload,
        wall_clock(),
        producer,
        body,
    )
    .to_record()
}

fn policy() -> Record {
    let policy = serde_json::json!({
        "apiVersion": "headroom.dev/v1alpha1", "kind": "ScalingPolicy", "metadata": { "namespace": "shop", "name": "web" },
        "spec": {
            "scaleTargetRef": { "kind": "Command", "name": "web" }, "minReplicas": 1, "maxReplicas": 9,
            "metrics": [{ "type": "External", "external": {
                "metric": { "name": "queue" }, "target": { "type": "AverageValue", "averageValue": "10" } } }],
            "behavior": { "scaleUp": { "policies": [{ "type": "Pods", "value": 9, "periodSeconds": 1 }] } },
        },
    });
    fact(
        Service::Operator,
        Body::from(PolicyApplied {
            policy,
            owner: "ada".into(),
        }),
    )
}

async fn observe(log: &MemoryLog, value: f64) {
    let reading = Reading {
        metric: "queue".into(),
        at: wall_clock_of(log).await,
        measured: Measured::Total(value),
    };
    let body = Observed {
        source: "push".into(),
        due: reading.at,
        readings: vec![reading],
        fleet: None,
        part: Part::default(),
    };
    log.append(vec![fact(Service::Collector, Body::from(body))])
        .await
        .expect("a log in memory takes everything");
}

/// The log in memory keeps a time of its own.
async fn wall_clock_of(log: &MemoryLog) -> headroom_model::Timestamp {
    log.bounds()
        .await
        .expect("a log in memory answers")
        .last_stamp
}

/// Observes `value` until the target's file says `count`.
async fn until(log: &MemoryLog, file: &Path, value: f64, count: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if text.lines().last().and_then(|line| line.split(' ').nth(1)) == Some(count) {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "the target never had {count} replicas; it was told:\n{text}"
        );
        observe(log, value).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn audit<M: Machine>(log: &MemoryLog) -> headroom_model::machine::Audit {
    let mut fold = Fold::<M>::default().audited();
    let mut entries = log
        .read(Seq(1), Filter::default())
        .await
        .expect("a log in memory can be read");
    while let Some(chunk) = entries.next().await {
        for entry in chunk.expect("a log in memory can be read") {
            match entry {
                Entry::Event(record) => fold.record(&record).expect("this build wrote it"),
                Entry::Head(placed) => fold.head(placed.seq, placed.stamp, &placed.head),
                Entry::Damaged { .. } => {}
            }
        }
    }
    fold.finish().1
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_process_is_replaced_and_nothing_is_done_twice_or_differently() {
    let directory = tempfile::tempdir().expect("there is a temporary directory");
    let file = directory.path().join("counts");
    let (log, targets) = (Arc::new(MemoryLog::new()), targets(&file));
    let first = Process::start(&log, "first", &targets);
    log.append(vec![policy()])
        .await
        .expect("a log in memory takes everything");
    until(&log, &file, 35.0, "4").await;
    let second = Process::start(&log, "second", &targets);
    first.kill();
    until(&log, &file, 78.0, "8").await;
    second.shutdown.cancel();
    for service in second.services {
        service
            .await
            .expect("no service panics")
            .expect("no service ends by itself");
    }
    assert!(matches!(second.status.of("planner"), Phase::Stopped { .. }));
    for audit in [
        audit::<Evaluator>(&log).await,
        audit::<Planner>(&log).await,
        audit::<Actuator>(&log).await,
    ] {
        assert_eq!(audit.differences, [], "{audit:?}");
        assert!(
            audit.outputs > 0 && audit.checkpoints == 1,
            "a stopped machine leaves a checkpoint: {audit:?}"
        );
    }
    let text = std::fs::read_to_string(&file).expect("the target wrote it");
    let generations: Vec<u64> = text
        .lines()
        .filter_map(|line| line.split(' ').next()?.parse().ok())
        .collect();
    assert!(
        generations.is_sorted_by(|older, newer| older < newer),
        "each plan was carried out once: {text}"
    );
    let head = log
        .head(Service::Planner)
        .await
        .expect("a log in memory answers")
        .expect("it committed");
    assert!(head.head.released && head.head.epoch == 2, "{head:?}");
}
