//! `metrics[]`: the rules of autoscaling/v2.

use super::{Amount, Duration, ScaleTargetRef};
use crate::schema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One metric and what it should be.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with type, the field of that type, and from"
)]
#[schemars(!default, transform = schema::fields_of_its_type)]
pub struct Metric {
    /// The name of the rule; the metric's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Text>")]
    pub name: Option<String>,
    /// Which of the fields below is meant; required.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MetricType")]
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
    #[schemars(with = "Option<schema::Ratio>")]
    pub tolerance: Option<Amount>,
}

/// The metric types of autoscaling/v2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with name and target"
)]
#[schemars(!default, transform = schema::no_value)]
pub struct Resource {
    /// The resource's name, as `cpu` or `memory`; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Label")]
    pub name: Option<String>,
    /// What it should be; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Target")]
    pub target: Option<Target>,
}

/// What one container of the replicas uses of a resource that it requests.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with name, container and target"
)]
#[schemars(!default, transform = schema::no_value)]
pub struct ContainerResource {
    /// The resource's name, as `cpu` or `memory`; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Label")]
    pub name: Option<String>,
    /// The container's name; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Label")]
    pub container: Option<String>,
    /// What it should be; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Target")]
    pub target: Option<Target>,
}

/// A metric of each replica.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with metric and target"
)]
#[schemars(!default, transform = schema::average_value_only)]
pub struct Pods {
    /// Which metric; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MetricIdentifier")]
    pub metric: Option<MetricIdentifier>,
    /// What it should be; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Target")]
    pub target: Option<Target>,
}

/// A metric of another object.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with describedObject, metric and target"
)]
#[schemars(!default, transform = schema::no_utilization)]
pub struct Object {
    /// The object; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ScaleTargetRef")]
    pub described_object: Option<ScaleTargetRef>,
    /// Which metric; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MetricIdentifier")]
    pub metric: Option<MetricIdentifier>,
    /// What it should be; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Target")]
    pub target: Option<Target>,
}

/// A metric of something else than the workload's own replicas.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with metric and target"
)]
#[schemars(!default, transform = schema::no_utilization)]
pub struct External {
    /// Which metric; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "MetricIdentifier")]
    pub metric: Option<MetricIdentifier>,
    /// What it should be; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Target")]
    pub target: Option<Target>,
}

/// Which metric.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with name and selector"
)]
#[schemars(!default)]
pub struct MetricIdentifier {
    /// Its name; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Label")]
    pub name: Option<String>,
    /// Which of its series.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub selector: Option<Selector>,
}

/// Which series of a metric: all requirements hold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with matchLabels and matchExpressions"
)]
#[schemars(!default)]
pub struct Selector {
    /// Labels and their values.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<BTreeMap<schema::Label, String>>")]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Requirements on labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_expressions: Option<Vec<Requirement>>,
}

/// A requirement on a label.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with key, operator and values"
)]
#[schemars(!default, transform = schema::values_of_its_operator)]
pub struct Requirement {
    /// The label; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Label")]
    pub key: Option<String>,
    /// How it is compared; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Operator")]
    pub operator: Option<Operator>,
    /// What it is compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<String>>,
}

/// How a label is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with type and averageValue, value or averageUtilization"
)]
#[schemars(!default, transform = schema::one_target_value)]
pub struct Target {
    /// Which of the fields below is meant; the one given when absent.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub target_type: Option<TargetType>,
    /// The metric divided by the replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::AboveZero>")]
    pub average_value: Option<Amount>,
    /// The metric as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::AboveZero>")]
    pub value: Option<Amount>,
    /// Percent of what replicas request; only of resources.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = i32::MAX))]
    pub average_utilization: Option<i64>,
}

/// How a metric is compared with its target value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetType {
    /// In percent of what replicas request.
    Utilization,
    /// Divided by the replicas.
    AverageValue,
    /// As it is.
    Value,
}

/// Where a metric is read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with source, query, interval and freshness"
)]
#[schemars(!default, transform = schema::no_query_for_pushes)]
pub struct Origin {
    /// The name of a source in the collector's configuration, or `push`; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Label")]
    pub source: Option<String>,
    /// What to ask it, in its own language; the metric's name when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Query>")]
    pub query: Option<String>,
    /// How often to ask, as a duration; `15s` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Period>", extend("default" = "15s"))]
    pub interval: Option<Duration>,
    /// A sample older than this is not evaluated; a duration, three intervals but at least `10s` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Period>")]
    pub freshness: Option<Duration>,
}
