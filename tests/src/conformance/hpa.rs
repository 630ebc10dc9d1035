//! The HPA's vectors, kind by kind.

use super::behavior::{Defaults, PolicyLimit, RateLimit};
use super::memory::{DefaultLimits, EventLog, StabilizeBehavior, StabilizeDefault};
use super::observation::{Aim, Metric};
use super::pods::{Controller, NOW, Pod, Usage};
use super::readings::{Grouping, Ratio, Requests};
use super::reconcile::Cycle;
use super::{Case, Outcome};
use anyhow::{Result, bail};
use headroom_evaluator::hpa::{
    self, Failure, Milli, Proposal, Samples, average_of_sum, average_of_total, average_value,
    ready_of, request_of, resource_utilization,
};
use headroom_model::{
    Replicas,
    body::{Recommendation, Unavailable},
};
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
        | "external_average_value" => case.inputs::<Calculation>()?.calculated()?,
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
    fn calculated(self) -> Result<Value> {
        let measured = match self.metric.aim() {
            Aim::Value(_) => "value_m",
            Aim::Percent(_) | Aim::Average(_) => "average_value_m",
        };
        let proposed = match self.metric.kind.as_str() {
            "resource" | "container_resource" | "pods" if !self.metric.fetch_error => {
                self.of_replicas()?
            }
            "object" | "external" if !self.metric.fetch_error => match self.metric.total() {
                Some(total) => self.of_total(total)?,
                None => return self.unavailable(),
            },
            _ => return self.unavailable(),
        };
        Ok(match proposed {
            Ok(proposal) => json!({
                "replicas": proposal.replicas.0,
                "utilization_percent": proposal.utilization_percent,
                measured: proposal.measured.0,
            }),
            Err(failure) => error(&failure),
        })
    }

    fn of_total(&self, total: Milli) -> Result<Result<Proposal, Failure>> {
        let (tolerance, current) = (self.controller.tolerance(), Replicas(self.current_replicas));
        Ok(match self.metric.aim() {
            Aim::Value(value) => {
                let replicas: Vec<_> = self.pods.iter().map(Pod::replica).collect();
                let ready = || ready_of(&replicas);
                hpa::value(total, Milli(value), tolerance, current, ready)
            }
            Aim::Average(value) if self.metric.kind == "external" => {
                Ok(average_of_sum(total, Milli(value), tolerance, current))
            }
            Aim::Average(value) => Ok(average_of_total(total, Milli(value), tolerance, current)),
            Aim::Percent(_) => bail!("a total has a value or an average value as its target"),
        })
    }

    fn of_replicas(&self) -> Result<Result<Proposal, Failure>> {
        let metric = &self.metric;
        let (tolerance, current) = (self.controller.tolerance(), Replicas(self.current_replicas));
        let usage = Usage::of(&self.pods, metric);
        let replicas: Vec<_> = self.pods.iter().map(Pod::replica).collect();
        let samples = Samples {
            replicas: &replicas,
            answered: !metric.samples.is_empty(),
            samples: &usage.samples(&metric.samples),
            cpu: self.controller.cpu(metric.resource.as_deref()),
            now: NOW,
        };
        Ok(match metric.aim() {
            Aim::Percent(percent) => {
                let resource = metric.resource.as_deref().unwrap_or("cpu");
                let requests = || requests(&self.pods, &self.controller, resource, usage.container);
                resource_utilization(samples, requests, percent, tolerance, current)
            }
            Aim::Average(value) => average_value(samples, Milli(value), tolerance, current),
            Aim::Value(_) => {
                bail!("readings of pods have a share or an average value as their target")
            }
        })
    }

    /// Where there is nothing to reckon with, what the evaluator says of that.
    fn unavailable(self) -> Result<Value> {
        let cycle = Cycle::of_one(
            self.metric,
            self.pods,
            self.controller,
            self.current_replicas,
        );
        let category = match cycle.said_of_first()? {
            Recommendation::Unavailable { cause } => match cause {
                Unavailable::Failed => "fetch_failed",
                Unavailable::Missing => "no_metrics_returned",
                Unavailable::UnknownType => "unknown_metric_type",
                other => bail!("there is no word for {other:?}"),
            },
            said => bail!("without a value, the evaluator says {said:?}"),
        };
        Ok(json!({ "error": category }))
    }
}

/// What each pod requests.
pub(super) fn requests(
    pods: &[Pod],
    controller: &Controller,
    resource: &str,
    container: Option<&str>,
) -> Result<BTreeMap<String, Milli>, Failure> {
    let one = |pod: &Pod| {
        let template = pod.template(controller, &[resource]);
        let request = request_of(&pod.name, &template, resource, container)?;
        Ok((pod.name.clone(), request))
    };
    pods.iter().map(one).collect()
}

/// The vectors' word for what is wrong.
pub(super) fn error(failure: &Failure) -> Value {
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
