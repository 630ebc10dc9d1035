//! `behavior`: how fast the count may change, as in autoscaling/v2.

use super::Amount;
use crate::{
    check::{LONGEST_PERIOD, LONGEST_WINDOW},
    schema,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Both directions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with scaleUp and scaleDown"
)]
#[schemars(!default)]
pub struct Behavior {
    /// Upwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<ScalingRules>,
    /// Downwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<ScalingRules>,
}

/// One direction.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with stabilizationWindowSeconds, selectPolicy and policies"
)]
#[schemars(!default)]
pub struct ScalingRules {
    /// Recommendations of this many seconds are looked at together.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = LONGEST_WINDOW))]
    pub stabilization_window_seconds: Option<i64>,
    /// Which of several policies counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub select_policy: Option<SelectPolicy>,
    /// How much may change within a period.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policies: Option<Vec<ScalingRate>>,
    /// Dead band in this direction, as a ratio.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Ratio>")]
    pub tolerance: Option<Amount>,
}

/// Which of several policies counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SelectPolicy {
    /// The one that allows the largest change.
    Max,
    /// The one that allows the smallest change.
    Min,
    /// No change in this direction.
    Disabled,
}

/// How much may change within a period.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with type, value and periodSeconds"
)]
#[schemars(!default)]
pub struct ScalingRate {
    /// What `value` counts; required.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "RateType")]
    pub rate_type: Option<RateType>,
    /// How much; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required, range(min = 1, max = i32::MAX))]
    pub value: Option<i64>,
    /// Within how many seconds; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required, range(min = 1, max = LONGEST_PERIOD))]
    pub period_seconds: Option<i64>,
}

/// What a rate counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RateType {
    /// Replicas.
    Pods,
    /// Percent of the count at the start of the period.
    Percent,
}
