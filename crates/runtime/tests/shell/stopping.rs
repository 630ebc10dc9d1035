//! What becomes of calls, outcomes and the machine itself when a service is asked to stop.

use crate::stage::{Stage, until};
use crate::target::Workers;
use headroom_log::Log;
use headroom_model::body::Outcome;
use headroom_model::{Seq, Service};
use headroom_runtime::{Phase, hands::HandsOptions};
use headroom_targets::Guarantee;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test(flavor = "multi_thread")]
async fn a_call_in_hand_is_waited_for_under_a_lease_that_goes_on_and_its_outcome_comes_before_the_release()
 {
    let stage = Stage::new(Workers::new(Guarantee::AtLeastOnce));
    let actuator = stage.actuator(&HandsOptions::default(), HOUR);
    let planner = stage.planner("planner");
    stage.want(5).await;
    until("the order is given", async || {
        stage.workers.begun.load(Ordering::SeqCst) == 1
    })
    .await;
    // An outcome that is on its way to a slow log must get there too.
    stage.log.slow_outcomes.store(500, Ordering::SeqCst);
    actuator.ask_to_stop();
    let before = stage.heads(Service::Actuator).await.len();
    until(
        "the lease was renewed for longer than it lasts",
        async || stage.heads(Service::Actuator).await.len() >= before + 4,
    )
    .await;
    stage.want(7).await; // nobody begins this any more
    assert!(!actuator.has_ended());
    stage.workers.permits.add_permits(1);
    actuator.end().await;

    let outcomes = stage.outcomes().await;
    let [(at, outcome)] = &outcomes[..] else {
        panic!("one order was given: {outcomes:?}");
    };
    assert_eq!(outcome.outcome, Outcome::Applied);
    assert_eq!(stage.workers.begun.load(Ordering::SeqCst), 1);
    let heads = stage.heads(Service::Actuator).await;
    let last = heads.last().expect("it committed");
    assert!(last.head.released && last.seq > *at, "{last:?} and {at}");
    let saved = stage.log.checkpoint(Service::Actuator, Seq(u64::MAX)).await;
    assert!(saved.expect("the log answers").is_some());
    planner.ask_to_stop();
    planner.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_outlives_the_grace_is_let_go_of_before_the_release() {
    let stage = Stage::new(Workers::new(Guarantee::AtLeastOnce));
    let options = HandsOptions {
        grace: Duration::from_millis(200),
        ..HandsOptions::default()
    };
    let actuator = stage.actuator(&options, HOUR);
    let planner = stage.planner("planner");
    stage.want(5).await;
    until("the order is given", async || {
        stage.workers.begun.load(Ordering::SeqCst) == 1
    })
    .await;
    let (workers, ended) = (Arc::clone(&stage.workers), Arc::new(AtomicU32::new(0)));
    let at_release = Arc::clone(&ended);
    let note = move || {
        at_release.store(workers.ended_early.load(Ordering::SeqCst), Ordering::SeqCst);
    };
    assert!(stage.log.at_release.set(Box::new(note)).is_ok());
    actuator.ask_to_stop();
    actuator.end().await;
    assert_eq!(ended.load(Ordering::SeqCst), 1, "it ended before that");
    assert_eq!(stage.outcomes().await, [], "its successor finds out");
    let heads = stage.heads(Service::Actuator).await;
    assert!(heads.last().is_some_and(|last| last.head.released));
    planner.ask_to_stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_on_its_way_is_not_lost_by_one_that_is_stopped_between_two_lives() {
    let stage = Stage::new(Workers::new(Guarantee::AtLeastOnce));
    let actuator = stage.actuator(&HandsOptions::default(), HOUR);
    let planner = stage.planner("planner");
    stage.want(5).await;
    until("the order is given", async || {
        stage.workers.begun.load(Ordering::SeqCst) == 1
    })
    .await;
    stage.log.slow_outcomes.store(3000, Ordering::SeqCst);
    stage.workers.permits.add_permits(1);
    until("its outcome is on its way", async || {
        stage.log.outcomes.load(Ordering::SeqCst) == 1
    })
    .await;
    stage.log.loses_track.store(true, Ordering::SeqCst);
    until("it waits for the log", async || {
        matches!(actuator.status.of("actuator"), Phase::Waiting { .. })
    })
    .await;
    actuator.ask_to_stop();
    actuator.end().await;
    let outcomes = stage.outcomes().await;
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].1.outcome, Outcome::Applied);
    planner.ask_to_stop();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_ack_is_lost_while_it_leaves_keeps_nobody_from_giving_the_machine_up() {
    let stage = Stage::new(Workers::quick(Guarantee::IdempotentSet));
    let planner = stage.planner("planner");
    stage.want(5).await;
    until("it works", async || {
        !stage.heads(Service::Planner).await.is_empty()
    })
    .await;
    stage.log.hides_a_commit.store(true, Ordering::SeqCst);
    planner.ask_to_stop();
    planner.end().await;
    assert!(!stage.log.hides_a_commit.load(Ordering::SeqCst));
    let heads = stage.heads(Service::Planner).await;
    let last = heads.last().expect("it committed");
    assert!(last.head.released, "{last:?}");
    let saved = stage.log.checkpoint(Service::Planner, Seq(u64::MAX)).await;
    let saved = saved.expect("the log answers");
    assert!(saved.is_some(), "the commit names a checkpoint");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_that_cannot_be_saved_does_not_keep_the_machine() {
    let stage = Stage::new(Workers::quick(Guarantee::IdempotentSet));
    let planner = stage.planner("planner");
    stage.want(5).await;
    until("it works", async || {
        !stage.heads(Service::Planner).await.is_empty()
    })
    .await;
    stage.log.never_saves.store(true, Ordering::SeqCst);
    planner.ask_to_stop();
    planner.end().await;
    let heads = stage.heads(Service::Planner).await;
    assert!(heads.last().is_some_and(|last| last.head.released));
}
