//! `thresholds[]`: one change each time a threshold has been crossed long enough.

use super::{Amount, Duration, Origin};
use crate::{check::MOST_REPLICAS, schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// A threshold and what it orders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with metric, above or below, and change"
)]
#[schemars(!default, transform = schema::above_or_below)]
pub struct Threshold {
    /// The name of the rule; the metric's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Text>")]
    pub name: Option<String>,
    /// The metric's name; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Text")]
    pub metric: Option<String>,
    /// Where to read it; as in `metrics[]` when the same metric is there and this is absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<Origin>,
    /// Crossed when greater than this; this or `below` is required.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<Amount>,
    /// Crossed when less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<Amount>,
    /// For how long it must have been crossed, as a duration; at once when absent.
    #[serde(rename = "for", skip_serializing_if = "Option::is_none")]
    pub hold_for: Option<Duration>,
    /// What is ordered; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ChangeSpec")]
    pub change: Option<ChangeSpec>,
}

/// What a threshold orders: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with one of add, percent and to"
)]
#[schemars(!default, transform = schema::one_change)]
pub struct ChangeSpec {
    /// So many replicas more, or fewer when negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -i32::MAX, max = i32::MAX), extend("not" = json!({"const": 0})))]
    pub add: Option<i64>,
    /// So many percent of the count more, or fewer when negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -100, max = i32::MAX), extend("not" = json!({"const": 0})))]
    pub percent: Option<i64>,
    /// To this count.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MOST_REPLICAS))]
    pub to: Option<i64>,
}
