//! `headroom up` and each service alone.

use crate::args::Serve;
use crate::config::{Config, LogConfig};
use crate::connect::{self, Connected};
use crate::services::{self, Running, Surroundings};
use anyhow::bail;
use headroom_model::{Service, Span};
use headroom_runtime::metrics::Metrics;
use headroom_runtime::{Identity, Phase, Status, http, shutdown};
use std::sync::Arc;
use std::time::Duration;

/// A log whose time is further ahead of the clock is not ready for new readings.
const AHEAD_AT_MOST: Span = Span::seconds(2);

/// Every service, in the order they start.
pub(crate) const EVERY: [Service; 5] = [
    Service::Clock,
    Service::Evaluator,
    Service::Planner,
    Service::Actuator,
    Service::Collector,
];

/// Every service in one process.
pub(super) async fn up(config: Config, args: &Serve) -> anyhow::Result<()> {
    run(&EVERY, "up", config, args).await
}

/// One service alone, on NATS: an embedded log belongs to one process.
pub(super) async fn one(service: Service, config: Config, args: &Serve) -> anyhow::Result<()> {
    if matches!(config.log, LogConfig::Embedded(_)) {
        bail!(
            "the {service} alone needs a log that processes can share, and the configuration has an embedded one; \
             set log.nats in headroom.yaml, or run every service in one process with `headroom up`"
        );
    }
    run(&[service], service.token(), config, args).await
}

/// The name of this process. An embedded log is locked by the one process that has it open, so a later life of `up` need
/// not wait until the lease of an earlier one has ended: it is the same instance.
fn instance<'a>(config: &Config, args: &'a Serve) -> Option<&'a str> {
    let alone = matches!(config.log, LogConfig::Embedded(_)).then_some("up");
    args.instance.as_deref().or(alone)
}

async fn run(which: &[Service], role: &str, config: Config, args: &Serve) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let around = Surroundings {
        identity: Identity::new(instance(&config, args)),
        status: Status::default(),
        metrics: Metrics::new(),
        shutdown: shutdown.clone(),
        config,
    };
    for service in which {
        around.status.set(service.token(), Phase::Starting);
    }
    let listen = args.listen.unwrap_or(around.config.listen);
    let address = http::serve(
        listen,
        around.status.clone(),
        around.metrics.clone(),
        shutdown.clone(),
    )
    .await?;
    tracing::info!(instance = &*around.identity.instance, %address, "serving /healthz, /readyz and /metrics");
    let Some(connected) = connect::owner(&around.config, role, &around.status, &shutdown).await?
    else {
        return Ok(());
    };
    around
        .status
        .forget(role, which.iter().map(|service| service.token()));
    let mut running = services::start(which, &connected, &around)?;
    serve_socket(&connected, &around, &mut running);
    show_time(&connected, &around);
    services::wait(running, &shutdown).await
}

/// Keeps `/readyz` informed of a log whose time is ahead of the clock: nothing may be wrong with any service, and yet no
/// reading is evaluated.
fn show_time(connected: &Connected, around: &Surroundings) {
    let (log, around) = (Arc::clone(&connected.log), around.clone());
    tokio::spawn(async move {
        while !around.shutdown.is_cancelled() {
            if log.ahead() > AHEAD_AT_MOST {
                let reason = "the log's time is ahead of this machine's clock, so readings may come too late to be \
                              evaluated until the clock has caught up";
                let reason = reason.to_owned();
                around.status.set("log", Phase::Waiting { reason });
            } else {
                around.status.forget("log", std::iter::empty());
            }
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    });
}

/// An embedded log is served to the other commands on a Unix socket.
fn serve_socket(connected: &Connected, around: &Surroundings, running: &mut Running) {
    let LogConfig::Embedded(embedded) = &around.config.log else {
        return;
    };
    let path = connect::socket_path(embedded);
    tracing::info!(socket = %path.display(), "serving the log to other commands");
    let (log, shutdown) = (Arc::clone(&connected.log), around.shutdown.clone());
    running.spawn(async move {
        headroom_log::socket::serve(log, &path, shutdown.cancelled_owned()).await?;
        Ok(())
    });
}
