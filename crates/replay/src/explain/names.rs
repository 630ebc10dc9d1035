//! What to say of a name that is not in the log.

use super::ExplainError;
use crate::gather;
use headroom_log::{Filter, Log, LogError};
use headroom_model::{Kind, WorkloadId};
use std::collections::BTreeSet;

/// How many names are offered.
const OFFERED: usize = 3;

pub(super) async fn no_such_workload(
    log: &dyn Log,
    workload: &WorkloadId,
) -> Result<ExplainError, LogError> {
    let policies = gather::story(log, Filter::kinds([Kind::PolicyApplied])).await?;
    let known: BTreeSet<_> = policies
        .into_iter()
        .map(|event| event.envelope.subject)
        .collect();
    Ok(ExplainError::NoSuchWorkload {
        workload: workload.clone(),
        hint: hint(workload, &known),
    })
}

fn hint(workload: &WorkloadId, known: &BTreeSet<WorkloadId>) -> String {
    let mut nearest: Vec<_> = known
        .iter()
        .map(|known| (distance(workload, known), known.to_string()))
        .collect();
    nearest.sort();
    let names: Vec<_> = nearest
        .into_iter()
        .take(OFFERED)
        .map(|(_, name)| name)
        .collect();
    match names.as_slice() {
        [] => "it has no policies at all; `headroom apply -f FILE` applies one".to_owned(),
        [only] => format!("did you mean {only}? `headroom get` lists all"),
        names => format!(
            "did you mean one of {}? `headroom get` lists all",
            names.join(", ")
        ),
    }
}

/// How far apart two names are; the same name in another namespace is near.
fn distance(asked: &WorkloadId, known: &WorkloadId) -> usize {
    if asked.name() == known.name() {
        return 1;
    }
    strsim::levenshtein(&asked.to_string(), &known.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_are_offered() {
        let id = |text: &str| text.parse::<WorkloadId>().unwrap();
        let known: BTreeSet<_> = ["shop/checkout", "shop/cart", "mail/sender", "ops/chekout"]
            .map(id)
            .into();
        let offered = hint(&id("shop/chekout"), &known);
        assert_eq!(
            offered,
            "did you mean one of ops/chekout, shop/checkout, shop/cart? `headroom get` lists all"
        );
        assert!(hint(&id("shop/x"), &BTreeSet::new()).contains("no policies at all"));
    }
}
