//! The HPA's vectors of the parts of a metric of pods: who counts, what is requested, and the ratio.

use super::hpa::{error, requests};
use super::pods::{Controller, NOW, Pod, PodSample, Usage};
use anyhow::{Context as _, Result, bail};
use headroom_evaluator::hpa::{Milli, group, usage, utilization};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// `pod_grouping`: which pods count.
#[derive(Debug, Deserialize)]
pub(super) struct Grouping {
    #[serde(default)]
    controller: Controller,
    resource: String,
    pods: Vec<Pod>,
    samples: Vec<PodSample>,
}

impl Grouping {
    pub(super) fn grouped(&self) -> Value {
        let usage = Usage {
            pods: &self.pods,
            container: None,
            age_seconds: 0,
            window_seconds: 60,
        };
        let replicas: Vec<_> = self.pods.iter().map(Pod::replica).collect();
        let cpu = self.controller.cpu(Some(&self.resource));
        let groups = group(&replicas, &usage.samples(&self.samples), cpu, NOW);
        json!({
            "ready_count": groups.ready,
            "unready": groups.unready,
            "missing": groups.missing,
            "ignored": groups.ignored,
        })
    }
}

/// `pod_requests`: what each pod requests.
#[derive(Debug, Deserialize)]
pub(super) struct Requests {
    #[serde(default)]
    controller: Controller,
    pods: Vec<Pod>,
    resource: Option<String>,
    container: Option<String>,
}

impl Requests {
    pub(super) fn requested(&self) -> Value {
        let resource = self.resource.as_deref().unwrap_or("cpu");
        let container = self.container.as_deref();
        match requests(&self.pods, &self.controller, resource, container) {
            Ok(requests) => {
                let requests = requests
                    .into_iter()
                    .map(|(name, request)| (name, request.0));
                json!({ "requests_m": requests.collect::<BTreeMap<_, _>>() })
            }
            Err(failure) => error(&failure),
        }
    }
}

/// `ratio`: usage over target.
#[derive(Debug, Deserialize)]
pub(super) struct Ratio {
    mode: String,
    values_m: BTreeMap<String, i64>,
    #[serde(default)]
    requests_m: BTreeMap<String, i64>,
    target_percent: Option<i32>,
    target_m: Option<i64>,
}

impl Ratio {
    pub(super) fn ratio(&self) -> Result<Value> {
        let named = |values: &'_ BTreeMap<String, i64>| -> BTreeMap<String, Milli> {
            values
                .iter()
                .map(|(name, value)| (name.clone(), Milli(*value)))
                .collect()
        };
        let (values, requests) = (named(&self.values_m), named(&self.requests_m));
        let ratio = match self.mode.as_str() {
            "utilization" => {
                let target = self
                    .target_percent
                    .context("a utilization has a target_percent")?;
                utilization(&borrowed(&values), &borrowed(&requests), target)
            }
            "usage" => {
                let target = self.target_m.context("a usage has a target_m")?;
                usage(&borrowed(&values), Milli(target))
            }
            other => bail!("there is no mode {other:?}"),
        };
        Ok(match ratio {
            Ok(ratio) => json!({
                "ratio": ratio.ratio,
                "utilization_percent": ratio.utilization_percent,
                "average_value_m": ratio.average.0,
            }),
            Err(failure) => error(&failure),
        })
    }
}

fn borrowed(values: &BTreeMap<String, Milli>) -> BTreeMap<&str, Milli> {
    values
        .iter()
        .map(|(name, value)| (name.as_str(), *value))
        .collect()
}
