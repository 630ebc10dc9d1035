//! Instant queries to a Prometheus server, one per metric.

mod answer;

use super::{
    Answers, Deadline, Question,
    http::{Http, url},
};
use crate::{
    assignments::Asked,
    clock::Clock,
    settings::{PrometheusSettings, SettingsError},
};
use futures::future::join_all;
use headroom_model::body::{CollectionFailure, Reading};
use reqwest::Url;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// A Prometheus server, or anything that answers its instant queries.
#[derive(Debug)]
pub(crate) struct Prometheus {
    http: Http,
    query: Url,
}

impl Prometheus {
    pub(super) fn new(
        name: &str,
        settings: &PrometheusSettings,
        requests: &Arc<Semaphore>,
    ) -> Result<Self, SettingsError> {
        let place = format!("{name}.prometheus");
        let base = settings.url.trim_end_matches('/');
        let query = url(&format!("{place}.url"), &format!("{base}/api/v1/query"))?;
        let http = Http::new(&place, settings.access(), requests)?;
        Ok(Self { http, query })
    }

    pub(super) async fn ask(&self, question: &Question<'_>) -> Answers {
        let deadline = Deadline::of(self.http.timeout, question);
        join_all(question.metrics.iter().map(|asked| async move {
            (
                asked.metric.clone(),
                self.reading(asked, deadline, question.clock).await,
            )
        }))
        .await
    }

    /// Prometheus is told the time-out too, so that it does not go on when nobody waits any more. The moment of the
    /// query is left to it: its clock, not ours, says which samples are current.
    async fn reading(
        &self,
        asked: &Asked,
        deadline: Deadline,
        clock: &Clock,
    ) -> Result<Reading, CollectionFailure> {
        let mut url = self.query.clone();
        url.query_pairs_mut()
            .append_pair("query", &asked.query)
            .append_pair("timeout", &format!("{}ms", deadline.after_ms));
        let fetched = self.http.get(url, "application/json", deadline).await?;
        let (at, measured) = answer::read(fetched.status, &fetched.body)?;
        Ok(Reading {
            metric: asked.metric.clone(),
            at: at.unwrap_or_else(|| clock.now()),
            measured,
        })
    }
}
