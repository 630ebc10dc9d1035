//! What must hold of orders and of what they do to targets.

use crate::Run;
use crate::fleet::{Effect, Given, Guarantee};
use headroom_log::Entry;
use headroom_model::body::{Body, Mode, Outcome};
use headroom_model::{Event, Generation, Seq, WorkloadId};
use headroom_policy::Policy;
use std::collections::BTreeMap;

pub(super) fn violations(run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    let record = Record::read(run);
    for (workload, given) in &run.given {
        found.extend(
            given
                .iter()
                .filter_map(|order| record.fault(workload, order)),
        );
        found.extend(
            given
                .windows(2)
                .filter_map(|pair| fault_of_succession(run.guarantee, &pair[0], &pair[1])),
        );
    }
    for effects in run.effects.values() {
        found.extend(overtaken(run.guarantee, effects));
    }
    found.extend(unknowns(run));
    found
}

/// What the log says of policies and of attempts.
#[derive(Default)]
struct Record {
    /// By workload and position: the policy in force from there on, if any.
    policies: BTreeMap<(WorkloadId, Seq), Option<Policy>>,
    /// Each attempt that was announced, and the revision that it follows.
    started: BTreeMap<(WorkloadId, Generation, u32), Seq>,
}

impl Record {
    fn read(run: &Run) -> Self {
        let mut record = Self::default();
        for Event { envelope, body } in events(run) {
            let (workload, seq) = (envelope.subject, envelope.seq);
            match body {
                Body::PolicyApplied(applied) => {
                    let policy = Policy::from_value(&applied.policy)
                        .expect("the simulator writes good policies");
                    record.policies.insert((workload, seq), Some(policy));
                }
                Body::PolicyRemoved(_) => {
                    record.policies.insert((workload, seq), None);
                }
                Body::ActuationStarted(started) => {
                    let attempt = (workload, started.generation, started.attempt);
                    record.started.insert(attempt, started.revision);
                }
                _ => {}
            }
        }
        record
    }

    /// The policy in force at a position, and its revision.
    fn in_force(&self, workload: &WorkloadId, at: Seq) -> Option<(Seq, &Policy)> {
        let known = (workload.clone(), Seq::ZERO)..=(workload.clone(), at);
        let ((_, revision), policy) = self.policies.range(known).next_back()?;
        Some((*revision, policy.as_ref()?))
    }

    /// min ≤ ordered ≤ max, of the policy in force as far as the log had been read when the order was given; and that is
    /// the policy which the plan follows.
    fn fault(&self, workload: &WorkloadId, order: &Given) -> Option<String> {
        let Given {
            generation,
            attempt,
            to,
            read_through,
            ..
        } = order;
        let what = format!(
            "{workload}: generation {generation}, attempt {attempt}, to {to}, at {read_through}"
        );
        let Some(follows) = self.started.get(&(workload.clone(), *generation, *attempt)) else {
            return Some(format!("{what} was ordered without having been started"));
        };
        let Some((revision, policy)) = self.in_force(workload, *read_through) else {
            return Some(format!("{what} was ordered without a policy"));
        };
        let (minimum, maximum) = (policy.min_replicas, policy.max_replicas);
        if !(minimum..=maximum).contains(to) {
            Some(format!("{what} was ordered outside {minimum}..{maximum}"))
        } else if policy.mode == Mode::Shadow {
            Some(format!("{what} was ordered in shadow mode"))
        } else {
            (*follows != revision)
                .then(|| format!("{what} follows revision {follows}, and {revision} was in force"))
        }
    }
}

/// No older order is given after a newer one, whatever the target can refuse; and none is given again where that could do
/// harm.
fn fault_of_succession(guarantee: Guarantee, before: &Given, after: &Given) -> Option<String> {
    let attempt = |order: &Given| (order.generation, order.attempt);
    let again = attempt(before) == attempt(after) && guarantee != Guarantee::AtLeastOnce;
    let grows = attempt(before) < attempt(after);
    (!grows && !again).then(|| format!("{after:?} was given after {before:?}"))
}

