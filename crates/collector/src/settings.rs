//! The `sources:` section of the service's own configuration.

/// The source that pushed readings belong to when nothing else is said. It need not be configured.
pub use headroom_policy::PUSH;

use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};
use thiserror::Error;

/// Every source by its name, which policies use: 1 to 63 of `a-z`, `0-9`, `-` and `_`.
///
/// All collectors of one log should have the same sources: one that lacks a source which a policy names says so in the
/// log at every due instant.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub BTreeMap<String, SourceSettings>);

/// One source.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceSettings {
    /// A Prometheus server, or anything that answers its instant queries.
    Prometheus(PrometheusSettings),
    /// Programs that show their metrics as text over HTTP.
    OpenMetrics(OpenMetricsSettings),
    /// Readings that others send.
    Push(PushSettings),
}

/// A Prometheus server: `GET <url>/api/v1/query`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrometheusSettings {
    /// The server, with the path before `/api/v1` where it has one.
    pub url: String,
    /// A file with a bearer token. Read at every query, so it may be rotated.
    #[serde(default)]
    pub bearer_token_file: Option<PathBuf>,
    /// A user and a password.
    #[serde(default)]
    pub basic_auth: Option<BasicAuth>,
    /// More headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How to trust the server, and to be trusted by it.
    #[serde(default)]
    pub tls: Tls,
    /// The longest wait for an answer, in seconds: at most nine tenths of a metric's interval, whatever is set here.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: f64,
}

/// Programs that show their metrics as text: Prometheus 0.0.4 or OpenMetrics 1.0.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenMetricsSettings {
    /// The programs: `http://host:port/path`, or `host:port`.
    #[serde(default)]
    pub endpoints: Vec<String>,
    /// Instead of `endpoints`: a JSON file of the form that Prometheus' `file_sd_configs` read. Read at every scrape.
    #[serde(default)]
    pub endpoints_file: Option<PathBuf>,
    /// The path where an endpoint names none.
    #[serde(default = "default_path")]
    pub path: String,
    /// Whether each endpoint is a replica of the workload (true), or all are added up to one number (false). True
    /// unless set, when there is an `endpoints_file` or more than one endpoint.
    #[serde(default)]
    pub per_replica: Option<bool>,
    /// A file with a bearer token. Read at every scrape, so it may be rotated.
    #[serde(default)]
    pub bearer_token_file: Option<PathBuf>,
    /// A user and a password.
    #[serde(default)]
    pub basic_auth: Option<BasicAuth>,
    /// More headers of every request.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// How to trust the endpoints, and to be trusted by them.
    #[serde(default)]
    pub tls: Tls,
    /// The longest wait for an answer, in seconds: at most nine tenths of a metric's interval, whatever is set here.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: f64,
}

/// Readings that others send. There is nothing to set: the name is what a policy refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PushSettings {}

/// A user and a password, as HTTP's basic authentication wants them.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BasicAuth {
    /// The user.
    pub user: String,
    /// A file with the password. Read at every request, so it may be rotated.
    pub password_file: PathBuf,
}

/// How to trust a server over TLS, and to be trusted by it. All files are PEM and may be rotated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// The certificates that may vouch for the server; the system's when not set.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Our own certificate, with `key_file`.
    #[serde(default)]
    pub cert_file: Option<PathBuf>,
    /// The key of our own certificate.
    #[serde(default)]
    pub key_file: Option<PathBuf>,
    /// The name that the server's certificate must carry; the host of the URL when not set.
    #[serde(default)]
    pub server_name: Option<String>,
}

/// How a source is reached over HTTP, whichever kind it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access<'a> {
    pub(crate) bearer_token_file: &'a Option<PathBuf>,
    pub(crate) basic_auth: &'a Option<BasicAuth>,
    pub(crate) headers: &'a BTreeMap<String, String>,
    pub(crate) tls: &'a Tls,
    pub(crate) timeout_seconds: f64,
}

impl PrometheusSettings {
    pub(crate) fn access(&self) -> Access<'_> {
        Access {
            bearer_token_file: &self.bearer_token_file,
            basic_auth: &self.basic_auth,
            headers: &self.headers,
            tls: &self.tls,
            timeout_seconds: self.timeout_seconds,
        }
    }
}

impl OpenMetricsSettings {
    pub(crate) fn access(&self) -> Access<'_> {
        Access {
            bearer_token_file: &self.bearer_token_file,
            basic_auth: &self.basic_auth,
            headers: &self.headers,
            tls: &self.tls,
            timeout_seconds: self.timeout_seconds,
        }
    }
}

fn default_timeout_seconds() -> f64 {
    10.0
}

fn default_path() -> String {
    "/metrics".to_owned()
}

/// A setting that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("sources.{place}: {problem}; {mend}")]
pub struct SettingsError {
    /// Which setting: the source's name, its kind and the key.
    pub place: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do about it.
    pub mend: &'static str,
}

impl SettingsError {
    pub(crate) fn new(
        place: impl Into<String>,
        problem: impl Into<String>,
        mend: &'static str,
    ) -> Self {
        Self {
            place: place.into(),
            problem: problem.into(),
            mend,
        }
    }
}

/// Whether a source can have this name. Names are subject tokens and metric labels.
pub(crate) fn check_name(name: &str) -> Result<(), SettingsError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if (1..=63).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(SettingsError::new(
        format!("{name:?}"),
        "this cannot be the name of a source",
        "use 1 to 63 lower-case letters, digits, '-' and '_'",
    ))
}
