//! From the document in an event to the policy that is obeyed.

use headroom_policy::Policy;

/// The policy that a document describes; `None` when it cannot be read.
pub(crate) fn checked(document: &serde_json::Value) -> Option<Policy> {
    serde::Deserialize::deserialize(document).ok()
}
