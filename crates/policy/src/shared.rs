//! What two policies cannot share: a name, and a target.

use crate::{Document, Place, PolicyError, target::TargetKey};
use headroom_model::WorkloadId;
use std::collections::BTreeMap;

/// A document, and where its name and its target stand.
pub(crate) struct Placed {
    /// The document.
    pub(crate) document: Document,
    /// Where `metadata.name` stands.
    pub(crate) name: Place,
    /// Where `spec.scaleTargetRef` stands.
    pub(crate) target: Place,
}

/// Policies that share a name, and policies that share a target; each names the other.
pub(crate) fn conflicts(placed: &[Placed]) -> Vec<PolicyError> {
    let mut names: BTreeMap<&WorkloadId, Vec<&Placed>> = BTreeMap::new();
    let mut targets: BTreeMap<TargetKey, Vec<&Placed>> = BTreeMap::new();
    for one in placed {
        let policy = &one.document.policy;
        let named = names.entry(&policy.workload).or_default();
        named.push(one);
        // What shares even the name is one mistake, not two.
        if named.len() == 1 {
            targets.entry(policy.target_key()).or_default().push(one);
        }
    }
    let mut errors = Vec::new();
    for sharing in names.values() {
        let what = |other: &Placed| {
            let (workload, place) = (&other.document.policy.workload, &other.name);
            format!("policy {workload} is also at {place}")
        };
        let mend = "give each its own name, or keep one";
        errors.extend(between(
            sharing,
            |one| &one.name,
            "metadata.name",
            what,
            mend,
        ));
    }
    for (target, sharing) in &targets {
        let what = |other: &Placed| {
            let (workload, place) = (&other.document.policy.workload, &other.target);
            format!("{target} is also the target of policy {workload} at {place}")
        };
        let mend = "put all rules of a target into one policy";
        errors.extend(between(
            sharing,
            |one| &one.target,
            "spec.scaleTargetRef",
            what,
            mend,
        ));
    }
    errors
}

/// One error for each of several: it names the first, and the first names the second.
fn between(
    sharing: &[&Placed],
    place: impl Fn(&Placed) -> &Place,
    field: &str,
    what: impl Fn(&Placed) -> String,
    mend: &str,
) -> Vec<PolicyError> {
    if sharing.len() < 2 {
        return Vec::new();
    }
    let error = |(number, one): (usize, &&Placed)| PolicyError {
        place: Some(place(one).clone()),
        field: field.to_owned(),
        what: what(sharing[usize::from(number == 0)]),
        mend: mend.to_owned(),
    };
    sharing.iter().enumerate().map(error).collect()
}
