//! Starting services in this process.

use crate::config::Config;
use crate::connect::Connected;
use anyhow::Context as _;
use headroom_actuator::Actuator;
use headroom_collector::Collector;
use headroom_evaluator::Evaluator;
use headroom_log::Log;
use headroom_model::Service;
use headroom_planner::Planner;
use headroom_runtime::hands::{ActuatorHands, HandsOptions};
use headroom_runtime::metrics::Metrics;
use headroom_runtime::service::{NoHands, Options};
use headroom_runtime::{Identity, Phase, Status, clock, service};
use headroom_targets::Targets;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// What services share.
#[derive(Clone)]
pub(crate) struct Surroundings {
    pub(crate) config: Config,
    pub(crate) identity: Identity,
    pub(crate) status: Status,
    pub(crate) metrics: Metrics,
    pub(crate) shutdown: CancellationToken,
}

/// Services under way. If one ends, so does the process.
pub(crate) type Running = JoinSet<anyhow::Result<()>>;

/// Starts these services over a log.
pub(crate) fn start(
    services: &[Service],
    connected: &Connected,
    around: &Surroundings,
) -> anyhow::Result<Running> {
    let mut running = Running::new();
    for service in services {
        match service {
            Service::Collector => collector(connected, around, &mut running)?,
            Service::Clock => {
                let (log, around) = (Arc::clone(&connected.log), around.clone());
                running.spawn(async move {
                    let ran =
                        clock::run(log, around.identity, around.status, around.shutdown).await;
                    ran.context("the clock has ended")
                });
            }
            Service::Evaluator => {
                machine::<Evaluator>(connected, around, false, NoHands, &mut running)
            }
            Service::Planner => machine::<Planner>(connected, around, false, NoHands, &mut running),
            Service::Actuator => {
                let hands = actuator_hands(connected, around)?;
                machine::<Actuator>(connected, around, true, hands, &mut running);
            }
            Service::Operator | Service::Target => {}
        }
    }
    Ok(running)
}

/// Waits until every service has ended. The first that ends by itself ends the others, and is the error.
pub(crate) async fn wait(mut running: Running, shutdown: &CancellationToken) -> anyhow::Result<()> {
    let mut first = Ok(());
    while let Some(ended) = running.join_next().await {
        let ended = ended.context("a service has crashed").flatten();
        if first.is_ok() {
            first = ended;
        }
        shutdown.cancel();
    }
    first
}

fn machine<M>(
    connected: &Connected,
    around: &Surroundings,
    lease: bool,
    hands: impl service::Hands<M> + 'static,
    running: &mut Running,
) where
    M: headroom_model::Machine + Send + Sync + 'static,
    M::Job: Send + Sync,
{
    let options = Options {
        identity: around.identity.clone(),
        checkpoint_every: Duration::from_secs(around.config.checkpoint_seconds.max(1)),
        lease,
    };
    let (log, around) = (Arc::clone(&connected.log), around.clone());
    running.spawn(async move {
        service::run::<M>(
            log,
            options,
            hands,
            around.status,
            around.metrics,
            around.shutdown,
        )
        .await?;
        Ok(())
    });
}

fn actuator_hands(connected: &Connected, around: &Surroundings) -> anyhow::Result<ActuatorHands> {
    let targets = Targets::of_log(&around.config.targets, connected.id.as_deref())?;
    let targets = Arc::new(targets);
    let options = HandsOptions {
        timeout: Duration::from_secs(around.config.actuator.timeout_seconds),
        watch_every: Duration::from_millis(around.config.actuator.watch_ms),
        grace: Duration::from_secs(around.config.actuator.grace_seconds),
        ..HandsOptions::default()
    };
    let log = Arc::clone(&connected.log);
    Ok(ActuatorHands::new(
        log,
        targets,
        &around.identity,
        &options,
        around.status.clone(),
        around.metrics.clone(),
    ))
}

fn collector(
    connected: &Connected,
    around: &Surroundings,
    running: &mut Running,
) -> anyhow::Result<()> {
    let status = Arc::new(headroom_collector::Status::new(&around.metrics.registry)?);
    let log = Arc::clone(&connected.log);
    let collector = Collector::new(
        log,
        &around.config.sources,
        &around.identity.instance,
        Arc::clone(&status),
    )?;
    if let Some(nats) = &connected.nats {
        let (client, pusher, around) = (nats.client(), collector.pusher(), around.clone());
        running.spawn(async move {
            let shard = around.config.shard.clone();
            headroom_collector::push::nats::serve(client, &shard, pusher, around.shutdown).await?;
            Ok(())
        });
    }
    let (log, shown) = (Arc::clone(&connected.log), around.clone());
    tokio::spawn(async move { show_collector(&*log, &shown, &status).await });
    let around = around.clone();
    running.spawn(async move {
        collector.run(around.shutdown).await?;
        around.status.set(
            Service::Collector.token(),
            Phase::Stopped {
                reason: "asked to".to_owned(),
            },
        );
        Ok(())
    });
    Ok(())
}

/// Keeps `/readyz` informed of the collector. One that has nothing to write would not notice that the log is out of reach.
async fn show_collector(log: &dyn Log, around: &Surroundings, status: &headroom_collector::Status) {
    while !around.shutdown.is_cancelled() {
        let reached = log.reachable().await.map_err(|error| error.to_string());
        let ready = reached.and_then(|()| status.ready().map_err(str::to_owned));
        let phase = match ready {
            Ok(()) => Phase::Working,
            Err(reason) => Phase::Waiting { reason },
        };
        if around.shutdown.is_cancelled() {
            return; // what it says at its end stands
        }
        around.status.set(Service::Collector.token(), phase);
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
