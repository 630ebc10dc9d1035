//! What must hold of what is kept longer: checkpoints, the ledger, and what retention leaves.

use super::given::{Given, commit, event, fact, ids, observations, workload};
use crate::{Entry, Filter, Log};
use headroom_model::{Checkpoint, EventId, Kind, Seq, Service, Timestamp};
use std::sync::Arc;

fn checkpoint(service: Service, through: u64, bytes: usize) -> Checkpoint {
    // Bytes that no compressor shortens much, so that a limit on size is met.
    let mut state = Vec::with_capacity(bytes + 16);
    for index in 0..bytes.div_ceil(16) {
        state.extend_from_slice(EventId::named(&format!("{through} {index}")).0.as_bytes());
    }
    Checkpoint {
        service,
        version: 2,
        behaviour: 5,
        through: Seq(through),
        stamp: Timestamp(1_790_000_000_000),
        state,
    }
}

pub(super) async fn checkpoints(log: Given) {
    log.append(observations("input", 40)).await;
    let saved = [
        (Service::Planner, 10),
        (Service::Evaluator, 12),
        (Service::Planner, 20),
        (Service::Planner, 30),
    ];
    for (service, through) in saved {
        let saved = log
            .0
            .save_checkpoint(checkpoint(service, through, 100))
            .await;
        saved.expect("a checkpoint is kept");
    }
    let cases = [
        (Service::Planner, 9, None),
        (Service::Planner, 10, Some(10)),
        (Service::Planner, 29, Some(20)),
        (Service::Planner, 99, Some(30)),
        (Service::Evaluator, 99, Some(12)),
        (Service::Actuator, 99, None),
    ];
    for (service, not_after, want) in cases {
        let found = log.0.checkpoint(service, Seq(not_after)).await;
        let found = found.expect("a checkpoint can be asked for");
        let want = want.map(|through| checkpoint(service, through, 100));
        assert_eq!(found, want, "{service}, not after {not_after}");
    }
}

pub(super) async fn large_checkpoint(log: Given) {
    let large = checkpoint(Service::Planner, 7, 5 << 20);
    let hash = large.hash();
    log.0
        .save_checkpoint(large)
        .await
        .expect("a checkpoint of 5 MiB is kept");
    let found = log.0.checkpoint(Service::Planner, Seq(7)).await;
    let found = found.expect("a checkpoint can be asked for");
    assert_eq!(found.map(|found| found.hash()), Some(hash));
}

pub(super) async fn ledger_of_facts(log: Given) {
    let kinds = [
        (Service::Operator, Kind::PolicyApplied),
        (Service::Collector, Kind::Observed),
        (Service::Operator, Kind::OverrideSet),
        (Service::Clock, Kind::Ticked),
        (Service::Operator, Kind::OverrideCleared),
        (Service::Operator, Kind::PolicyRemoved),
    ];
    let facts: Vec<_> = (0..1300)
        .map(|index| {
            let (service, kind) = kinds[index % kinds.len()].clone();
            let name = format!("web-{}", index % 3);
            fact(service, kind, &name, &format!("kept {index}"))
        })
        .collect();
    log.append(facts).await;
    let mut kept = log.everything().await;
    kept.retain(|entry| !matches!(event(entry).envelope.kind, Kind::Observed | Kind::Ticked));
    assert_ledger(&log, &kept).await;
}

pub(super) async fn ledger_of_outputs(log: Given) {
    log.append(observations("input", 3)).await;
    let mut decided = commit(Service::Planner, Seq::ZERO, "decided", 1);
    decided.outputs[0].envelope.subject = workload("web-1");
    log.commit(&decided).await;
    let mut acted = commit(Service::Actuator, Seq::ZERO, "acted", 2);
    acted.outputs[0].envelope.kind = Kind::ActuationStarted;
    acted.outputs[1].envelope.kind = Kind::Actuated;
    log.commit(&acted).await;
    let mut evaluated = commit(Service::Evaluator, Seq::ZERO, "evaluated", 1);
    evaluated.outputs[0].envelope.kind = Kind::Recommended;
    log.commit(&evaluated).await;
    let kept: Vec<_> = log
        .everything()
        .await
        .into_iter()
        .filter(|entry| [5, 7, 8].contains(&entry.seq().0))
        .collect();
    assert_eq!(kept.len(), 3);
    assert_ledger(&log, &kept).await;
}

/// Expects the ledger to have these entries, the very ones of the log, and to filter them.
async fn assert_ledger(log: &Given, kept: &[Entry]) {
    // A ledger may follow its log at a little distance.
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(20);
    while log.ledger(Seq(1), Filter::default()).await.len() < kept.len() {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the ledger does not catch up"
        );
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let middle = kept[kept.len() / 2].seq();
    for from in [Seq(1), middle, middle.next()] {
        for filter in [Filter::default(), Filter::workload(&workload("web-1"))] {
            let want: Vec<_> = kept
                .iter()
                .filter(|entry| entry.seq() >= from && filter.passes_entry(entry))
                .cloned()
                .collect();
            assert_eq!(log.ledger(from, filter).await, want, "from {from}");
        }
    }
}

pub(super) async fn retention(log: Given, forget: impl AsyncFnOnce(Arc<dyn Log>)) {
    let policy = fact(Service::Operator, Kind::PolicyApplied, "web", "policy");
    log.append_one(policy).await;
    let head = log
        .commit(&commit(Service::Planner, Seq::ZERO, "early", 1))
        .await
        .at;
    let old = log.append(observations("old", 4000)).await;
    // Retention never takes what a machine needs to start again.
    let through = old.last().map_or(0, |accepted| accepted.seq.0);
    let saved = log
        .0
        .save_checkpoint(checkpoint(Service::Planner, through, 100));
    saved.await.expect("a checkpoint is kept");
    let before = log.everything().await;
    let follower = log.follow(Seq(1), Filter::default()).await;

    forget(Arc::clone(&log.0)).await;

    let bounds = log.0.bounds().await.expect("bounds can be asked for");
    assert!(bounds.first > Seq(1), "some entries are gone");
    assert!(bounds.first <= bounds.last, "not all of them");
    let after = log.everything().await;
    let seqs: Vec<_> = after.iter().map(|entry| entry.seq().0).collect();
    assert_eq!(seqs, (bounds.first.0..=bounds.last.0).collect::<Vec<_>>());
    let still: Vec<_> = before
        .iter()
        .filter(|entry| entry.seq() >= bounds.first)
        .collect();
    assert_eq!(after.iter().take(still.len()).collect::<Vec<_>>(), still);
    drop(follower);

    let next = log.append(observations("new", 1)).await[0].seq;
    assert_eq!(next, bounds.last.next(), "positions go on");
    let newest = log
        .head(Service::Planner)
        .await
        .expect("a head outlives its entry");
    assert_eq!(newest.seq, head);
    let next = commit(Service::Planner, head, "late", 1);
    log.commit(&next).await;
    let ledger = log.ledger(Seq(1), Filter::default()).await;
    let want = [EventId::named("policy"), EventId::named("early output 0")];
    assert_eq!(
        ids(&ledger)[..2],
        want,
        "the ledger keeps what the log forgets"
    );
    assert_eq!(ledger[0].seq(), Seq(1), "at its position in the log");
}
