//! The replicas of a target at one instant.

use crate::{Replicas, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The replicas of a target, in columns with one row each. A column that is left out has the same value in each row.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FleetState {
    /// How many there are by the target's own account (`status.replicas` of a Kubernetes scale); what the log says of it
    /// counts when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Replicas>,
    /// Their names.
    pub names: Vec<String>,
    /// How far each is in its life; all run when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Phase>,
    /// Whether each is being deleted; none is when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleting: Vec<bool>,
    /// Whether each says that it is ready, `None` where nothing is said; nothing is when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ready: Vec<Option<bool>>,
    /// Since when each runs, `None` before; none does when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub started: Vec<Option<Timestamp>>,
    /// When what each says of being ready changed last; long ago when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ready_changed: Vec<Timestamp>,
    /// What each is made from, as an index into `templates`; all from the first when left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub made_from: Vec<u32>,
    /// What they are made from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<Template>,
}

/// How far a replica is in its life; the phases of a pod.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Not all of its containers run.
    Pending,
    /// It runs.
    #[default]
    Running,
    /// It ended well.
    Succeeded,
    /// It ended, and not well.
    Failed,
}

/// What replicas are made from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Template {
    /// Its containers, those that start first and stay (sidecars) among them.
    pub containers: Vec<Container>,
    /// What it requests of each resource as a whole, in thousandths of its unit, whatever its containers request.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, i64>,
}

/// A container, and what it requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// Its request of each resource, in thousandths of its unit: 500 of `cpu` is half a core.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub requests: BTreeMap<String, i64>,
}
