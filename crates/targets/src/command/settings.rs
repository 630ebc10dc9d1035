//! What `headroom.yaml` says about a command target.

use crate::{
    settings::{check_absolute, check_positive, check_program, templates},
    template::Template,
};
use headroom_model::{Replicas, Span};
use serde::Deserialize;
use std::{collections::BTreeMap, path::PathBuf};

/// A target of kind `command`. The fields are those of `headroom.yaml`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandSettings {
    /// The namespace whose policies may name it.
    pub namespace: String,
    /// The name within the namespace.
    pub name: String,
    /// The program that is told the count: an absolute path, or a bare name for `PATH`.
    pub program: String,
    /// Its arguments, with placeholders.
    #[serde(default)]
    pub args: Vec<String>,
    /// Further environment variables for it and the read program.
    #[serde(default)]
    pub env: BTreeMap<String, String>,
    /// Where both run; absolute. The working directory of Headroom unless set.
    #[serde(default)]
    pub working_directory: Option<PathBuf>,
    /// The program and everything in its process group are killed after this.
    #[serde(default = "default_timeout")]
    pub timeout_seconds: u64,
    /// Whether doing the same twice is the same as doing it once.
    #[serde(default)]
    pub idempotent: bool,
    /// Exit codes after which the same order may be tried again.
    #[serde(default = "default_retry")]
    pub retry_exit_codes: Vec<u8>,
    /// The program that prints the present count.
    #[serde(default)]
    pub read: Option<ReadSettings>,
    /// The count to take for granted until the first order; needed where there is no `read`.
    #[serde(default)]
    pub initial_replicas: Option<u32>,
}

/// The program that prints the present count.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadSettings {
    /// The program: an absolute path, or a bare name for `PATH`.
    pub program: String,
    /// Its arguments, with the placeholders `{namespace}` and `{name}`.
    #[serde(default)]
    pub args: Vec<String>,
    /// It is killed after this.
    #[serde(default = "default_read_timeout")]
    pub timeout_seconds: u64,
}

/// How long a command may take: long enough for a playbook over many hosts.
fn default_timeout() -> u64 {
    300
}

fn default_read_timeout() -> u64 {
    30
}

fn default_retry() -> Vec<u8> {
    vec![super::EXIT_TRY_AGAIN]
}

/// The placeholders of `args`.
const SET_WORDS: &[&str] = &[
    "replicas",
    "generation",
    "log",
    "from",
    "namespace",
    "name",
    "key",
    "attempt",
];
/// The placeholders of `read.args`.
const READ_WORDS: &[&str] = &["namespace", "name"];

/// A program with its checked arguments and time-out.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) program: String,
    pub(super) args: Vec<Template>,
    pub(super) timeout: Span,
}

/// The settings, checked.
#[derive(Clone, Debug)]
pub(super) struct Checked {
    pub(super) set: Program,
    pub(super) read: Option<Program>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) working_directory: Option<PathBuf>,
    pub(super) idempotent: bool,
    pub(super) retry_exit_codes: Vec<u8>,
    pub(super) initial: Option<Replicas>,
}

impl CommandSettings {
    /// The error names the field and the mend.
    pub(super) fn check(&self) -> Result<Checked, String> {
        if self.read.is_none() && self.initial_replicas.is_none() {
            return Err(
                "nothing says how many replicas it has; add read: { program: … } that prints the count, or \
                 initial_replicas if it cannot be asked"
                    .to_owned(),
            );
        }
        if let Some(code) = (self.retry_exit_codes.iter())
            .find(|&&code| code == 0 || code == super::EXIT_OLDER_GENERATION)
        {
            return Err(format!(
                "retry_exit_codes has {code}, which means something else (0 done, {} older generation); take it out",
                super::EXIT_OLDER_GENERATION
            ));
        }
        if let Some(directory) = &self.working_directory {
            check_absolute("working_directory", directory)?;
        }
        Ok(Checked {
            set: program(
                "",
                &self.program,
                &self.args,
                self.timeout_seconds,
                SET_WORDS,
            )?,
            read: (self.read.as_ref())
                .map(|read| {
                    program(
                        "read.",
                        &read.program,
                        &read.args,
                        read.timeout_seconds,
                        READ_WORDS,
                    )
                })
                .transpose()?,
            env: self.env.clone(),
            working_directory: self.working_directory.clone(),
            idempotent: self.idempotent,
            retry_exit_codes: self.retry_exit_codes.clone(),
            initial: self.initial_replicas.map(Replicas),
        })
    }
}

/// Checks a program; its fields are called `prefix` and their own name.
fn program(
    prefix: &str,
    program: &str,
    args: &[String],
    timeout_seconds: u64,
    words: &[&str],
) -> Result<Program, String> {
    check_program(&format!("{prefix}program"), program)?;
    check_positive(&format!("{prefix}timeout_seconds"), timeout_seconds)?;
    Ok(Program {
        program: program.to_owned(),
        args: templates(&format!("{prefix}args"), args, words)?,
        timeout: Span::seconds(timeout_seconds),
    })
}
