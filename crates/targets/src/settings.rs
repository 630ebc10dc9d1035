//! The key `targets` of `headroom.yaml`.

use crate::{TargetName, command::CommandSettings, process::ProcessSettings, template::Template};
use serde::Deserialize;
use std::path::Path;
use thiserror::Error;

/// The targets that an actuator may touch: what stands under the key `targets` of `headroom.yaml`, a list.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub Vec<TargetSettings>);

/// One target; `kind` says which driver it has.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TargetSettings {
    /// A pool of child processes.
    Process(ProcessSettings),
    /// A program that is told the count.
    Command(CommandSettings),
}

impl TargetSettings {
    /// The kind, as `headroom.yaml` spells it. Policies may spell it with other capitals.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Process(_) => "process",
            Self::Command(_) => "command",
        }
    }

    /// The namespace whose policies may name it.
    #[must_use]
    pub fn namespace(&self) -> &str {
        match self {
            Self::Process(settings) => &settings.namespace,
            Self::Command(settings) => &settings.namespace,
        }
    }

    /// The name within the namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Process(settings) => &settings.name,
            Self::Command(settings) => &settings.name,
        }
    }

    /// Both names, checked.
    pub(crate) fn target_name(&self) -> Result<TargetName, String> {
        TargetName::new(self.namespace(), self.name()).map_err(|error| error.to_string())
    }
}

/// A setting that cannot be used.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("headroom.yaml: targets[{position}] ({kind} {namespace}/{name}): {problem}")]
pub struct SettingsError {
    /// The position in the list, from 0.
    pub position: usize,
    /// The target's kind.
    pub kind: &'static str,
    /// The target's namespace.
    pub namespace: String,
    /// The target's name.
    pub name: String,
    /// Which field is wrong, and how to mend it.
    pub problem: String,
}

/// A program must be found whatever the working directory: an absolute path, or a bare name for `PATH`.
pub(crate) fn check_program(field: &str, program: &str) -> Result<(), String> {
    if program.is_empty() {
        return Err(format!("{field} is empty; name a program"));
    }
    if program.contains('/') {
        return check_absolute(field, Path::new(program));
    }
    Ok(())
}

/// A path must mean the same whatever the working directory.
pub(crate) fn check_absolute(field: &str, path: &Path) -> Result<(), String> {
    if path.is_absolute() {
        return Ok(());
    }
    Err(format!(
        "{field} {:?} depends on the working directory; write an absolute path",
        path.display().to_string()
    ))
}

/// Reads every template, or says which field has the wrong one.
pub(crate) fn templates(
    field: &str,
    texts: &[String],
    known: &[&str],
) -> Result<Vec<Template>, String> {
    texts
        .iter()
        .map(|text| Template::parse(text, known).map_err(|problem| format!("{field}: {problem}")))
        .collect()
}

/// A time-out of zero would end everything before it began.
pub(crate) fn check_positive(field: &str, value: u64) -> Result<(), String> {
    if value == 0 {
        return Err(format!("{field} is 0; give at least 1"));
    }
    Ok(())
}
