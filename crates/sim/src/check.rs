//! What must always hold, checked on what is left of a run.

use crate::Run;
use crate::fleet::{Guarantee, decided_at};
use crate::operator::HIGH;
use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_log::{Entry, memory::Store};
use headroom_model::body::{Body, Decision, Outcome};
use headroom_model::machine::{Audit, Fold};
use headroom_model::{EventId, Machine, Seq, Service, WorkloadId};
use headroom_planner::Planner;
use headroom_policy::Policy;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a run did not keep; empty when all is well.
#[must_use]
pub fn violations(run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    found.extend(
        run.stops
            .iter()
            .map(|stop| format!("an instance stopped: {stop}")),
    );
    found.extend(replays::<Evaluator>(&run.store));
    found.extend(replays::<Planner>(&run.store));
    found.extend(replays::<Actuator>(&run.store));
    found.extend(outputs_once(&run.store));
    found.extend(bounds(run));
    found.extend(generations(run));
    found.extend(unknowns(run));
    found.extend(at_rest(run));
    found
}

/// Replays the log through a machine, from a checkpoint or from the beginning, and compares.
#[must_use]
pub fn audit<M: Machine>(store: &Store, from: Option<&headroom_model::Checkpoint>) -> Audit {
    let fold =
        from.map(|checkpoint| Fold::from_checkpoint(checkpoint).expect("this build wrote it"));
    let mut fold: Fold<M> = fold.unwrap_or_default().audited();
    for entry in store.entries(fold.seen().next()) {
        match entry.clone() {
            Entry::Event(record) => fold.record(record).expect("this build wrote it"),
            Entry::Head(placed) => fold.head(placed.seq, placed.stamp, &placed.head),
            Entry::Damaged { .. } => {}
        }
    }
    fold.finish().1
}

/// Replay gives what was recorded, from the beginning and from every checkpoint, and reproduces every checkpoint's hash.
fn replays<M: Machine>(store: &Store) -> Vec<String> {
    let mut not_after = store.bounds().last;
    let mut starts = vec![None];
    while let Some(checkpoint) = store.checkpoint(M::SERVICE, not_after) {
        starts.push(Some(checkpoint));
        let before = checkpoint.through.0.checked_sub(1);
        not_after = Seq(before.expect("none is taken before anything was seen"));
    }
    let complain = |(start, audit): (Option<&headroom_model::Checkpoint>, Audit)| {
        let first = audit.differences.first()?;
        let start = start.map_or(Seq::ZERO, |checkpoint| checkpoint.through);
        Some(format!(
            "{}: {} differences when replayed from {start}, the first: {first:?}",
            M::SERVICE,
            audit.difference_count
        ))
    };
    starts
        .into_iter()
        .map(|start| (start, audit::<M>(store, start)))
        .filter_map(complain)
        .collect()
}

fn outputs_once(store: &Store) -> Vec<String> {
    let mut seen = BTreeSet::new();
    let mut newest_cause: BTreeMap<Service, Seq> = BTreeMap::new();
    let mut found = Vec::new();
    for entry in store.entries(Seq(1)) {
        let Entry::Event(record) = entry else {
            continue;
        };
        let envelope = &record.envelope;
        let (service, Some(cause)) = (envelope.producer.service, envelope.cause) else {
            continue;
        };
        if !seen.insert(envelope.id) {
            found.push(format!(
                "{} {} at {} is there twice",
                service, envelope.kind, envelope.seq
            ));
        }
        let newest = newest_cause.entry(service).or_default();
        if cause.seq < *newest {
            found.push(format!(
                "{} {} at {} answers an input before one already answered",
                service, envelope.kind, envelope.seq
            ));
        }
        *newest = cause.seq;
    }
    found
}