/// No older order has its effect after a newer one. Where the target cannot compare them, one may, whose call outlived the
/// lease of the one who gave it: the newer one was not given before that lease had ended.
fn overtaken(guarantee: Guarantee, effects: &[Effect]) -> Vec<String> {
    let mut found = Vec::new();
    let mut earlier: Vec<&Given> = Vec::new();
    for order in effects.iter().filter_map(|effect| effect.order.as_ref()) {
        let comparable = guarantee == Guarantee::CompareAndSet;
        let wrongly = |newer: &&&Given| {
            newer.generation > order.generation && (comparable || newer.at < order.lease_ends)
        };
        if let Some(newer) = earlier.iter().find(wrongly) {
            found.push(format!("{order:?} had its effect after {newer:?}"));
        }
        earlier.push(order);
    }
    found
}

/// At most one attempt of a target ends unknown for each interruption; none where the target can be asked.
fn unknowns(run: &Run) -> Option<String> {
    let unknown = |event: &Event| matches!(&event.body, Body::Actuated(actuated) if actuated.outcome == Outcome::Unknown);
    let unknown = events(run).filter(unknown).count() as u64;
    let allowed = match run.guarantee {
        Guarantee::AtLeastOnce => run.interruptions * run.effects.len() as u64,
        Guarantee::CompareAndSet | Guarantee::IdempotentSet => 0,
    };
    let interruptions = run.interruptions;
    (unknown > allowed)
        .then(|| format!("{unknown} attempts ended unknown with {interruptions} interruptions"))
}

fn events(run: &Run) -> impl Iterator<Item = Event> + '_ {
    run.store
        .entries(Seq(1))
        .iter()
        .filter_map(|entry| match entry {
            Entry::Event(record) => Some(record.decode().expect("this build wrote it")),
            _ => None,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::{Replicas, Timestamp, machine::Moment};

    /// An order given at a second, with a lease that ends two seconds later.
    fn given(generation: u64, attempt: u32, second: u64) -> Given {
        Given {
            generation: Generation(generation),
            attempt,
            to: Replicas(3),
            at: Moment(second * 1000),
            read_through: Seq(generation),
            lease_ends: Moment((second + 2) * 1000),
        }
    }

    #[test]
    fn orders_are_given_in_order() {
        use Guarantee::{AtLeastOnce, CompareAndSet, IdempotentSet};
        let cases = [
            (
                "a newer one",
                given(1, 1, 0),
                given(2, 1, 1),
                [true, true, true],
            ),
            (
                "a further attempt",
                given(1, 1, 0),
                given(1, 2, 1),
                [true, true, true],
            ),
            (
                "the same again",
                given(1, 1, 0),
                given(1, 1, 1),
                [true, true, false],
            ),
            (
                "an older one",
                given(2, 1, 0),
                given(1, 1, 9),
                [false, false, false],
            ),
            (
                "an earlier attempt",
                given(1, 2, 0),
                given(1, 1, 9),
                [false, false, false],
            ),
        ];
        for (name, before, after, good) in cases {
            let guarantees = [CompareAndSet, IdempotentSet, AtLeastOnce];
            let got = guarantees
                .map(|guarantee| fault_of_succession(guarantee, &before, &after).is_none());
            assert_eq!(got, good, "{name}");
        }
    }

    #[test]
    fn only_a_call_that_outlived_its_lease_may_be_overtaken() {
        use Guarantee::{AtLeastOnce, CompareAndSet};
        let effect = |order: Given| Effect {
            at: Timestamp(0),
            to: order.to,
            order: Some(order),
        };
        let cases = [
            (
                "one after the other",
                [given(1, 1, 0), given(2, 1, 1)],
                [true, true],
            ),
            (
                "the newer was given when the lease had ended",
                [given(2, 1, 2), given(1, 1, 0)],
                [false, true],
            ),
            (
                "the newer was given before",
                [given(2, 1, 1), given(1, 1, 0)],
                [false, false],
            ),
        ];
        for (name, orders, good) in cases {
            let effects = orders.map(effect);
            let got = [CompareAndSet, AtLeastOnce]
                .map(|guarantee| overtaken(guarantee, &effects).is_empty());
            assert_eq!(got, good, "{name}");
        }
    }
}
