//! Metrics as autoscaling/v2beta1 writes them, and v1 in an annotation: without a level for names and one for targets.

use crate::spec::{Amount, MetricType, ScaleTargetRef, Selector};
use serde::Deserialize;

/// One metric and what it should be.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with type and the field of that type"
)]
pub(super) struct FlatMetric {
    #[serde(rename = "type")]
    pub(super) metric_type: Option<MetricType>,
    pub(super) resource: Option<FlatResource>,
    pub(super) container_resource: Option<FlatResource>,
    pub(super) pods: Option<FlatPods>,
    pub(super) object: Option<FlatObject>,
    pub(super) external: Option<FlatExternal>,
}

/// A resource of the replicas, or of one container of theirs.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with name and targetAverageUtilization or targetAverageValue"
)]
pub(super) struct FlatResource {
    pub(super) name: Option<String>,
    pub(super) container: Option<String>,
    pub(super) target_average_utilization: Option<i64>,
    pub(super) target_average_value: Option<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with metricName and targetAverageValue"
)]
pub(super) struct FlatPods {
    pub(super) metric_name: Option<String>,
    pub(super) selector: Option<Selector>,
    pub(super) target_average_value: Option<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with target, metricName and targetValue or averageValue"
)]
pub(super) struct FlatObject {
    pub(super) target: Option<ScaleTargetRef>,
    pub(super) metric_name: Option<String>,
    pub(super) selector: Option<Selector>,
    pub(super) target_value: Option<Amount>,
    pub(super) average_value: Option<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with metricName and targetValue or targetAverageValue"
)]
pub(super) struct FlatExternal {
    pub(super) metric_name: Option<String>,
    pub(super) metric_selector: Option<Selector>,
    pub(super) target_value: Option<Amount>,
    pub(super) target_average_value: Option<Amount>,
}
