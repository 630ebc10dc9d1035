//! From the configuration to a log.

use crate::config::{Config, EmbeddedConfig, LogConfig};
use crate::output;
use anyhow::{Context as _, bail};
use headroom_log::embedded::EmbeddedLog;
use headroom_log::nats::NatsLog;
use headroom_log::patient::{Patience, Patient};
use headroom_log::socket::SocketLog;
use headroom_log::{Log, LogError};
use headroom_model::Span;
use headroom_runtime::{Phase, Status};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// A command outlasts a NATS server that is restarted, and a cluster that chooses a leader.
const PATIENCE: Patience = Patience {
    limit: Duration::from_secs(15),
    tell: |error| output::warn(&format!("{error}; waiting up to 15 seconds for it")),
};

/// How long an `up` may take from having the directory to serving it.
const STARTING: Duration = Duration::from_secs(3);

/// A log, and the NATS connection beneath it if there is one.
pub(crate) struct Connected {
    pub(crate) log: Arc<dyn Log>,
    /// The log's name among all that ever were.
    pub(crate) id: Option<String>,
    pub(crate) nats: Option<NatsLog>,
}

/// The socket on which `up` serves an embedded log.
pub(crate) fn socket_path(config: &EmbeddedConfig) -> PathBuf {
    config.directory.join("headroom.sock")
}

/// Opens the log as its owner: the directory itself, or NATS. While NATS is out of reach it waits, says so on `status`,
/// and goes on. `None` when asked to stop meanwhile.
pub(crate) async fn owner(
    config: &Config,
    role: &str,
    status: &Status,
    shutdown: &CancellationToken,
) -> anyhow::Result<Option<Connected>> {
    let settings = match &config.log {
        LogConfig::Embedded(embedded) => {
            let log = open(embedded).await?;
            if log.is_archive() {
                bail!(
                    "the log in {} was imported, to be read: services that ran on it would go on where another log ended; \
                     name another directory in log.embedded.directory",
                    embedded.directory.display()
                );
            }
            return Ok(Some(Connected {
                id: log.id().await?,
                log,
                nats: None,
            }));
        }
        LogConfig::Nats(settings) => settings,
    };
    loop {
        let connecting = async {
            let nats = NatsLog::connect((**settings).clone(), &config.shard, role).await?;
            Ok((nats.id().await?, nats))
        };
        let result = tokio::select! {
            result = connecting => result,
            () = shutdown.cancelled() => return Ok(None),
        };
        match result {
            Ok((id, nats)) => {
                return Ok(Some(Connected {
                    id,
                    log: Arc::new(nats.clone()),
                    nats: Some(nats),
                }));
            }
            Err(error @ LogError::Unavailable(_)) => status.set(
                role,
                Phase::Waiting {
                    reason: error.to_string(),
                },
            ),
            Err(error) => return Err(error.into()),
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
            () = shutdown.cancelled() => return Ok(None),
        }
    }
}

/// Connects as a user of the log, and waits a little while it is out of reach: to NATS, or to the `up` that has the
/// directory open, or to the directory itself when nobody has.
pub(crate) async fn user(config: &Config) -> anyhow::Result<Arc<dyn Log>> {
    match &config.log {
        LogConfig::Nats(settings) => {
            let connect = || NatsLog::connect((**settings).clone(), &config.shard, "cli");
            let log = Arc::new(PATIENCE.ask(connect).await?);
            Ok(Arc::new(Patient::new(log, PATIENCE)))
        }
        LogConfig::Embedded(embedded) => {
            let started = Instant::now();
            loop {
                if let Some(served) = served(embedded).await {
                    return Ok(served);
                }
                match open(embedded).await {
                    // `up` has the directory, and is about to serve it.
                    Err(error) if is_taken(&error) && started.elapsed() < STARTING => {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                    opened => return Ok(opened?),
                }
            }
        }
    }
}

fn is_taken(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(LogError::Refused(_)))
}

/// The log that an `up` serves.
async fn served(config: &EmbeddedConfig) -> Option<Arc<dyn Log>> {
    let served = SocketLog::new(&socket_path(config));
    served.bounds().await.ok()?;
    Some(Arc::new(served))
}

/// Connects as one who wants to see what comes: somebody must be writing.
pub(crate) async fn follower(config: &Config) -> anyhow::Result<Arc<dyn Log>> {
    let LogConfig::Embedded(embedded) = &config.log else {
        return user(config).await;
    };
    let started = Instant::now();
    loop {
        match served(embedded).await {
            Some(log) => return Ok(log),
            None if started.elapsed() > STARTING => bail!(
                "nobody writes the log in {}; start `headroom up` first, or see what is there with --no-follow",
                embedded.directory.display()
            ),
            None => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn open(config: &EmbeddedConfig) -> anyhow::Result<Arc<EmbeddedLog>> {
    let settings = headroom_log::embedded::Settings {
        max_age: Span::seconds(config.max_age_seconds),
        ..headroom_log::embedded::Settings::default()
    };
    let directory = config.directory.clone();
    std::fs::create_dir_all(&directory)
        .with_context(|| format!("cannot make the log's directory {}", directory.display()))?;
    let opening = tokio::task::spawn_blocking(move || EmbeddedLog::open(&directory, &settings));
    Ok(Arc::new(
        opening.await.context("opening the log was interrupted")??,
    ))
}

/// What a reader reads: an exported file, or the log.
pub(crate) async fn reader(
    config: &Config,
    file: Option<&std::path::Path>,
) -> anyhow::Result<Arc<dyn Log>> {
    match file {
        Some(file) => Ok(Arc::new(headroom_replay::file::FileLog::open(file)?)),
        None => {
            if let LogConfig::Embedded(embedded) = &config.log
                && !embedded.directory.exists()
            {
                bail!(
                    "there is no log in {}; start one with `headroom up`, or name another with --config",
                    embedded.directory.display()
                );
            }
            user(config).await
        }
    }
}
