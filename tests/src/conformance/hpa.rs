//! The HPA's vectors, kind by kind.

use super::behavior::{Defaults, PolicyLimit, RateLimit};
use super::memory::{DefaultLimits, EventLog, StabilizeBehavior, StabilizeDefault};
use super::observation::Metric;
use super::pods::{Controller, NOW, Pod, PodSample, Usage};
use super::reconcile::Cycle;
use super::{Case, Outcome};
use anyhow::{Context as _, Result, bail};
use headroom_evaluator::hpa::{
    self, Failure, Milli, Proposal, Samples, average_of_total, average_value, group, ready_of,
    request_of, resource_utilization,
};
use headroom_model::Replicas;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What a Kubernetes object says of itself; there is none here yet.
const CONDITIONS: &str = "conditions";

pub(super) fn run(case: &Case) -> Result<Outcome> {
    let found = match case.kind.as_str() {
        "resource_utilization"
        | "resource_average_value"
        | "pods_average_value"
        | "object_value"
        | "object_average_value"
        | "external_value"
        | "external_average_value" => {
            let inputs: Calculation = case.inputs()?;
            shown(inputs.propose()?, inputs.metric.target.value_m.is_some())
        }
        "pod_grouping" => case.inputs::<Grouping>()?.grouped(),
        "pod_requests" => case.inputs::<Requests>()?.requested(),
        "ratio" => case.inputs::<Ratio>()?.ratio()?,
        "behavior_defaults" => case.inputs::<Defaults>()?.completed()?,
        "policy_limit" => case.inputs::<PolicyLimit>()?.limit()?,
        "rate_limit" => case.inputs::<RateLimit>()?.limited()?,
        "default_limits" => case.inputs::<DefaultLimits>()?.limited()?,
        "stabilize_default" => case.inputs::<StabilizeDefault>()?.stabilized()?,
        "stabilize_behavior" => case.inputs::<StabilizeBehavior>()?.stabilized()?,
        "event_log" => case.inputs::<EventLog>()?.stored()?,
        kind if kind.ends_with("_reconcile") => {
            let cycle: Cycle = case.inputs()?;
            return Ok(case.compare_without(&cycle.reconciled()?, Some(CONDITIONS)));
        }
        _ => return Ok(Outcome::Skipped("this runner does not know the kind")),
    };
    Ok(case.compare(&found))
}

/// One metric, and what it is a metric of.
#[derive(Debug, Deserialize)]
struct Calculation {
    current_replicas: u32,
    #[serde(default)]
    controller: Controller,
    #[serde(default)]
    pods: Vec<Pod>,
    metric: Metric,
}

impl Calculation {
    fn propose(&self) -> Result<Result<Proposal, Failure>> {
        let (metric, target) = (&self.metric, &self.metric.target);
        let (tolerance, current) = (self.controller.tolerance(), Replicas(self.current_replicas));
        let replicas: Vec<_> = self.pods.iter().map(Pod::replica).collect();
        let total = match (metric.value_m, &metric.values_m) {
            (Some(value), _) => Some(Milli(value)),
            (None, Some(values)) => Some(Milli::sum(values.iter().copied().map(Milli))),
            (None, None) => None,
        };
        if let Some(total) = total {
            let total = total.0 as f64;
            return Ok(match (target.value_m, target.average_value_m) {
                (Some(value), _) => {
                    let ready = || ready_of(&replicas);
                    hpa::value(total, value as f64, tolerance, current, ready)
                }
                (None, Some(value)) => {
                    Ok(average_of_total(total, value as f64, tolerance, current))
                }
                (None, None) => bail!("a total has a value or an average value as its target"),
            });
        }
        let usage = Usage {
            pods: &self.pods,
            container: metric.container.as_deref(),
            age_seconds: metric.sample_age_s,
            window_seconds: metric.window_s.unwrap_or(60),
        };
        let samples = Samples {
            replicas: &replicas,
            answered: !metric.samples.is_empty(),
            samples: &usage.samples(&metric.samples),
            cpu: self.controller.cpu(metric.resource.as_deref()),
            now: NOW,
        };
        Ok(match (target.utilization_percent, target.average_value_m) {
            (Some(percent), _) => {
                let resource = metric.resource.as_deref().unwrap_or("cpu");
                let requests = || requests(&self.pods, &self.controller, resource, usage.container);
                resource_utilization(samples, requests, percent, tolerance, current)
            }
            (None, Some(value)) => average_value(samples, Milli(value), tolerance, current),
            (None, None) => {
                bail!("readings of pods have a share or an average value as their target")
            }
        })
    }
}

fn requests(
    pods: &[Pod],
    controller: &Controller,
    resource: &str,
    container: Option<&str>,
) -> Result<BTreeMap<String, Milli>, Failure> {
    let one = |pod: &Pod| {
        let template = pod.template(controller, resource);
        let request = request_of(&pod.name, &template, resource, container)?;
        Ok((pod.name.clone(), request))
    };
    pods.iter().map(one).collect()
}

fn shown(proposed: Result<Proposal, Failure>, is_value: bool) -> Value {
    match proposed {
        Ok(proposal) => {
            let measured = match is_value {
                true => "value_m",
                false => "average_value_m",
            };
            json!({
                "replicas": proposal.replicas.0,
                "utilization_percent": proposal.utilization_percent,
                measured: proposal.measured.0,
            })
        }
        Err(failure) => error(&failure),
    }
}

fn error(failure: &Failure) -> Value {
    let category = match failure {
        Failure::NoReplicas => "no_pods",
        Failure::NoSamples => "no_metrics_returned",
        Failure::NoUsableSamples => "no_usable_metrics",
        Failure::NoMatchingSamples => "no_matching_metrics",
        Failure::MissingRequest { .. } => "missing_request",
        Failure::NoSuchContainer { .. } => "container_not_found",
    };
    json!({ "error": category })
}

#[derive(Debug, Deserialize)]
struct Grouping {
    #[serde(default)]
    controller: Controller,
    resource: String,
    pods: Vec<Pod>,
    samples: Vec<PodSample>,
}

impl Grouping {
    fn grouped(&self) -> Value {
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

#[derive(Debug, Deserialize)]
struct Requests {
    #[serde(default)]
    controller: Controller,
    pods: Vec<Pod>,
    container: Option<String>,
}

impl Requests {
    fn requested(&self) -> Value {
        match requests(
            &self.pods,
            &self.controller,
            "cpu",
            self.container.as_deref(),
        ) {
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

#[derive(Debug, Deserialize)]
struct Ratio {
    mode: String,
    values_m: BTreeMap<String, i64>,
    #[serde(default)]
    requests_m: BTreeMap<String, i64>,
    target_percent: Option<i32>,
    target_m: Option<i64>,
}

impl Ratio {
    fn ratio(&self) -> Result<Value> {
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
                hpa::utilization(&borrowed(&values), &borrowed(&requests), target)
            }
            "usage" => {
                let target = self.target_m.context("a usage has a target_m")?;
                hpa::usage(&borrowed(&values), Milli(target))
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
