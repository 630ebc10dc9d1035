//! Where readings come from: one file per kind of source.

mod endpoints;
mod http;
mod openmetrics;
mod prometheus;
mod tls;

use crate::{
    assignments::Asked,
    clock::Clock,
    settings::{PUSH, Settings, SettingsError, SourceSettings, check_name},
};
use headroom_model::{
    WorkloadId,
    body::{CollectionFailure, Reading},
};
use openmetrics::OpenMetrics;
use prometheus::Prometheus;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{sync::Semaphore, time::Instant};

/// Requests under way at one time, over all sources: with bodies of at most 16 MiB each they take 1 GiB at worst, and
/// 64 answers of 50 ms each are 1,280 a second.
const REQUESTS_AT_A_TIME: usize = 64;

/// A source that can be asked, or that is told.
#[derive(Debug)]
pub(crate) enum Source {
    Prometheus(Prometheus),
    OpenMetrics(OpenMetrics),
    /// Nobody asks it: others push.
    Push,
}

/// One turn's question to a source.
#[derive(Debug)]
pub(crate) struct Question<'a> {
    pub(crate) workload: &'a WorkloadId,
    pub(crate) metrics: &'a [Asked],
    /// The shortest interval of the task: an answer must come well before the next instant.
    pub(crate) interval: Duration,
    pub(crate) clock: &'a Clock,
}

/// What became of each metric, in the order of the question.
pub(crate) type Answers = Vec<(String, Result<Reading, CollectionFailure>)>;

/// Every source by name. The one named `push` is always there.
#[derive(Clone, Debug)]
pub(crate) struct Sources(BTreeMap<Arc<str>, Arc<Source>>);

impl Sources {
    /// Checks the settings. Nothing is reached or read yet but the settings themselves.
    pub(crate) fn build(settings: &Settings) -> Result<Self, SettingsError> {
        let requests = Arc::new(Semaphore::new(REQUESTS_AT_A_TIME));
        let mut sources = BTreeMap::from([(Arc::from(PUSH), Arc::new(Source::Push))]);
        for (name, settings) in &settings.0 {
            check_name(name)?;
            let source = match settings {
                SourceSettings::Prometheus(settings) => {
                    Source::Prometheus(Prometheus::new(name, settings, &requests)?)
                }
                SourceSettings::OpenMetrics(settings) => {
                    Source::OpenMetrics(OpenMetrics::new(name, settings, &requests)?)
                }
                SourceSettings::Push(_) => Source::Push,
            };
            if name == PUSH && !matches!(source, Source::Push) {
                return Err(SettingsError::new(
                    name,
                    "this name stands for pushed readings",
                    "give the source another name",
                ));
            }
            sources.insert(name.as_str().into(), Arc::new(source));
        }
        Ok(Self(sources))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Source>> {
        self.0.get(name)
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(AsRef::as_ref)
    }
}

impl Source {
    /// Whether pushed readings may name this source.
    pub(crate) fn takes_pushes(&self) -> bool {
        matches!(self, Self::Push)
    }

    /// Lets go of what it keeps about a workload that asks it no more.
    pub(crate) fn forget(&self, workload: &WorkloadId) {
        if let Self::OpenMetrics(source) = self {
            source.forget(workload);
        }
    }

    /// Asks, and waits no longer than the source's time-out. A pushed source has no answers.
    pub(crate) async fn ask(&self, question: &Question<'_>) -> Answers {
        match self {
            Self::Prometheus(source) => source.ask(question).await,
            Self::OpenMetrics(source) => source.ask(question).await,
            Self::Push => Vec::new(),
        }
    }
}

/// When a turn must be over.
#[derive(Clone, Copy, Debug)]
struct Deadline {
    at: Instant,
    /// How long that was from the start, in milliseconds.
    after_ms: u64,
}

impl Deadline {
    /// The set time-out, but never more than nine tenths of the interval: a slow source must not keep the next instant
    /// from being asked for.
    fn of(timeout: Duration, question: &Question<'_>) -> Self {
        let wait = timeout.min(question.interval * 9 / 10);
        Self {
            at: Instant::now() + wait,
            after_ms: u64::try_from(wait.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// At most 300 characters of what a source said, on one line: enough to see what is wrong, and small in the log.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 300;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &words[..end]),
        None => words,
    }
}