/// min ≤ applied ≤ max of the policy revision that the decision followed.
fn bounds(run: &Run) -> Vec<String> {
    let mut policies: BTreeMap<Seq, Policy> = BTreeMap::new();
    let mut revisions: BTreeMap<(WorkloadId, Seq), Seq> = BTreeMap::new();
    let mut started: BTreeMap<u64, Seq> = BTreeMap::new();
    for entry in run.store.entries(Seq(1)) {
        let Entry::Event(record) = entry else {
            continue;
        };
        let event = record.decode().expect("this build wrote it");
        match event.body {
            Body::PolicyApplied(applied) => {
                let policy = Policy::from_value(&applied.policy)
                    .expect("the simulator writes good policies");
                policies.insert(record.envelope.seq, policy);
                revisions.insert(
                    (record.envelope.subject.clone(), record.envelope.seq),
                    record.envelope.seq,
                );
            }
            Body::ActuationStarted(body) => {
                started.insert(body.generation.0, body.revision);
            }
            _ => {}
        }
    }
    let mut found = Vec::new();
    for (workload, effects) in &run.effects {
        for effect in effects {
            let Some(generation) = effect.generation else {
                continue;
            };
            let policy = started
                .get(&decided_at(generation).0)
                .and_then(|revision| policies.get(revision));
            match policy {
                None => found.push(format!(
                    "{workload}: generation {generation} was applied without having been started"
                )),
                Some(policy)
                    if effect.to < policy.min_replicas || effect.to > policy.max_replicas =>
                {
                    found.push(format!(
                        "{workload}: {} was applied outside {}..{}",
                        effect.to, policy.min_replicas, policy.max_replicas
                    ));
                }
                Some(_) => {}
            }
        }
    }
    found
}

/// No older generation after a newer one; with the most careful target, none twice unless it was repeated on purpose.
fn generations(run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    for (workload, effects) in &run.effects {
        let ordered: Vec<_> = effects
            .iter()
            .filter_map(|effect| effect.generation)
            .collect();
        for pair in ordered.windows(2) {
            if pair[1] < pair[0] {
                found.push(format!(
                    "{workload}: generation {} was applied after {}",
                    pair[1], pair[0]
                ));
            }
        }
    }
    found
}

fn unknowns(run: &Run) -> Vec<String> {
    let unknown = run
        .store
        .entries(Seq(1))
        .iter()
        .filter(|entry| {
            let Entry::Event(record) = entry else { return false };
            matches!(record.decode().map(|event| event.body), Ok(Body::Actuated(body)) if body.outcome == Outcome::Unknown)
        })
        .count() as u64;
    let allowed = if run.guarantee == Guarantee::AtLeastOnce {
        run.interruptions * run.effects.len() as u64
    } else {
        0
    };
    (unknown > allowed)
        .then(|| {
            format!(
                "{unknown} attempts ended unknown with {} kills",
                run.interruptions
            )
        })
        .into_iter()
        .collect()
}

/// Once faults have ended, the count is what the demand asks for.
fn at_rest(run: &Run) -> Vec<String> {
    let mut found = Vec::new();
    for (index, (workload, demand)) in run.demand.iter().enumerate() {
        if index % 3 == 2 && *demand > HIGH {
            continue;
        }
        let wanted = (demand / 10.0).ceil().clamp(1.0, 20.0);
        let count = f64::from(run.counts.get(workload).copied().unwrap_or_default());
        let within =
            (1.0..=20.0).contains(&count) && (1.0 - demand / (10.0 * count)).abs() <= 0.1 + 1e-9;
        if (count - wanted).abs() > 0.0 && !within {
            let last = last_decision(&run.store, workload);
            found.push(format!("{workload}: {count} replicas at rest where demand {demand} wants {wanted}; the last decision: {last:?}"));
        }
    }
    found
}

fn last_decision(store: &Store, workload: &WorkloadId) -> Option<(EventId, Decision)> {
    store.entries(Seq(1)).iter().rev().find_map(|entry| {
        let Entry::Event(record) = entry else {
            return None;
        };
        if record.envelope.subject != *workload {
            return None;
        }
        match record.decode().ok()?.body {
            Body::Decided(decided) => Some((record.envelope.id, decided.decision)),
            _ => None,
        }
    })
}
