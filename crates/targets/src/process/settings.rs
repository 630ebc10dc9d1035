//! What `headroom.yaml` says about a process target.

use super::{ready::ReadyCheck, stop::StopSignal};
use crate::{
    settings::{check_absolute, check_positive, check_program},
    template::Template,
};
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf, time::Duration};

/// A target of kind `process`. The fields are those of `headroom.yaml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProcessSettings {
    /// The namespace whose policies may name it.
    pub namespace: String,
    /// The name within the namespace.
    pub name: String,
    /// The program of each child: an absolute path, or a bare name for `PATH`.
    pub program: String,
    /// Its arguments, with placeholders.
    #[serde(default)]
    pub args: Vec<String>,
    /// Further environment variables, with placeholders.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Where children run; absolute. The working directory of Headroom unless set.
    #[serde(default)]
    pub working_directory: Option<PathBuf>,
    /// Where pools are remembered; absolute. The pool is in `<state_directory>/<namespace>.<name>`.
    pub state_directory: PathBuf,
    /// Child number `i` gets the port `port_base + i`. Free ports are taken unless set.
    #[serde(default)]
    pub port_base: Option<u16>,
    /// `alive`, or an `http://` address with placeholders that answers 200 to 399 once the child is ready.
    #[serde(default = "default_ready")]
    pub ready: String,
    /// How long a child may take to answer `ready`.
    #[serde(default = "default_ready_timeout")]
    pub ready_timeout_seconds: u64,
    /// A child that has not been ready so long after its start counts as failed, and is replaced by the next order.
    #[serde(default = "default_start_timeout")]
    pub start_timeout_seconds: u64,
    /// What a child is asked to stop with.
    #[serde(default)]
    pub stop_signal: StopSignal,
    /// How long it may take before it is killed.
    #[serde(default = "default_grace")]
    pub grace_seconds: u64,
    /// Orders above this are refused, whatever a policy allows.
    #[serde(default = "default_limit")]
    pub replica_limit: u32,
}

fn default_ready() -> String {
    "alive".to_owned()
}

fn default_ready_timeout() -> u64 {
    1
}

fn default_start_timeout() -> u64 {
    60
}

/// The grace period that Kubernetes gives a pod.
fn default_grace() -> u64 {
    30
}

/// More processes of one program than a machine is likely to be meant for: a guard against a policy's slip.
fn default_limit() -> u32 {
    256
}

/// The placeholders of `args`, `env` and `ready`.
const WORDS: &[&str] = &["index", "port", "replica", "namespace", "name"];

/// The settings, checked.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) program: String,
    pub(super) args: Vec<Template>,
    pub(super) env: Vec<(String, Template)>,
    pub(super) working_directory: Option<PathBuf>,
    pub(super) state_directory: PathBuf,
    pub(super) ports: Ports,
    pub(super) ready: ReadyCheck,
    pub(super) start_timeout: Duration,
    pub(super) stop_signal: StopSignal,
    pub(super) grace: Duration,
    pub(super) replica_limit: u32,
}

/// Where children listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ports {
    /// Nowhere: no `port_base`, and no placeholder `{port}`.
    None,
    /// Wherever a port is free at the start.
    Free,
    /// At this port and the following ones.
    From(u16),
}

impl ProcessSettings {
    /// The error names the field and the mend.
    pub(super) fn check(&self) -> Result<Checked, String> {
        check_program("program", &self.program)?;
        check_absolute("state_directory", &self.state_directory)?;
        if let Some(directory) = &self.working_directory {
            check_absolute("working_directory", directory)?;
        }
        check_positive("ready_timeout_seconds", self.ready_timeout_seconds)?;
        check_positive("start_timeout_seconds", self.start_timeout_seconds)?;
        let args = crate::settings::templates("args", &self.args, WORDS)?;
        let env = (self.env.iter())
            .map(|(name, text)| match Template::parse(text, WORDS) {
                Ok(template) => Ok((name.clone(), template)),
                Err(problem) => Err(format!("env.{name}: {problem}")),
            })
            .collect::<Result<Vec<_>, String>>()?;
        let ready = self.ready_check()?;
        let asks_for_port = args
            .iter()
            .chain(env.iter().map(|(_, text)| text))
            .any(|text| text.uses("port"))
            || ready.uses("port");
        Ok(Checked {
            program: self.program.clone(),
            args,
            env,
            working_directory: self.working_directory.clone(),
            state_directory: self.state_directory.clone(),
            ports: self.ports(asks_for_port)?,
            ready,
            start_timeout: Duration::from_secs(self.start_timeout_seconds),
            stop_signal: self.stop_signal,
            grace: Duration::from_secs(self.grace_seconds),
            replica_limit: self.replica_limit,
        })
    }

    fn ready_check(&self) -> Result<ReadyCheck, String> {
        let template =
            Template::parse(&self.ready, WORDS).map_err(|problem| format!("ready: {problem}"))?;
        ReadyCheck::new(
            &self.ready,
            template,
            Duration::from_secs(self.ready_timeout_seconds),
        )
    }

    fn ports(&self, asks_for_port: bool) -> Result<Ports, String> {
        let Some(base) = self.port_base else {
            return Ok(if asks_for_port {
                Ports::Free
            } else {
                Ports::None
            });
        };
        let last = u32::from(base) + self.replica_limit.saturating_sub(1);
        if base == 0 || last > u32::from(u16::MAX) {
            return Err(format!(
                "port_base {base} with replica_limit {} needs ports {base} to {last}, which must lie within 1 to 65535; \
                 change one of the two",
                self.replica_limit
            ));
        }
        Ok(Ports::From(base))
    }
}
