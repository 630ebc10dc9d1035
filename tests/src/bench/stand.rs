//! Services in this process, each with a log of its own to reach, as separate processes would have.

use super::fleet::Fleet;
use super::probe::Probe;
use anyhow::{Context as _, Result, bail};
use headroom_actuator::Actuator;
use headroom_log::{Filter, Log};
use headroom_model::{Machine, Seq, Service};
use headroom_runtime::hands::{ActuatorHands, HandsOptions};
use headroom_runtime::metrics::Metrics;
use headroom_runtime::service::{self, Hands, NoHands, Options};
use headroom_runtime::{Identity, Phase, Status, clock};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long services may take to do what they are waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// A service at work.
pub(super) struct Member {
    service: Service,
    status: Status,
    metrics: Metrics,
    shutdown: CancellationToken,
    task: JoinHandle<Result<()>>,
}

impl Member {
    /// A machine that only thinks.
    pub(super) fn start<M>(log: Arc<dyn Log>, instance: &str) -> Self
    where
        M: Machine + Send + Sync + 'static,
        M::Job: Send + Sync,
    {
        Self::spawn::<M, _>(log, instance, false, |_, _, _| NoHands)
    }

    /// The actuator, with the probe as every workload's target.
    pub(super) fn actuator(
        log: Arc<dyn Log>,
        instance: &str,
        probe: &Arc<Probe>,
        fleet: &Fleet,
    ) -> Self {
        let targets = Arc::new(probe.targets(fleet));
        let reached = Arc::clone(&log);
        Self::spawn::<Actuator, _>(log, instance, true, move |identity, status, metrics| {
            ActuatorHands::new(
                reached,
                targets,
                identity,
                &HandsOptions::default(),
                status.clone(),
                metrics.clone(),
            )
        })
    }

    /// The clock.
    pub(super) fn clock(log: Arc<dyn Log>) -> Self {
        let (status, shutdown) = (Status::default(), CancellationToken::new());
        let running = clock::run(
            log,
            Identity::new(Some("clock")),
            status.clone(),
            shutdown.clone(),
        );
        Self {
            service: Service::Clock,
            status,
            metrics: Metrics::new(),
            shutdown,
            task: tokio::spawn(async move { Ok(running.await?) }),
        }
    }

    fn spawn<M, H>(
        log: Arc<dyn Log>,
        instance: &str,
        lease: bool,
        hands: impl FnOnce(&Identity, &Status, &Metrics) -> H,
    ) -> Self
    where
        M: Machine + Send + Sync + 'static,
        M::Job: Send + Sync,
        H: Hands<M> + 'static,
    {
        let (status, metrics, shutdown) =
            (Status::default(), Metrics::new(), CancellationToken::new());
        let options = Options {
            identity: Identity::new(Some(instance)),
            checkpoint_every: Duration::from_secs(24 * 3600),
            lease,
        };
        let hands = hands(&options.identity, &status, &metrics);
        let running = service::run::<M>(
            log,
            options,
            hands,
            status.clone(),
            metrics.clone(),
            shutdown.clone(),
        );
        Self {
            service: M::SERVICE,
            status,
            metrics,
            shutdown,
            task: tokio::spawn(async move { Ok(running.await?) }),
        }
    }

    /// What it is doing.
    pub(super) fn phase(&self) -> Phase {
        self.status.of(self.service.token())
    }

    /// How far it has read.
    fn position(&self) -> Seq {
        let gauge = self
            .metrics
            .log_sequence
            .with_label_values(&[self.service.token()]);
        Seq(u64::try_from(gauge.get()).unwrap_or_default())
    }

    /// Waits until it has caught up with history.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub(super) async fn ready(&self) -> Result<()> {
        self.wait("it is ready", || self.phase().ready()).await
    }

    /// Waits until it is in this phase.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub(super) async fn reaches(&self, phase: &Phase) -> Result<()> {
        self.wait("its phase", || self.phase() == *phase).await
    }

    /// Waits until it has read up to `seq`.
    ///
    /// # Errors
    /// When it ends instead, or takes too long.
    pub(super) async fn reads(&self, seq: Seq) -> Result<()> {
        self.wait("its reading", || self.position() >= seq).await
    }

    async fn wait(&self, what: &str, done: impl Fn() -> bool) -> Result<()> {
        let started = Instant::now();
        while !done() {
            if self.task.is_finished() || started.elapsed() > PATIENCE {
                bail!(
                    "the {}: waited in vain for {what}; it is {:?}, at {}",
                    self.service,
                    self.phase(),
                    self.position()
                );
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        Ok(())
    }

    /// Ends it as SIGKILL would: in the middle of whatever it does.
    pub(super) async fn kill(self) {
        self.task.abort();
        // It was aborted; how it ended is no news.
        let _ = self.task.await;
    }

    /// Ends it as SIGTERM would: with a checkpoint.
    ///
    /// # Errors
    /// Why it ended before.
    pub(super) async fn stop(self) -> Result<()> {
        self.shutdown.cancel();
        self.task
            .await
            .context("a service has crashed")?
            .with_context(|| format!("the {} has ended", self.service))
    }
}

/// Waits until no event but ticks, beats and observations has come for a while: everything is answered.
///
/// # Errors
/// When the log fails, or something keeps happening.
pub(super) async fn quiet(log: &dyn Log) -> Result<Seq> {
    const QUIET: Duration = Duration::from_millis(500);
    use futures::StreamExt as _;
    let started = Instant::now();
    let filter = Filter {
        services: vec![
            Service::Evaluator,
            Service::Planner,
            Service::Actuator,
            Service::Target,
        ],
        ..Filter::default()
    };
    let from = log.bounds().await?.last;
    let mut entries = log.follow(from.next(), filter).await?;
    while started.elapsed() < PATIENCE {
        match tokio::time::timeout(QUIET, entries.next()).await {
            Err(_) => return Ok(log.bounds().await?.last),
            Ok(None) => bail!("the log ended its stream"),
            Ok(Some(chunk)) => drop(chunk?),
        }
    }
    bail!("the services do not come to rest in {PATIENCE:?}")
}
