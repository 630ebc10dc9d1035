//! What must always hold, checked on what is left of a run.

mod orders;

use crate::Run;
use crate::operator::HIGH;
use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_log::{Entry, memory::Store};
use headroom_model::body::{Body, Decision};
use headroom_model::machine::{Audit, Fold};
use headroom_model::{EventId, Machine, Seq, Service, WorkloadId};
use headroom_planner::Planner;
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
    found.extend(orders::violations(run));
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
            Entry::Event(record) => fold.record(&record).expect("this build wrote it"),
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
