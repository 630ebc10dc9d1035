//! `headroom up` and each service alone.

use crate::args::Serve;
use crate::config::{Config, LogConfig};
use crate::connect::{self, Connected};
use crate::services::{self, Surroundings};
use anyhow::bail;
use headroom_model::Service;
use headroom_runtime::metrics::Metrics;
use headroom_runtime::{Identity, Phase, Status, http, shutdown};
use std::sync::Arc;

/// Every service, in the order they start.
pub(crate) const EVERY: [Service; 5] =
    [Service::Clock, Service::Evaluator, Service::Planner, Service::Actuator, Service::Collector];

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

async fn run(which: &[Service], role: &str, config: Config, args: &Serve) -> anyhow::Result<()> {
    let shutdown = shutdown::on_signal()?;
    let around = Surroundings {
        identity: Identity::new(args.instance.as_deref()),
        status: Status::default(),
        metrics: Metrics::new(),
        shutdown: shutdown.clone(),
        config,
    };
    for service in which {
        around.status.set(service.token(), Phase::Starting);
    }
    let listen = args.listen.unwrap_or(around.config.listen);
    let address = http::serve(listen, around.status.clone(), around.metrics.clone(), shutdown.clone()).await?;
    tracing::info!(instance = &*around.identity.instance, %address, "serving /healthz, /readyz and /metrics");
    let Some(connected) = connect::owner(&around.config, role, &around.status, &shutdown).await? else {
        return Ok(());
    };
    around.status.forget(role, which.iter().map(|service| service.token()));
    let running = services::start(which, &connected, &around)?;
    let socket = serve_socket(&connected, &around).await?;
    let ended = services::wait(running, &shutdown).await;
    if let Some(socket) = socket {
        let _ = socket.await;
    }
    ended
}

/// An embedded log is served to the other commands on a Unix socket.
async fn serve_socket(
    connected: &Connected,
    around: &Surroundings,
) -> anyhow::Result<Option<tokio::task::JoinHandle<()>>> {
    let LogConfig::Embedded(embedded) = &around.config.log else {
        return Ok(None);
    };
    let path = connect::socket_path(embedded);
    let server = headroom_log::socket::Server::bind(&path).await?;
    tracing::info!(socket = %path.display(), "serving the log to other commands");
    let (log, shutdown) = (Arc::clone(&connected.log), around.shutdown.clone());
    Ok(Some(tokio::spawn(async move { server.run(log, shutdown).await })))
}
