//! What the log keeps on NATS: doubled collectors, strangers' messages, retention, the ledger, checkpoints.

use async_nats::HeaderMap;
use headroom_log::{
    Entry, Filter, Log,
    nats::{NatsLog, Settings},
};
use headroom_model::{Checkpoint, Kind, Seq, Service, Timestamp};
use headroom_tests::{
    facts::{commit, events, everything, number, observed, output},
    servers::nats::{self, Cluster, settings},
};
use std::time::Duration;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(60);

async fn fresh(settings: Settings) -> NatsLog {
    NatsLog::connect(settings, "s", "tests")
        .await
        .expect("a fresh server takes a log")
}

/// Waits until retention has taken everything before `first`.
async fn emptied(log: &NatsLog, first: Seq) {
    let waiting = async {
        while log.bounds().await.unwrap().first < first {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(PATIENCE, waiting).await.expect("retention comes");
}

/// Two collectors that read the same write the same, in chunks of different length, at the same time.
async fn doubled_collectors_write_once(urls: Vec<String>, replicas: usize) {
    const FACTS: u32 = 3000;
    let write = async |step: u32| {
        let log = fresh(settings(urls.clone(), replicas)).await;
        let mut places = Vec::new();
        for first in (0..FACTS).step_by(step as usize) {
            let facts = (first..FACTS.min(first + step)).map(|n| observed("web", n));
            places.extend(
                log.append(facts.collect())
                    .await
                    .expect("it is written or known"),
            );
        }
        places
    };
    let (one, other) = tokio::join!(write(70), write(1500));
    for (number, (one, other)) in one.iter().zip(&other).enumerate() {
        assert_eq!(one.seq, other.seq, "both name the same place for {number}");
        assert!(
            one.duplicate != other.duplicate,
            "one of both wrote {number}"
        );
    }
    let log = fresh(settings(urls, replicas)).await;
    let all = everything(&log, Filter::default()).await;
    let mut numbers: Vec<_> = events(&all).into_iter().map(number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..i64::from(FACTS)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn doubled_collectors_write_once_on_one_server() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    doubled_collectors_write_once(vec![node.url()], 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn doubled_collectors_write_once_on_a_cluster() {
    let Some(cluster) = Cluster::start("").unwrap() else {
        return;
    };
    doubled_collectors_write_once(cluster.urls(), 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_wrote_is_named_and_reading_goes_on() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let log = fresh(settings(vec![node.url()], 1)).await;
    let client = async_nats::connect(node.url()).await.unwrap();
    let mut first = observed("web", 0);
    first.envelope.producer.service = Service::Operator;
    log.append(vec![first]).await.unwrap();
    let mut odd = HeaderMap::new();
    odd.insert("ce-type", "headroom.decided.v1");
    for (subject, headers) in [
        ("headroom.v1.s.planner.decided.test.web", HeaderMap::new()),
        ("headroom.v1.s.planner.decided.test.web", odd),
        ("headroom.v1.s.planner.head", HeaderMap::new()),
        ("headroom.v1.s.hacker.decided.test.web", HeaderMap::new()),
    ] {
        client
            .request_with_headers(subject, headers, "?".into())
            .await
            .unwrap();
    }
    // The server sends a stored message as its answer, to a subject of the log.
    let ask = br#"{"seq":1}"#.as_slice();
    let forged = "headroom.v1.s.planner.decided.test.web";
    client
        .publish_with_reply("$JS.API.DIRECT.GET.HEADROOM_s", forged, ask.into())
        .await
        .unwrap();
    client.flush().await.unwrap();
    let arrived = async {
        while log.bounds().await.unwrap().last < Seq(6) {
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(PATIENCE, arrived)
        .await
        .expect("the forged one arrives");
    log.append(vec![observed("web", 1)]).await.unwrap();

    let all = everything(&log, Filter::default()).await;
    let damaged = all.iter().filter_map(|entry| match entry {
        Entry::Damaged {
            first,
            last,
            detail,
        } => Some((first.0, last.0, detail.as_str())),
        _ => None,
    });
    let damaged: Vec<_> = damaged.collect();
    assert_eq!(
        damaged
            .iter()
            .map(|(first, last, _)| (*first, *last))
            .collect::<Vec<_>>(),
        [(2, 2), (3, 3), (4, 4), (5, 5), (6, 6)]
    );
    assert!(damaged[4].2.contains("a copy"), "{damaged:?}");
    assert_eq!(
        events(&all).into_iter().map(number).collect::<Vec<_>>(),
        [0, 1]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_outlives_the_log_and_keeps_positions() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let log = fresh(Settings {
        max_age_seconds: 2,
        ..settings(vec![node.url()], 1)
    })
    .await;
    log.append((0..10).map(|n| observed("web", n)).collect())
        .await
        .unwrap();
    let mut decided = output(Service::Planner, "web", 1);
    decided.envelope.kind = Kind::Decided;
    let mut applied = observed("web", 99);
    applied.envelope.kind = Kind::PolicyApplied;
    applied.envelope.producer.service = Service::Operator;
    log.commit(commit(Service::Planner, "p", None, vec![decided.clone()]))
        .await
        .unwrap();
    log.append(vec![applied]).await.unwrap();

    let ledger = async |from, filter| {
        use futures::TryStreamExt as _;
        let chunks: Vec<_> = log
            .ledger(Seq(from), filter)
            .await
            .unwrap()
            .try_collect()
            .await
            .unwrap();
        chunks.concat()
    };
    let positions = |entries: &[Entry]| entries.iter().map(Entry::seq).collect::<Vec<_>>();
    for gone in [false, true] {
        if gone {
            emptied(&log, Seq(14)).await;
            assert_eq!(everything(&log, Filter::default()).await, []);
            assert_eq!(log.bounds().await.unwrap().last, Seq(13));
        }
        let all = ledger(1, Filter::default()).await;
        assert_eq!(positions(&all), [Seq(12), Seq(13)]);
        let [Entry::Event(record), _] = &all[..] else {
            panic!("{all:?}")
        };
        assert_eq!(
            (&record.envelope.kind, &record.body),
            (&Kind::Decided, &decided.body)
        );
        assert_eq!(positions(&ledger(13, Filter::default()).await), [Seq(13)]);
        assert_eq!(
            positions(&ledger(1, Filter::kinds([Kind::Decided])).await),
            [Seq(12)]
        );
        assert_eq!(
            positions(&ledger(1, Filter::kinds([Kind::Observed])).await),
            []
        );
        let machine = Filter {
            machines: vec![Service::Planner],
            kinds: vec![Kind::Observed],
            ..Filter::default()
        };
        assert_eq!(positions(&ledger(1, machine).await), [Seq(12)]);
    }
}

fn checkpoint(through: u64, state: Vec<u8>) -> Checkpoint {
    Checkpoint {
        service: Service::Planner,
        version: 1,
        behaviour: 1,
        through: Seq(through),
        stamp: Timestamp(5),
        state,
    }
}

/// Bytes that do not compress, so that many chunks are needed.
fn noise(length: usize, mut seed: u64) -> Vec<u8> {
    let next = std::iter::from_fn(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Some((seed >> 56) as u8)
    });
    next.take(length).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_of_many_megabytes_come_back_and_a_damaged_one_is_passed_over() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let log = fresh(settings(vec![node.url()], 1)).await;
    assert_eq!(
        log.checkpoint(Service::Planner, Seq(9)).await.unwrap(),
        None
    );
    let (old, new) = (
        checkpoint(5, noise(12 << 20, 1)),
        checkpoint(9, noise(3 << 20, 2)),
    );
    log.save_checkpoint(old.clone()).await.unwrap();
    log.save_checkpoint(new.clone()).await.unwrap();
    log.save_checkpoint(checkpoint(12, Vec::new()))
        .await
        .unwrap();
    let at = async |seq| log.checkpoint(Service::Planner, Seq(seq)).await.unwrap();
    assert!(at(4).await.is_none());
    assert!(
        at(8).await == Some(old.clone()),
        "the newest that is not past 8"
    );
    assert!(at(11).await == Some(new), "the newest that is not past 11");
    assert!(at(99).await == Some(checkpoint(12, Vec::new())));
    assert_eq!(
        log.checkpoint(Service::Evaluator, Seq(99)).await.unwrap(),
        None
    );

    let client = async_nats::connect(node.url()).await.unwrap();
    let manifest = "headroom.checkpoints.v1.s.planner.manifest.9";
    client
        .request(manifest, "not a manifest".into())
        .await
        .unwrap();
    assert!(at(11).await == Some(old), "the one before it");
}

#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_go_when_the_log_no_longer_reaches_back_to_them() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let log = fresh(Settings {
        max_age_seconds: 1,
        ..settings(vec![node.url()], 1)
    })
    .await;
    for through in [2, 4] {
        log.save_checkpoint(checkpoint(through, noise(1 << 20, through)))
            .await
            .unwrap();
    }
    log.append((0..6).map(|n| observed("web", n)).collect())
        .await
        .unwrap();
    emptied(&log, Seq(7)).await;
    assert!(
        log.checkpoint(Service::Planner, Seq(3))
            .await
            .unwrap()
            .is_some(),
        "nothing was saved since"
    );
    log.save_checkpoint(checkpoint(5, Vec::new()))
        .await
        .unwrap();
    assert!(
        log.checkpoint(Service::Planner, Seq(4))
            .await
            .unwrap()
            .is_none(),
        "2 and 4 are of no use any more"
    );
    assert!(
        log.checkpoint(Service::Planner, Seq(5))
            .await
            .unwrap()
            .is_some(),
        "the newest always stays"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn time_filters_use_the_servers_time() {
    let Some(node) = nats::single("").unwrap() else {
        return;
    };
    let log = fresh(settings(vec![node.url()], 1)).await;
    for n in 0..6 {
        log.append(vec![observed("web", n)]).await.unwrap();
        sleep(Duration::from_millis(5)).await;
    }
    let all = everything(&log, Filter::default()).await;
    let stamps: Vec<_> = events(&all)
        .into_iter()
        .map(|record| record.envelope.stamp)
        .collect();
    assert!(stamps.is_sorted(), "one server's time only moves forward");
    assert_eq!(log.bounds().await.unwrap().last_stamp, stamps[5]);
    let between = Filter {
        since: Some(stamps[2]),
        until: Some(stamps[4]),
        ..Filter::default()
    };
    assert_eq!(everything(&log, between).await, all[2..4]);
    let old = Filter {
        until: Some(Timestamp(5)),
        ..Filter::default()
    };
    assert_eq!(everything(&log, old).await, []);
    let late = Filter {
        since: Some(Timestamp::FAR_FUTURE),
        ..Filter::default()
    };
    assert_eq!(everything(&log, late).await, []);
}
