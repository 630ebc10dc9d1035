//! `evaluation`: when the workload is looked at, and what an HPA's controller has from its flags.

use super::{Amount, Duration};
use crate::{check::MOST_REPLICAS, schema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When and how the workload is looked at. The names are those of the HPA controller's flags.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with period, trigger, downscaleStabilization and scaleUpLimit"
)]
#[schemars(!default)]
pub struct EvaluationSpec {
    /// How often an HPA would look, as a duration; `15s` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Period>", extend("default" = "15s"))]
    pub period: Option<Duration>,
    /// `OnArrival` or `Period`; `OnArrival` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "OnArrival"))]
    pub trigger: Option<TriggerSpec>,
    /// The window downwards where `behavior` gives none, as a duration; `5m` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5m"))]
    pub downscale_stabilization: Option<Duration>,
    /// How far up one period may lead without `behavior`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up_limit: Option<ScaleUpLimit>,
    /// Processor readings of replicas younger than this are distrusted, as a duration; `5m` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "5m"))]
    pub cpu_initialization_period: Option<Duration>,
    /// A replica that becomes unready within this span after its start was never ready, as a duration; `30s` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "30s"))]
    pub initial_readiness_delay: Option<Duration>,
}

/// What makes the planner look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TriggerSpec {
    /// Every fact, when it arrives.
    OnArrival,
    /// The end of a period, as with an HPA.
    Period,
}

/// How far up one period may lead: the larger of both.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with factor and minimum"
)]
#[schemars(!default)]
pub struct ScaleUpLimit {
    /// So many times the count at the start of the period; 2 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::OneOrMore>", extend("default" = 2))]
    pub factor: Option<Amount>,
    /// So many replicas are always allowed; 4 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = MOST_REPLICAS), extend("default" = 4))]
    pub minimum: Option<i64>,
}
