//! Scrapes of programs that show their metrics as text, added up or one number per replica.

use super::{
    Answers, Deadline, Question,
    endpoints::{Endpoint, Endpoints, Page},
    excerpt,
    http::{Fetched, Http, refused},
};
use crate::{
    assignments::Asked,
    clock::Clock,
    exposition::{Format, Sample, samples},
    fan_in::{Said, combine},
    query::Query,
    rates::Counters,
    settings::{OpenMetricsSettings, SettingsError},
};
use futures::{StreamExt as _, stream};
use headroom_model::{
    Span, Timestamp, WorkloadId,
    body::{CollectionFailure, Reading},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Semaphore;

/// The newer format first; every program that speaks either is understood.
const ACCEPT: &str =
    "application/openmetrics-text;version=1.0.0;q=0.9,text/plain;version=0.0.4;q=0.8,*/*;q=0.1";
/// Endpoints of one turn that are scraped at a time; all sources together have a bound of their own.
const ENDPOINTS_AT_A_TIME: usize = 32;
/// Counters older than this give no rate: it would be the mean of a time that nobody cares for any more.
const OLDEST_COUNTERS: Span = Span::seconds(600);

/// Programs that show their metrics as text.
#[derive(Debug)]
pub(crate) struct OpenMetrics {
    http: Http,
    endpoints: Endpoints,
    per_replica: bool,
    /// What the last scrape of each workload saw of counters, for the rates of the next. As large as the counters that
    /// policies name.
    counters: Mutex<BTreeMap<WorkloadId, Seen>>,
}

/// Counters by replica and query.
type Seen = BTreeMap<(String, String), Counters>;

/// What one endpoint said to each question, in their order; or that it said nothing.
struct Scraped {
    replica: String,
    said: Result<Vec<Result<Answered, CollectionFailure>>, CollectionFailure>,
}

/// One endpoint's answer to one question.
#[derive(Default)]
struct Answered {
    value: Option<f64>,
    at: Option<Timestamp>,
    counters: Option<Counters>,
}

impl OpenMetrics {
    pub(super) fn new(
        name: &str,
        settings: &OpenMetricsSettings,
        requests: &Arc<Semaphore>,
    ) -> Result<Self, SettingsError> {
        let place = format!("{name}.openmetrics");
        let http = Http::new(&place, settings.access(), requests)?;
        let page = Page {
            scheme: if http.speaks_tls() { "https" } else { "http" },
            path: settings.path.clone(),
        };
        let endpoints = Endpoints::new(&place, settings, page)?;
        Ok(Self {
            per_replica: settings
                .per_replica
                .unwrap_or_else(|| endpoints.are_replicas()),
            http,
            endpoints,
            counters: Mutex::default(),
        })
    }

    pub(super) async fn ask(&self, question: &Question<'_>) -> Answers {
        let scraped = self.scrape_all(question).await;
        if let Ok(scraped) = &scraped {
            self.remember(question, scraped);
        }
        let metrics = question.metrics.iter().enumerate();
        metrics
            .map(|(index, asked)| {
                let reading = match &scraped {
                    Ok(scraped) => self.reading(asked, index, scraped, question.clock),
                    Err(failure) => Err(failure.clone()),
                };
                (asked.metric.clone(), reading)
            })
            .collect()
    }

    async fn scrape_all(&self, question: &Question<'_>) -> Result<Vec<Scraped>, CollectionFailure> {
        let endpoints = self.endpoints.now()?;
        let before = self.seen(question.workload);
        let deadline = Deadline::of(self.http.timeout, question);
        let scrapes = endpoints
            .into_iter()
            .map(|endpoint| self.scrape(endpoint, question, deadline, &before));
        let scraped = stream::iter(scrapes).buffered(ENDPOINTS_AT_A_TIME);
        Ok(scraped.collect().await)
    }

    /// One page, read once for all metrics.
    async fn scrape(
        &self,
        endpoint: Endpoint,
        question: &Question<'_>,
        deadline: Deadline,
        before: &Seen,
    ) -> Scraped {
        let Endpoint { replica, url } = endpoint;
        let fetched = self.http.get(url, ACCEPT, deadline).await;
        let now = question.clock.now();
        let said = fetched.and_then(|fetched| {
            let text = page(&fetched)?;
            let samples = samples(text, Format::of(fetched.content_type.as_deref()))
                .map_err(|error| malformed(&error.to_string()))?;
            let answers = question.metrics.iter().map(|asked| {
                let former = before.get(&(replica.clone(), asked.query.clone()));
                answered(asked, &samples, now, former)
            });
            Ok(answers.collect())
        });
        Scraped { replica, said }
    }

    fn reading(
        &self,
        asked: &Asked,
        index: usize,
        scraped: &[Scraped],
        clock: &Clock,
    ) -> Result<Reading, CollectionFailure> {
        let at = scraped
            .iter()
            .filter_map(|endpoint| endpoint.said(index).ok()?.at)
            .min();
        let said = scraped.iter().map(|endpoint| {
            let said: Said = endpoint
                .said(index)
                .map(|said| said.value)
                .map_err(Clone::clone);
            (endpoint.replica.clone(), said)
        });
        Ok(Reading {
            metric: asked.metric.clone(),
            measured: combine(self.per_replica, said.collect())?,
            // The oldest of several, so that a reading is not taken for fresher than it is.
            at: at.unwrap_or_else(|| clock.now()),
        })
    }

    fn seen(&self, workload: &WorkloadId) -> Seen {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.get(workload).cloned().unwrap_or_default()
    }

    /// Keeps the counters that this scrape saw. Those of endpoints that did not answer, and of metrics that were not due,
    /// stay as they were; endpoints that are gone are forgotten, and so is what is too old for a rate.
    fn remember(&self, question: &Question<'_>, scraped: &[Scraped]) {
        let too_old = question.clock.now().minus(OLDEST_COUNTERS);
        let replicas: BTreeSet<&str> = scraped.iter().map(|one| one.replica.as_str()).collect();
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = counters.entry(question.workload.clone()).or_default();
        seen.retain(|(replica, _), counters| {
            replicas.contains(replica.as_str()) && counters.at() > too_old
        });
        for endpoint in scraped {
            for (index, asked) in question.metrics.iter().enumerate() {
                if let Ok(Answered {
                    counters: Some(counters),
                    ..
                }) = endpoint.said(index)
                {
                    let key = (endpoint.replica.clone(), asked.query.clone());
                    seen.insert(key, counters.clone());
                }
            }
        }
    }

    /// Forgets what it has seen of a workload that asks no more.
    pub(super) fn forget(&self, workload: &WorkloadId) {
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.remove(workload);
    }
}

impl Scraped {
    fn said(&self, index: usize) -> Result<&Answered, &CollectionFailure> {
        self.said.as_ref()?[index].as_ref()
    }
}

/// The text of a page that came with success.
fn page<'a>(fetched: &'a Fetched<'_>) -> Result<&'a str, CollectionFailure> {
    if !fetched.status.is_success() {
        return Err(refused(
            fetched.status,
            &String::from_utf8_lossy(&fetched.body),
        ));
    }
    str::from_utf8(&fetched.body).map_err(|error| malformed(&error.to_string()))
}

/// What the samples of one endpoint answer to one question. No matching sample is no value, not zero.
fn answered(
    asked: &Asked,
    samples: &[Sample<'_>],
    now: Timestamp,
    former: Option<&Counters>,
) -> Result<Answered, CollectionFailure> {
    let query = Query::parse(&asked.query).map_err(|error| CollectionFailure::Refused {
        detail: error.to_string(),
    })?;
    let matching = || {
        samples
            .iter()
            .filter(|sample| query.selector.matches(sample))
    };
    let Some(at) = matching().map(|sample| sample.at.unwrap_or(now)).min() else {
        return Ok(Answered::default());
    };
    if !query.rate {
        return Ok(Answered {
            value: Some(matching().map(|sample| sample.value).sum()),
            at: Some(at),
            counters: None,
        });
    }
    let series = matching().map(|sample| (format!("{:?}", sample.labels), sample.value));
    let counters = Counters::new(at, series.collect());
    Ok(Answered {
        value: former.and_then(|former| counters.rate_since(former)),
        at: Some(at),
        counters: Some(counters),
    })
}

fn malformed(detail: &str) -> CollectionFailure {
    CollectionFailure::Malformed {
        detail: excerpt(detail),
    }
}
