//! What makes two targets the same.

use crate::Policy;
use std::fmt;

/// The identity of a target. Two policies with equal keys would scale the same thing: the actuator finds a target by no
/// more than this.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TargetKey {
    /// The namespace of the policy, which is that of the target.
    pub namespace: String,
    /// The kind, in small letters.
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
        let (kind, name) = self.target.key();
        TargetKey {
            namespace: self.workload.namespace().to_owned(),
            kind,
            name: name.to_owned(),
        }
    }
}
