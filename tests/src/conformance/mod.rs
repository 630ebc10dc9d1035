//! Runs vectors of the peers' own tests through the code that production runs. It only translates: no arithmetic of scaling is
//! done here.

mod behavior;
mod compare;
mod hpa;
mod limits;
mod memory;
mod observation;
mod past;
mod pods;
mod readings;
mod reconcile;
mod stage;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// The schemas that are understood.
pub const PEERS: [&str; 1] = ["hpa"];

/// A file of vectors.
#[derive(Debug, Deserialize)]
struct File {
    cases: Vec<Case>,
}

/// One vector.
#[derive(Debug, Deserialize)]
pub struct Case {
    id: String,
    kind: String,
    label: String,
    inputs: Value,
    expected: Map<String, Value>,
}

/// What came of a vector.
#[derive(Debug)]
pub enum Outcome {
    /// Everything that is expected was found, but for an expectation that was not looked at.
    Passed {
        /// Which one.
        left_out: Option<&'static str>,
    },
    /// Something else was found.
    Failed(String),
    /// It was not run.
    Skipped(&'static str),
}

/// What came of all vectors.
#[derive(Debug, Default)]
pub struct Tally {
    /// How many passed.
    pub passed: usize,
    /// The others that were run, in words.
    pub failed: Vec<String>,
    /// How many were not run, by kind and reason.
    pub skipped: BTreeMap<(String, &'static str), usize>,
    /// The files that are of another schema.
    pub others: Vec<PathBuf>,
    /// How often an expectation was not looked at.
    pub left_out: BTreeMap<&'static str, usize>,
}

impl Tally {
    /// The last line of the report.
    #[must_use]
    pub fn line(&self) -> String {
        let skipped: usize = self.skipped.values().sum();
        format!(
            "{} passed, {} failed, {skipped} skipped",
            self.passed,
            self.failed.len()
        )
    }
}

/// Runs every vector file in a folder.
///
/// # Errors
/// When the folder has none, or a file cannot be read.
pub fn run(peer: &str, folder: &Path) -> Result<Tally> {
    let mut tally = Tally::default();
    let reading = || format!("reading the vectors in {}", folder.display());
    let mut files: Vec<_> = fs::read_dir(folder)
        .and_then(Iterator::collect::<std::io::Result<Vec<_>>>)
        .with_context(reading)?;
    files.sort_by_key(fs::DirEntry::path);
    for path in files.into_iter().map(|file| file.path()) {
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let document: Value = serde_json::from_slice(&fs::read(&path)?)
            .with_context(|| format!("{} is no JSON", path.display()))?;
        if document["schema"] != format!("{peer}-conformance/1") {
            tally.others.push(path);
            continue;
        }
        let vectors: File = serde_json::from_value(document)
            .with_context(|| format!("{} holds no vectors of {peer}", path.display()))?;
        for case in &vectors.cases {
            tally.count(case, hpa::run(case));
        }
    }
    ensure!(
        tally.passed + tally.failed.len() + tally.skipped.len() > 0,
        "{}: there are none",
        reading()
    );
    Ok(tally)
}

impl Tally {
    fn count(&mut self, case: &Case, outcome: Result<Outcome>) {
        let name = format!("{} ({}, {})", case.id, case.kind, case.label);
        match outcome {
            Ok(Outcome::Passed { left_out }) => {
                self.passed += 1;
                if let Some(expectation) = left_out {
                    *self.left_out.entry(expectation).or_default() += 1;
                }
            }
            Ok(Outcome::Failed(found)) => self.failed.push(format!("{name}: {found}")),
            Ok(Outcome::Skipped(why)) => {
                *self.skipped.entry((case.kind.clone(), why)).or_default() += 1;
            }
            Err(error) => self
                .failed
                .push(format!("{name}: it cannot be read: {error:#}")),
        }
    }
}

impl Case {
    fn inputs<T: for<'de> Deserialize<'de>>(&self) -> Result<T> {
        let mut inputs = self.inputs.clone();
        leave_out_nulls(&mut inputs);
        Ok(serde_json::from_value(inputs)?)
    }
}

/// The fields that are null to say something else than when they are left out.
const TELLING_NULLS: [&str; 2] = ["ready", "start_age_s"];

fn leave_out_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, value| !value.is_null() || TELLING_NULLS.contains(&name.as_str()));
            fields.values_mut().for_each(leave_out_nulls);
        }
        Value::Array(values) => values.iter_mut().for_each(leave_out_nulls),
        _ => {}
    }
}
