//! What makes two targets the same.

use crate::Policy;
use std::fmt;

/// The identity of a target. Two policies with equal keys would scale the same thing.
///
/// The version in `apiVersion` does not count: `apps/v1` and `apps/v1beta1` name the same Deployment.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetKey {
    /// The namespace of the policy, which is that of the target.
    pub namespace: String,
    /// The API group; empty where there is none.
    pub group: String,
    /// The kind.
    pub kind: String,
    /// The name.
    pub name: String,
}

impl fmt::Display for TargetKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}/{}", self.kind, self.namespace, self.name)
    }
}

impl Policy {
    /// What makes this policy's target equal to another's.
    #[must_use]
    pub fn target_key(&self) -> TargetKey {
        let version = self.target.api_version.as_deref().unwrap_or_default();
        let (group, _) = version.split_once('/').unwrap_or_default();
        TargetKey {
            namespace: self.workload.namespace().to_owned(),
            group: group.to_owned(),
            kind: self.target.kind.clone(),
            name: self.target.name.clone(),
        }
    }
}
