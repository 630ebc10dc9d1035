//! What an embedded log keeps beyond its age: what a machine needs to start again.

use headroom_log::embedded::{EmbeddedLog, Settings};
use headroom_log::{Commit, Log, contract};
use headroom_model::{Checkpoint, Head, Seq, Service, Span, Through};
use std::time::Duration;
use uuid::Uuid;

/// How long events stay in these tests.
const MAX_AGE: Span = Span(200);

/// A head without outputs, upon the one at `expected`.
fn commit(service: Service, expected: Seq) -> Commit {
    let head = Head {
        service,
        instance: "test".to_owned(),
        epoch: 1,
        behaviour: 1,
        through: Through::default(),
        commit_id: Uuid::now_v7(),
        outputs: 0,
        checkpoint: None,
        released: false,
    };
    Commit {
        expected,
        head: Some(head),
        outputs: Vec::new(),
    }
}

async fn save(log: &EmbeddedLog, service: Service, through: Seq) {
    let checkpoint = Checkpoint {
        service,
        version: 1,
        behaviour: 1,
        through,
        stamp: log.bounds().await.unwrap().last_stamp,
        state: vec![1],
    };
    log.save_checkpoint(checkpoint).await.unwrap();
}

/// Writes so much, and for so long, that by age alone the first blocks would be gone; says where the log begins then.
async fn age(log: &EmbeddedLog, filler: &mut u64) -> Seq {
    let begin = log.bounds().await.unwrap().last_stamp;
    let mut written = 0;
    while written < 3000
        || log.bounds().await.unwrap().last_stamp.since(begin) <= Span(4 * MAX_AGE.0)
    {
        let facts = contract::filler(*filler..*filler + 300);
        log.append(facts).await.unwrap();
        (written, *filler) = (written + 300, *filler + 300);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    log.bounds().await.unwrap().first
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_forgotten_that_a_machine_needs() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        max_age: MAX_AGE,
        ..Settings::default()
    };
    let log = EmbeddedLog::open(dir.path(), &settings).unwrap();
    let mut filler = 0;
    for service in [Service::Planner, Service::Evaluator] {
        log.commit(commit(service, Seq::ZERO)).await.unwrap();
    }
    assert_eq!(
        age(&log, &mut filler).await,
        Seq(1),
        "no machine has a checkpoint"
    );

    let through = log.bounds().await.unwrap().last;
    save(&log, Service::Planner, through).await;
    assert_eq!(
        age(&log, &mut filler).await,
        Seq(1),
        "the evaluator has none"
    );

    save(&log, Service::Evaluator, Seq(through.0 / 2)).await;
    let first = age(&log, &mut filler).await;
    assert!(first > Seq(1), "each has one");
    assert!(
        first <= Seq(through.0 / 2).next(),
        "{first} is past the evaluator's checkpoint"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_machine_age_alone_counts() {
    let dir = tempfile::tempdir().unwrap();
    let settings = Settings {
        max_age: MAX_AGE,
        ..Settings::default()
    };
    let log = EmbeddedLog::open(dir.path(), &settings).unwrap();
    log.commit(commit(Service::Clock, Seq::ZERO)).await.unwrap();
    assert!(
        age(&log, &mut 0).await > Seq(1),
        "the clock has no state to lose"
    );
}
