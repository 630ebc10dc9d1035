//! Metrics of whole cycles, as a policy and as observations have them.

use super::pods::{Controller, NOW, Pod, PodSample, Usage, at};
use headroom_model::{
    Body, Span,
    body::{
        CollectionFailed, CollectionFailure, ContainerUsage, FleetState, Measured, Observed, Part,
        Reading,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

/// One metric.
#[derive(Debug, Deserialize)]
pub(super) struct Metric {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) resource: Option<String>,
    pub(super) container: Option<String>,
    #[serde(default)]
    pub(super) target: Target,
    #[serde(default)]
    pub(super) samples: Vec<PodSample>,
    #[serde(default)]
    pub(super) sample_age_s: u64,
    pub(super) window_s: Option<u64>,
    pub(super) value_m: Option<i64>,
    pub(super) values_m: Option<Vec<i64>>,
    #[serde(default)]
    pub(super) fetch_error: bool,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct Target {
    pub(super) utilization_percent: Option<i32>,
    pub(super) average_value_m: Option<i64>,
    pub(super) value_m: Option<i64>,
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

    /// As autoscaling/v2 spells it.
    pub(super) fn written(&self, index: usize, controller: &Controller) -> Value {
        let target = self.target.written(&self.kind);
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
            "from": { "source": Self::rule(index), "freshness": "24h" },
            "tolerance": controller.one_tolerance(),
        });
        metric[field] = described;
        metric
    }
}

impl Target {
    /// Where a vector says that it does not matter, anything that is allowed.
    fn written(&self, kind: &str) -> Value {
        let quantity = |milli: i64| format!("{milli}m");
        match (self.utilization_percent, self.average_value_m, self.value_m) {
            (Some(percent), _, _) => json!({ "averageUtilization": percent }),
            (None, Some(average), _) => json!({ "averageValue": quantity(average) }),
            (None, None, Some(value)) => json!({ "value": quantity(value) }),
            (None, None, None) if kind.ends_with("resource") => json!({ "averageUtilization": 1 }),
            (None, None, None) => json!({ "averageValue": "1" }),
        }
    }
}

/// The pods, as a source lists them.
pub(super) fn listed(pods: &[Pod], controller: &Controller, metrics: &[Metric]) -> FleetState {
    let resource = metrics.iter().find_map(|metric| metric.resource.as_deref());
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
            .map(|pod| pod.template(controller, resource.unwrap_or("cpu")))
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
        "object" | "external" => match (metric.value_m, metric.values_m.as_deref()) {
            (Some(value), _) => Measured::Total(units(value)),
            (None, None | Some([])) => Measured::Missing,
            (None, Some(values)) => {
                let total = values.iter().map(|value| i128::from(*value)).sum::<i128>();
                Measured::Total(units(i64::try_from(total).unwrap_or(i64::MAX)))
            }
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
        pods,
        container: None,
        age_seconds: metric.sample_age_s,
        window_seconds: metric.window_s.unwrap_or(60),
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
        at: samples
            .iter()
            .map(|it| at(it.age_s.unwrap_or(metric.sample_age_s)))
            .collect(),
        windows: samples
            .iter()
            .map(|it| Span::seconds(it.window_s.unwrap_or(of.window_seconds)))
            .collect(),
        containers,
    }
}
