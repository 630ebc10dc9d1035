//! What people write: the fields of a policy file, name for name. Nothing is checked here, and nothing filled in.
//!
//! The fields of an autoscaling/v2 HorizontalPodAutoscaler keep their names and meaning; what Headroom adds stands beside
//! them. Every field may be absent, so that [`crate::Policy`]'s checks can name all that is missing at once.
//!
//! The `schemars` attributes tell editors what the checks will say: `with` a type that is no `Option` makes a field
//! required.

mod behavior;
mod evaluation;
mod metrics;
mod scalar;
mod thresholds;

pub use behavior::*;
pub use evaluation::*;
pub use metrics::*;
pub use scalar::*;
pub use thresholds::*;

use crate::{check::MOST_REPLICAS, schema};
use headroom_model::body::Mode;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Value;

/// A whole document.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a policy with apiVersion, kind, metadata and spec"
)]
#[schemars(!default, transform = schema::pairs)]
pub struct Manifest {
    /// `headroom.dev/v1alpha1`, or `autoscaling/v2` of an HPA.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub api_version: Option<String>,
    /// `ScalingPolicy`, or `HorizontalPodAutoscaler`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub kind: Option<String>,
    /// What it is called.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Metadata")]
    pub metadata: Option<Metadata>,
    /// What it says.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Spec")]
    pub spec: Option<Spec>,
    /// Written by a cluster; allowed and not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub status: Option<IgnoredAny>,
}

/// What a policy is called. The fields that a cluster adds are allowed and not kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with name and namespace"
)]
#[schemars(!default)]
pub struct Metadata {
    /// The name; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Name")]
    pub name: Option<String>,
    /// The namespace; `default` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Name>", extend("default" = "default"))]
    pub namespace: Option<String>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub labels: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub annotations: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub creation_timestamp: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub deletion_grace_period_seconds: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub deletion_timestamp: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub finalizers: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub generate_name: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub generation: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub managed_fields: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub owner_references: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub resource_version: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub self_link: Option<IgnoredAny>,
    /// Not kept.
    #[serde(skip_serializing)]
    #[schemars(with = "Option<Value>")]
    pub uid: Option<IgnoredAny>,
}

/// What a policy says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with scaleTargetRef, minReplicas, maxReplicas and metrics"
)]
#[schemars(!default)]
pub struct Spec {
    /// What is scaled; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "ScaleTargetRef")]
    pub scale_target_ref: Option<ScaleTargetRef>,
    /// The fewest replicas; 1 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = MOST_REPLICAS), extend("default" = 1))]
    pub min_replicas: Option<i64>,
    /// The most replicas; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(required, range(min = 1, max = MOST_REPLICAS))]
    pub max_replicas: Option<i64>,
    /// `active` or `shadow`; `active` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("default" = "active"))]
    pub mode: Option<Mode>,
    /// Proportional rules.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<Vec<Metric>>,
    /// Rules with a threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thresholds: Option<Vec<Threshold>>,
    /// How fast the count may change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub behavior: Option<Behavior>,
    /// When it is looked at, and what an HPA's controller has from its flags.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<EvaluationSpec>,
    /// Rests after an actuation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cooldown: Option<CooldownSpec>,
    /// Why the policy is as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub justification: Option<String>,
}

/// What is scaled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with apiVersion, kind and name"
)]
#[schemars(!default)]
pub struct ScaleTargetRef {
    /// The API group and version, where the kind has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<schema::Label>")]
    pub api_version: Option<String>,
    /// The kind; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Label")]
    pub kind: Option<String>,
    /// The name; required.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "schema::Label")]
    pub name: Option<String>,
}

/// Rests after an actuation, as durations.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with scaleUp and scaleDown"
)]
#[schemars(!default)]
pub struct CooldownSpec {
    /// After any change, before the next one up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_up: Option<Duration>,
    /// After any change, before the next one down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scale_down: Option<Duration>,
}
