//! One log, services over it, and one workload whose policy wants a fixed count.

use crate::log::MoodyLog;
use crate::target::Workers;
use futures::TryStreamExt as _;
use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_log::{Entry, Filter, Log, PlacedHead};
use headroom_model::body::{Actuated, Body, PolicyApplied};
use headroom_model::{Event, EventId, Machine, Producer, Record, Seq, Service, WorkloadId};
use headroom_planner::Planner;
use headroom_runtime::hands::{ActuatorHands, HandsOptions};
use headroom_runtime::identity::wall_clock;
use headroom_runtime::metrics::Metrics;
use headroom_runtime::service::{Hands, NoHands, Options, ServiceError};
use headroom_runtime::{Identity, Status, clock, service};
use headroom_targets::{TargetName, Targets};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// A service that runs.
pub(crate) struct Running {
    pub(crate) status: Status,
    pub(crate) metrics: Metrics,
    shutdown: CancellationToken,
    ended: JoinHandle<Result<(), ServiceError>>,
}

impl Running {
    pub(crate) fn ask_to_stop(&self) {
        self.shutdown.cancel();
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_finished()
    }

    pub(crate) async fn end(self) {
        let ended = tokio::time::timeout(Duration::from_secs(60), self.ended).await;
        let ended = ended.expect("it ends soon").expect("it does not panic");
        ended.expect("it ends well");
    }

    /// The sum of a metric over all its labels.
    pub(crate) fn counted(&self, metric: &str) -> f64 {
        let text = self.metrics.text();
        let lines = text.lines().filter(|line| line.starts_with(metric));
        lines
            .filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
    }
}

/// The log and the target; a clock ticks.
pub(crate) struct Stage {
    pub(crate) log: Arc<MoodyLog>,
    pub(crate) workers: Arc<Workers>,
}

impl Stage {
    pub(crate) fn new(workers: Workers) -> Self {
        let stage = Self {
            log: Arc::default(),
            workers: Arc::new(workers),
        };
        tokio::spawn(clock::run(
            stage.log.clone(),
            Identity::new(Some("clock")),
            Status::default(),
            CancellationToken::new(),
        ));
        stage
    }

    fn start<M, H: Hands<M> + 'static>(
        &self,
        name: &str,
        checkpoint_every: Duration,
        hands: impl FnOnce(&Identity, &Status, &Metrics) -> H,
    ) -> Running
    where
        M: Machine + Send + Sync + 'static,
        M::Job: Send + Sync,
    {
        let (status, metrics) = (Status::default(), Metrics::new());
        let shutdown = CancellationToken::new();
        let identity = Identity::new(Some(name));
        let hands = hands(&identity, &status, &metrics);
        let options = Options {
            identity,
            checkpoint_every,
            lease: M::SERVICE == Service::Actuator,
        };
        let running = service::run::<M>(
            self.log.clone(),
            options,
            hands,
            status.clone(),
            metrics.clone(),
            shutdown.clone(),
        );
        Running {
            status,
            metrics,
            shutdown,
            ended: tokio::spawn(running),
        }
    }

    pub(crate) fn evaluator(&self, name: &str) -> Running {
        let hour = Duration::from_secs(3600);
        self.start::<Evaluator, _>(name, hour, |_, _, _| NoHands)
    }

    pub(crate) fn planner(&self, name: &str) -> Running {
        let hour = Duration::from_secs(3600);
        self.start::<Planner, _>(name, hour, |_, _, _| NoHands)
    }

    pub(crate) fn actuator(&self, options: &HandsOptions, checkpoint_every: Duration) -> Running {
        let name = TargetName::new("shop", "web").expect("these are names");
        let driver = self.workers.clone();
        let targets = Arc::new(Targets::default().with(name, "workers", driver));
        let log: Arc<dyn Log> = self.log.clone();
        self.start::<Actuator, _>("actuator", checkpoint_every, |identity, status, metrics| {
            let (status, metrics) = (status.clone(), metrics.clone());
            ActuatorHands::new(log, targets, identity, options, status, metrics)
        })
    }

    /// Applies a policy that wants exactly `count`.
    pub(crate) async fn want(&self, count: u32) {
        let policy = serde_json::json!({
            "apiVersion": "headroom.dev/v1alpha1", "kind": "ScalingPolicy",
            "metadata": { "namespace": "shop", "name": "web" },
            "spec": {
                "scaleTargetRef": { "kind": "Workers", "name": "web" },
                "minReplicas": count, "maxReplicas": count,
            },
        });
        self.append(fact(applied(policy))).await;
    }

    pub(crate) async fn append(&self, record: Record) {
        let accepted = self.log.append(vec![record]).await;
        accepted.expect("a log in memory takes what operators write");
    }

    pub(crate) async fn entries(&self) -> Vec<Entry> {
        let entries = self.log.read(Seq(1), Filter::default()).await;
        let chunks: Vec<_> = entries
            .expect("a log in memory can be read")
            .try_collect()
            .await
            .expect("a log in memory can be read");
        chunks.concat()
    }

    /// How attempts ended, with their positions.
    pub(crate) async fn outcomes(&self) -> Vec<(Seq, Actuated)> {
        let outcome = |entry: Entry| match entry {
            Entry::Event(record) => match record.decode().map(|event| event.body) {
                Ok(Body::Actuated(actuated)) => Some((record.envelope.seq, actuated)),
                _ => None,
            },
            _ => None,
        };
        self.entries()
            .await
            .into_iter()
            .filter_map(outcome)
            .collect()
    }

    pub(crate) async fn heads(&self, service: Service) -> Vec<PlacedHead> {
        let head = |entry| match entry {
            Entry::Head(placed) => Some(placed),
            _ => None,
        };
        let heads = self.entries().await.into_iter().filter_map(head);
        heads
            .filter(|placed| placed.head.service == service)
            .collect()
    }
}

pub(crate) fn applied(policy: serde_json::Value) -> Body {
    let owner = "ada".into();
    Body::from(PolicyApplied { policy, owner })
}

/// What an operator writes about the workload.
pub(crate) fn fact(body: Body) -> Record {
    let workload = WorkloadId::new("shop", "web").expect("it is a name");
    let producer = Producer {
        service: Service::Operator,
        instance: "test".into(),
        behaviour: 0,
    };
    let id = EventId(uuid::Uuid::now_v7());
    Event::fact(id, workload, wall_clock(), producer, body).to_record()
}

/// Waits until `done`.
pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done().await {
        assert!(
            Instant::now() < deadline,
            "waited too long for this: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
