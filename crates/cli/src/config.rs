//! `headroom.yaml`: the service's own configuration. Programs, endpoints and credentials are named here and nowhere else.

use anyhow::{Context as _, bail};
use serde::Deserialize;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// The file looked for when none is named.
const DEFAULT_FILE: &str = "headroom.yaml";

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// The shard: one ordered log. Lower-case letters and digits.
    pub(crate) shard: String,
    /// Where /healthz, /readyz and /metrics are.
    pub(crate) listen: SocketAddr,
    /// Where the log is.
    pub(crate) log: LogConfig,
    /// Where metrics come from, by name.
    pub(crate) sources: headroom_collector::Settings,
    /// What is scaled.
    pub(crate) targets: headroom_targets::Settings,
    /// How the actuator works.
    pub(crate) actuator: ActuatorConfig,
    /// How often each machine takes a checkpoint, in seconds.
    pub(crate) checkpoint_seconds: u64,
}

/// Where the log is.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogConfig {
    /// In a directory, without a server.
    Embedded(EmbeddedConfig),
    /// On NATS JetStream.
    Nats(Box<headroom_log::nats::Settings>),
}

/// A log in a directory.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EmbeddedConfig {
    /// The directory; relative to the configuration file.
    pub(crate) directory: PathBuf,
    /// How long events stay, in seconds.
    pub(crate) max_age_seconds: u64,
}

/// How the actuator works.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ActuatorConfig {
    /// An attempt that takes longer has timed out.
    pub(crate) timeout_seconds: u64,
    /// How often targets are looked at for drift.
    pub(crate) watch_ms: u64,
    /// How long orders in hand may still take when the actuator is asked to stop.
    pub(crate) grace_seconds: u64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            shard: "main".to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
            log: LogConfig::Embedded(EmbeddedConfig::default()),
            sources: headroom_collector::Settings::default(),
            targets: headroom_targets::Settings::default(),
            actuator: ActuatorConfig::default(),
            checkpoint_seconds: 3600,
        }
    }
}

impl Default for EmbeddedConfig {
    fn default() -> Self {
        Self {
            directory: PathBuf::from("headroom-data"),
            max_age_seconds: 7 * 86_400,
        }
    }
}

impl Default for ActuatorConfig {
    fn default() -> Self {
        Self {
            timeout_seconds: 300,
            watch_ms: 2000,
            grace_seconds: 20,
        }
    }
}

impl Config {
    /// Reads the file named, or `headroom.yaml` if it is there, or takes the defaults.
    pub(crate) fn load(named: Option<&Path>) -> anyhow::Result<Self> {
        let path = match named {
            Some(path) => path,
            None if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
            None => return Ok(Self::default()),
        };
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read the configuration {}", path.display()))?;
        let mut config =
            Self::parse(&text).with_context(|| format!("configuration {}", path.display()))?;
        if let (LogConfig::Embedded(embedded), Some(beside)) = (&mut config.log, path.parent()) {
            embedded.directory = beside.join(&embedded.directory);
        }
        Ok(config)
    }

    fn parse(text: &str) -> anyhow::Result<Self> {
        if text
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return Ok(Self::default());
        }
        let config: Self = serde_saphyr::from_str(text)?;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        if config.shard.is_empty() || !config.shard.chars().all(plain) {
            bail!(
                "shard {:?} is no shard name; use lower-case letters and digits",
                config.shard
            );
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_configuration_is_read() {
        let config = Config::parse(
            "shard: a\nlog:\n  embedded:\n    directory: x\nsources:\n  prom:\n    prometheus:\n      url: http://127.0.0.1:9090\ntargets:\n- kind: command\n  namespace: shop\n  name: web\n  program: /bin/true\n",
        )
        .unwrap();
        assert_eq!(config.targets.0.len(), 1);
        assert!(matches!(
            config.log,
            LogConfig::Embedded(EmbeddedConfig {
                max_age_seconds: 604_800,
                ..
            })
        ));
    }

    #[test]
    fn a_mistake_is_named_with_its_place() {
        let error = Config::parse("shard: a\nlogg:\n  x: 1\n")
            .unwrap_err()
            .to_string();
        assert!(error.contains("logg") && error.contains('2'), "{error}");
        assert!(Config::parse("shard: 'A b'\n").is_err());
        assert!(Config::parse("# nothing\n").is_ok());
    }
}
