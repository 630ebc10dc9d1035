//! Calls to targets: their lease, drivers that panic, outcomes that the log refuses.

use crate::stage::{Stage, until};
use crate::target::Workers;
use headroom_log::Entry;
use headroom_model::body::Outcome;
use headroom_model::{Kind, Service};
use headroom_runtime::hands::HandsOptions;
use headroom_targets::Guarantee;
use std::sync::atomic::Ordering;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn options() -> HandsOptions {
    HandsOptions {
        watch_every: Duration::from_millis(100),
        ..HandsOptions::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_takes_forever_to_save_costs_no_call_its_lease() {
    let stage = Stage::new(Workers::new(Guarantee::AtLeastOnce));
    stage.log.never_saves.store(true, Ordering::SeqCst);
    let _actuator = stage.actuator(&options(), Duration::from_millis(300));
    let _planner = stage.planner("planner");
    stage.want(5).await;
    until("the order is given and a checkpoint is taken", async || {
        let heads = stage.heads(Service::Actuator).await;
        let named = heads.iter().any(|placed| placed.head.checkpoint.is_some());
        named && stage.workers.begun.load(Ordering::SeqCst) == 1
    })
    .await;
    let before = stage.heads(Service::Actuator).await.len();
    until(
        "the lease was renewed for longer than it lasts",
        async || stage.heads(Service::Actuator).await.len() >= before + 4,
    )
    .await;
    stage.workers.permits.add_permits(1);
    until("the order has an outcome", async || {
        !stage.outcomes().await.is_empty()
    })
    .await;
    assert_eq!(stage.outcomes().await[0].1.outcome, Outcome::Applied);
    assert_eq!(stage.workers.begun.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_ends_with_its_lease_though_nobody_attends_to_it() {
    let stage = Stage::new(Workers::new(Guarantee::IdempotentSet));
    let _actuator = stage.actuator(&options(), HOUR);
    let _planner = stage.planner("planner");
    stage.want(5).await;
    until("the order is given", async || {
        stage.workers.begun.load(Ordering::SeqCst) == 1
    })
    .await;
    stage.log.blocks_for.store(8000, Ordering::SeqCst);
    until("the loop is held up", async || {
        stage.log.blocks_for.load(Ordering::SeqCst) == 0
    })
    .await;
    let heads = stage.heads(Service::Actuator).await.len();
    until("the call is ended", async || {
        stage.workers.ended_early.load(Ordering::SeqCst) == 1
    })
    .await;
    let meanwhile = stage.heads(Service::Actuator).await.len() - heads;
    assert_eq!(meanwhile, 0, "the loop had not gone on yet");
    stage.workers.permits.add_permits(1);
    until("the order is given again, and carried out", async || {
        stage.workers.count.load(Ordering::SeqCst) == 5
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_whose_driver_panics_is_taken_up_again_as_after_a_crash() {
    let cases = [
        (Guarantee::IdempotentSet, Outcome::Applied, 2),
        (Guarantee::AtLeastOnce, Outcome::Unknown, 1),
    ];
    for (guarantee, want, orders) in cases {
        let stage = Stage::new(Workers::quick(guarantee));
        stage.workers.orders_that_panic.store(1, Ordering::SeqCst);
        let _actuator = stage.actuator(&options(), HOUR);
        let _planner = stage.planner("planner");
        stage.want(5).await;
        until("the order has an outcome", async || {
            !stage.outcomes().await.is_empty()
        })
        .await;
        assert_eq!(stage.outcomes().await[0].1.outcome, want, "{guarantee:?}");
        let begun = stage.workers.begun.load(Ordering::SeqCst);
        assert_eq!(begun, orders, "{guarantee:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_target_whose_driver_panicked_at_a_look_is_looked_at_again() {
    let stage = Stage::new(Workers::quick(Guarantee::IdempotentSet));
    stage.workers.looks_that_panic.store(1, Ordering::SeqCst);
    let _actuator = stage.actuator(&options(), HOUR);
    stage.want(2).await;
    until("it is looked at again", async || {
        stage.workers.looked.load(Ordering::SeqCst)
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_the_log_refuses_is_asked_for_again() {
    let stage = Stage::new(Workers::quick(Guarantee::IdempotentSet));
    stage.log.refuses_outcomes.store(1, Ordering::SeqCst);
    let _actuator = stage.actuator(&options(), HOUR);
    let _planner = stage.planner("planner");
    stage.want(5).await;
    until("the target is known to have what it was told", async || {
        let entries = stage.entries().await;
        let verified = |entry: &Entry| matches!(entry, Entry::Event(record) if record.envelope.kind == Kind::Verified);
        entries.iter().any(verified)
    })
    .await;
    assert_eq!(stage.outcomes().await[0].1.outcome, Outcome::Adopted);
    assert_eq!(stage.workers.begun.load(Ordering::SeqCst), 1);
}
