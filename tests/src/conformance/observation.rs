//! Metrics of whole cycles, as a policy and as observations have them.

use super::pods::{Controller, NOW, Pod, PodSample, Usage, at};
use headroom_evaluator::hpa::Milli;
use headroom_model::{
    Body, Span, Timestamp,
    body::{
        CollectionFailed, CollectionFailure, ContainerUsage, FleetState, Measured, Observed, Part,
        Reading,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

/// The oldest sample that a policy can allow, in seconds.
const OLDEST_SECONDS: u64 = 86_400;

/// One metric.
#[derive(Debug, Deserialize)]
pub(super) struct Metric {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) resource: Option<String>,
    pub(super) container: Option<String>,
    #[serde(default)]
    target: Target,
    #[serde(default)]
    pub(super) samples: Vec<PodSample>,
    #[serde(default)]
    pub(super) sample_age_s: u64,
    pub(super) window_s: Option<u64>,
    value_m: Option<i64>,
    values_m: Option<Vec<i64>>,
    #[serde(default)]
    pub(super) fetch_error: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Target {
    utilization_percent: Option<i32>,
    average_value_m: Option<i64>,
    value_m: Option<i64>,
}

/// What a metric is to be brought to; values are in thousandths.
#[derive(Clone, Copy, Debug)]
pub(super) enum Aim {
    Percent(i32),
    Average(i64),
    Value(i64),
}

impl Metric {
    /// What the rule of a metric is called.
    pub(super) fn rule(index: usize) -> String {
        format!("metric-{index:03}")
    }

    /// The name that its readings have.
    fn name(&self) -> &str {
        match self.kind.as_str() {
            "object" => "Ingress/main/load",
            "pods" | "external" => "load",
            _ => self.resource.as_deref().unwrap_or("cpu"),
        }
    }

    /// Where a vector says that it does not matter, anything that is allowed.
    pub(super) fn aim(&self) -> Aim {
        let target = &self.target;
        match (
            target.utilization_percent,
            target.average_value_m,
            target.value_m,
        ) {
            (Some(percent), _, _) => Aim::Percent(percent),
            (None, Some(average), _) => Aim::Average(average),
            (None, None, Some(value)) => Aim::Value(value),
            (None, None, None) if self.kind.ends_with("resource") => Aim::Percent(1),
            (None, None, None) => Aim::Average(1000),
        }
    }

    /// The value of an object, or the sum of external series; `None` where there is nothing.
    pub(super) fn total(&self) -> Option<Milli> {
        match (self.value_m, self.values_m.as_deref()) {
            (Some(value), _) => Some(Milli(value)),
            (None, None | Some([])) => None,
            (None, Some(values)) => Some(Milli::sum(values.iter().copied().map(Milli))),
        }
    }

    /// Whether its usage is what an HPA shows as its utilization of processor time.
    pub(super) fn is_cpu_utilization(&self) -> bool {
        let is_cpu = self.kind == "resource" && self.resource.as_deref() == Some("cpu");
        is_cpu && matches!(self.aim(), Aim::Percent(_))
    }

    /// As autoscaling/v2 spells it.
    pub(super) fn written(&self, index: usize, controller: &Controller) -> Value {
        let target = target(self.aim());
        let load = json!({ "name": "load" });
        let (metric_type, field, described) = match self.kind.as_str() {
            "resource" => (
                "Resource",
                "resource",
                json!({ "name": self.name(), "target": target }),
            ),
            "container_resource" => (
                "ContainerResource",
                "containerResource",
                json!({ "name": self.name(), "container": self.container, "target": target }),
            ),
            "pods" => ("Pods", "pods", json!({ "metric": load, "target": target })),
            "object" => (
                "Object",
                "object",
                json!({
                    "describedObject": { "kind": "Ingress", "name": "main" },
                    "metric": load,
                    "target": target,
                }),
            ),
            "external" => (
                "External",
                "external",
                json!({ "metric": load, "target": target }),
            ),
            unknown => (unknown, "unknown", json!({})),
        };
        let mut metric = json!({
            "name": Self::rule(index),
            "type": metric_type,
            "from": { "source": Self::rule(index), "freshness": format!("{OLDEST_SECONDS}s") },
            "tolerance": controller.one_tolerance(),
        });
        metric[field] = described;
        metric
    }
}

/// As autoscaling/v2 spells it.
fn target(aim: Aim) -> Value {
    let quantity = |milli: i64| format!("{milli}m");
    match aim {
        Aim::Percent(percent) => json!({ "averageUtilization": percent }),
        Aim::Average(average) => json!({ "averageValue": quantity(average) }),
        Aim::Value(value) => json!({ "value": quantity(value) }),
    }
}

/// The pods, as a source lists them.
pub(super) fn listed(pods: &[Pod], controller: &Controller, metrics: &[Metric]) -> FleetState {
    let resources: Vec<_> = metrics
        .iter()
        .filter_map(|it| it.resource.as_deref())
        .collect();
    let replicas: Vec<_> = pods.iter().map(Pod::replica).collect();
    let rows = 0..u32::try_from(pods.len()).unwrap_or(u32::MAX);
    FleetState {
        counted: None,
        names: replicas.iter().map(|it| it.name.clone()).collect(),
        phases: replicas.iter().map(|it| it.phase).collect(),
        deleting: replicas.iter().map(|it| it.deleting).collect(),
        ready: replicas.iter().map(|it| it.ready).collect(),
        started: replicas.iter().map(|it| it.started).collect(),
        ready_changed: replicas.iter().map(|it| it.ready_changed).collect(),
        made_from: rows.collect(),
        templates: pods
            .iter()
            .map(|pod| pod.template(controller, &resources))
            .collect(),
    }
}

/// That a metric could not be read.
pub(super) fn failed(index: usize, metric: &Metric) -> CollectionFailed {
    CollectionFailed {
        source: Metric::rule(index),
        metrics: vec![metric.name().to_owned()],
        due: NOW,
        failure: CollectionFailure::Refused {
            detail: "the vector says so".to_owned(),
        },
    }
}

/// What was read of a metric; nothing of one whose type is not known.
pub(super) fn observed(
    index: usize,
    metric: &Metric,
    pods: &[Pod],
    fleet: &FleetState,
) -> Option<Body> {
    let units = |milli: i64| milli as f64 / 1000.0;
    let measured = match metric.kind.as_str() {
        "resource" | "container_resource" => Measured::PerContainer(usage(metric, pods)),
        "pods" => Measured::PerReplica {
            replicas: metric.samples.iter().map(|it| it.pod.clone()).collect(),
            values: metric
                .samples
                .iter()
                .map(|it| it.value_m.map_or(f64::NAN, units))
                .collect(),
        },
        "object" | "external" => match metric.total() {
            Some(total) => Measured::Total(total.units()),
            None => Measured::Missing,
        },
        _ => return None,
    };
    let observed = Observed {
        source: Metric::rule(index),
        due: NOW,
        readings: vec![Reading {
            metric: metric.name().to_owned(),
            at: NOW,
            measured,
        }],
        fleet: Some(fleet.clone()),
        part: Part::default(),
    };
    Some(observed.into())
}

/// What the containers of each pod use.
fn usage(metric: &Metric, pods: &[Pod]) -> ContainerUsage {
    let mut containers: Vec<String> = metric
        .samples
        .iter()
        .flat_map(|sample| sample.usage_m.keys().cloned())
        .collect();
    containers.sort();
    containers.dedup();
    let of = Usage {
        container: None,
        ..Usage::of(pods, metric)
    };
    let span = |sample: &PodSample| {
        let age = sample.age_s.unwrap_or(of.age_seconds);
        believed(age, sample.window_s.unwrap_or(of.window_seconds))
    };
    let value = |sample: &PodSample, container: &String| {
        let milli = sample.usage_m.get(container);
        milli.map_or(f64::NAN, |milli| *milli as f64 / 1000.0)
    };
    let samples = &metric.samples;
    ContainerUsage {
        replicas: samples.iter().map(|it| it.pod.clone()).collect(),
        values: samples
            .iter()
            .flat_map(|sample| {
                containers
                    .iter()
                    .map(|it| value(sample, it))
                    .collect::<Vec<_>>()
            })
            .collect(),
        incomplete: samples.iter().map(|it| it.sample(&of).is_none()).collect(),
        at: samples.iter().map(|it| span(it).0).collect(),
        windows: samples.iter().map(|it| span(it).1).collect(),
        containers,
    }
}

/// When a sample was taken, and over which span. The HPA believes any age, a policy at most a day: an older sample is taken
/// for one of a day ago that was measured since the same instant, and that instant is all that the HPA looks at.
fn believed(age_seconds: u64, window_seconds: u64) -> (Timestamp, Span) {
    let young = age_seconds.min(OLDEST_SECONDS);
    let window = window_seconds.saturating_add(age_seconds.saturating_sub(young));
    (at(young), Span::seconds(window))
}
