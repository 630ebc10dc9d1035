//! `headroom validate`: policy files, checked without a log.

use crate::args::{Format, Validate};
use crate::config::Config;
use crate::{exit, output};
use anyhow::Context as _;
use headroom_policy::{Document, Errors, parse_files_with_sources};
use headroom_replay::sentences::counted;
use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Checks files, and says all that is wrong with them.
pub(super) fn run(config: &Config, args: &Validate) -> anyhow::Result<ExitCode> {
    let texts = read(&args.files)?;
    match parse(config, &texts) {
        Ok(documents) => {
            for document in &documents {
                let policy = &document.policy;
                match args.output.output {
                    Format::Json => output::json_line(&serde_json::json!({
                        "workload": policy.workload, "file": document.file, "line": document.line, "valid": true,
                    }))?,
                    Format::Table => output::line(&format!(
                        "{}:{}: {} is valid: {} to {} replicas, {}",
                        document.file,
                        document.line,
                        policy.workload,
                        policy.min_replicas,
                        policy.max_replicas,
                        counted(policy.rules.len(), "rule")
                    ))?,
                }
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(errors) => {
            for error in errors.iter() {
                match args.output.output {
                    Format::Json => output::json_line(
                        &serde_json::json!({ "valid": false, "error": error.to_string() }),
                    )?,
                    Format::Table => output::line(&error.to_string())?,
                }
            }
            Ok(exit::found_wrong())
        }
    }
}

/// The texts of files; `-` is standard input. A file that is named again, also by another path, is read once: its policies
/// are no second ones.
pub(super) fn read(files: &[PathBuf]) -> anyhow::Result<Vec<(String, String)>> {
    let mut known = BTreeSet::new();
    let new = |path: &&PathBuf| {
        let file = match is_standard_input(path) {
            true => None,
            false => std::fs::canonicalize(path).ok(),
        };
        known.insert(file.unwrap_or_else(|| path.to_path_buf()))
    };
    files.iter().filter(new).map(text).collect()
}

fn is_standard_input(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// What an error calls a file, and its text.
fn text(path: &PathBuf) -> anyhow::Result<(String, String)> {
    if is_standard_input(path) {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .context("cannot read standard input")?;
        return Ok(("standard input".to_owned(), text));
    }
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok((path.display().to_string(), text))
}

/// Parses texts against the sources that the configuration names.
pub(super) fn parse(config: &Config, texts: &[(String, String)]) -> Result<Vec<Document>, Errors> {
    let borrowed: Vec<(&str, &str)> = texts
        .iter()
        .map(|(file, text)| (file.as_str(), text.as_str()))
        .collect();
    let sources: BTreeSet<String> = config.sources.0.keys().cloned().collect();
    if sources.is_empty() {
        return headroom_policy::parse_files(&borrowed);
    }
    parse_files_with_sources(&borrowed, &sources)
}
