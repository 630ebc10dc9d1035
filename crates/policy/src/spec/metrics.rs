//! `metrics[]`: the rules of autoscaling/v2.

use super::{Amount, Duration, ScaleTargetRef};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One metric and what it should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with type, the field of that type, and from"
)]
pub struct Metric {
    /// The name of the rule; the metric's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which of the fields below is meant; required.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub metric_type: Option<MetricType>,
    /// What the replicas use of a resource that they request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<Resource>,
    /// What one container of the replicas uses of a resource that it requests.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_resource: Option<ContainerResource>,
    /// A metric of each replica.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pods: Option<Pods>,
    /// A metric of another object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<Object>,
    /// A metric of something else than the workload's own replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub external: Option<External>,
    /// Where to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
    /// Dead band around the target value, as a ratio; that of the direction in `behavior` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tolerance: Option<Amount>,
}

/// The metric types of autoscaling/v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum MetricType {
    /// CPU or memory of the replicas.
    Resource,
    /// CPU or memory of one container of the replicas.
    ContainerResource,
    /// A metric of each replica.
    Pods,
    /// A metric of another object.
    Object,
    /// A metric of anything else.
    External,
}

/// What the replicas use of a resource that they request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with name and target"
)]
pub struct Resource {
    /// The resource's name, as `cpu` or `memory`; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it should be; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// What one container of the replicas uses of a resource that it requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with name, container and target"
)]
pub struct ContainerResource {
    /// The resource's name, as `cpu` or `memory`; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The container's name; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// What it should be; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// A metric of each replica.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with metric and target"
)]
pub struct Pods {
    /// Which metric; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricIdentifier>,
    /// What it should be; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// A metric of another object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with describedObject, metric and target"
)]
pub struct Object {
    /// The object; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub described_object: Option<ScaleTargetRef>,
    /// Which metric; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricIdentifier>,
    /// What it should be; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// A metric of something else than the workload's own replicas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with metric and target"
)]
pub struct External {
    /// Which metric; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<MetricIdentifier>,
    /// What it should be; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Target>,
}

/// Which metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with name and selector"
)]
pub struct MetricIdentifier {
    /// Its name; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Which of its series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
}

/// Which series of a metric: all requirements hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with matchLabels and matchExpressions"
)]
pub struct Selector {
    /// Labels and their values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Requirements on labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_expressions: Option<Vec<Requirement>>,
}

/// A requirement on a label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with key, operator and values"
)]
pub struct Requirement {
    /// The label; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// How it is compared; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operator: Option<Operator>,
    /// What it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Operator {
    /// One of the values.
    In,
    /// None of the values.
    NotIn,
    /// There.
    Exists,
    /// Not there.
    DoesNotExist,
}

/// What a metric should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with type and averageValue, value or averageUtilization"
)]
pub struct Target {
    /// Which of the fields below is meant; the one given when absent.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub target_type: Option<TargetType>,
    /// The metric divided by the replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_value: Option<Amount>,
    /// The metric as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Amount>,
    /// Percent of what replicas request; only of resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_utilization: Option<i64>,
}

/// How a metric is compared with its target value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetType {
    /// In percent of what replicas request.
    Utilization,
    /// Divided by the replicas.
    AverageValue,
    /// As it is.
    Value,
}

/// Where a metric is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with source, query, interval and freshness"
)]
pub struct Origin {
    /// The name of a source in the collector's configuration, or `push`; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// What to ask it, in its own language; the metric's name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query: Option<String>,
    /// How often to ask, as a duration; `15s` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<Duration>,
    /// A sample older than this is not evaluated; a duration, three intervals but at least `10s` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub freshness: Option<Duration>,
}
