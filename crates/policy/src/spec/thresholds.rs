//! `thresholds[]`: one change each time a threshold has been crossed long enough.

use super::{Amount, Duration, Origin};
use serde::{Deserialize, Serialize};

/// A threshold and what it orders.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with metric, above or below, and change"
)]
pub struct Threshold {
    /// The name of the rule; the metric's when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The metric's name; required.
    #[serde(skip_serializing_if = "Option::is_none")]
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
    pub change: Option<ChangeSpec>,
}

/// What a threshold orders: exactly one of these.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with one of add, percent and to"
)]
pub struct ChangeSpec {
    /// So many replicas more, or fewer when negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add: Option<i64>,
    /// So many percent of the count more, or fewer when negative.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percent: Option<i64>,
    /// To this count.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<i64>,
}
