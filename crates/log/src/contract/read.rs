//! What must hold of reading and following.

use super::given::{Given, event, fact, ids, named, observations, observed};
use crate::{Entry, Filter, Place};
use futures::StreamExt as _;
use headroom_model::{Kind, Record, Seq, Service};
use std::time::Duration;

pub(super) async fn ranges(log: Given) {
    log.append(observations("range", 2500)).await;
    for from in [0, 1, 2, 999, 1000, 1001, 1777, 2500, 2501, 9000] {
        let entries = log.read(Seq(from), Filter::default()).await;
        let first = usize::try_from(from.max(1) - 1).expect("the positions are small");
        assert_eq!(
            ids(&entries),
            named("range", first.min(2500)..2500),
            "from {from}"
        );
    }
}

/// Facts of several writers, kinds and workloads.
fn assortment() -> Vec<Record> {
    let writers = [
        (Service::Collector, Kind::Observed),
        (Service::Operator, Kind::PolicyApplied),
        (Service::Clock, Kind::Ticked),
        (Service::Target, Kind::Actuated),
        (Service::Collector, Kind::CollectionFailed),
    ];
    (0..1500)
        .map(|index| {
            let (service, kind) = writers[index % writers.len()].clone();
            let mut fact = fact(
                service,
                kind,
                &format!("web-{}", index % 11),
                &format!("assorted {index}"),
            );
            if index % 7 == 0 {
                let other = headroom_model::WorkloadId::new("billing.eu", "web-1");
                fact.envelope.subject = other.expect("it is a name");
            }
            fact
        })
        .collect()
}

pub(super) async fn filters(log: Given) {
    log.append(assortment()).await;
    let everything = log.everything().await;
    let workload = event(&everything[3]).envelope.subject.clone();
    let base = Filter::default();
    let filters = [
        ("a workload", Filter::workload(&workload)),
        (
            "a namespace",
            Filter {
                place: Some(Place::Namespace("billing.eu".into())),
                ..base.clone()
            },
        ),
        ("kinds", Filter::kinds([Kind::Ticked, Kind::Observed])),
        (
            "a producer",
            Filter {
                services: vec![Service::Collector],
                ..base.clone()
            },
        ),
        (
            "a producer and a kind",
            Filter {
                services: vec![Service::Collector],
                ..Filter::kinds([Kind::Observed])
            },
        ),
        (
            "kinds of a workload",
            Filter {
                kinds: vec![Kind::Observed],
                ..Filter::workload(&workload)
            },
        ),
        (
            "a kind, and all that a machine wrote",
            Filter {
                machines: vec![Service::Target],
                ..Filter::kinds([Kind::Ticked])
            },
        ),
        ("a kind that is not there", Filter::kinds([Kind::Verified])),
    ];
    for (name, filter) in filters {
        for from in [Seq(1), Seq(700)] {
            let want: Vec<_> = everything
                .iter()
                .filter(|entry| entry.seq() >= from && filter.passes_entry(entry))
                .cloned()
                .collect();
            assert_eq!(
                log.read(from, filter.clone()).await,
                want,
                "{name}, from {from}"
            );
            let followed = log
                .follow(from, filter.clone())
                .await
                .next(want.len())
                .await;
            assert_eq!(followed, want, "{name}, following from {from}");
        }
    }
}

pub(super) async fn times(log: Given) {
    for part in 0..4 {
        log.append(observations(&format!("part {part}"), 300)).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let everything = log.everything().await;
    let stamp = |index: usize| event(&everything[index]).envelope.stamp;
    let windows = [
        (Some(stamp(300)), None),
        (None, Some(stamp(600))),
        (Some(stamp(300)), Some(stamp(900))),
        (Some(stamp(600)), Some(stamp(600))),
    ];
    for (since, until) in windows {
        let filter = Filter {
            since,
            until,
            ..Filter::default()
        };
        let mut want = everything.clone();
        want.retain(|entry| filter.passes_entry(entry));
        assert_eq!(
            log.read(Seq(1), filter).await,
            want,
            "{since:?} to {until:?}"
        );
    }
}

pub(super) async fn follow(log: Given) {
    log.append(observations("before", 1200)).await;
    let mut all = log.follow(Seq(1), Filter::default()).await;
    let mut ticks = log.follow(Seq(1), Filter::kinds([Kind::Ticked])).await;
    assert_eq!(ids(&all.next(1200).await), named("before", 0..1200));
    for index in 0..5 {
        let tick = fact(
            Service::Clock,
            Kind::Ticked,
            "web",
            &format!("tick {index}"),
        );
        let accepted = log.append_one(tick).await;
        assert_eq!(all.next(1).await[0].seq(), accepted.seq);
        assert_eq!(ticks.next(1).await[0].seq(), accepted.seq);
    }
    log.append(observations("after", 2100)).await;
    assert_eq!(ids(&all.next(2100).await), named("after", 0..2100));
}

/// Appends that come as fast as the log takes them: whoever follows must not overtake what is just being stored away.
pub(super) async fn full_speed(log: Given) {
    const FACTS: usize = 12_000;
    let writer = log.clone();
    let writing = tokio::spawn(async move {
        let facts = observations("fast", FACTS);
        let appends: Vec<_> = facts
            .chunks(9)
            .map(|facts| {
                let (writer, facts) = (writer.clone(), facts.to_vec());
                async move { writer.append(facts).await }
            })
            .collect();
        let appends = futures::stream::iter(appends).buffered(16);
        appends.for_each(async |_| ()).await;
    });
    let mut readers: Vec<_> = (0..3)
        .map(|_| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut followed = log.follow(Seq(1), Filter::default()).await;
                followed.next(FACTS).await
            })
        })
        .collect();
    readers.push(tokio::spawn(async move {
        // Begins anew again and again.
        let mut found = Vec::new();
        while found.len() < FACTS {
            let from = Seq(found.len() as u64 + 1);
            found.extend(log.read(from, Filter::default()).await);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        found
    }));
    writing.await.expect("the log takes appends");
    for reader in readers {
        let found = reader.await.expect("a reader goes on to its end");
        let seqs = found.iter().map(|entry| entry.seq().0);
        assert!(
            seqs.eq(1..=FACTS as u64),
            "no position is left out or read twice"
        );
    }
}

pub(super) async fn resume(log: Given) {
    let writer = {
        let log = log.clone();
        tokio::spawn(async move {
            for facts in observations("resumed", 1500).chunks(5) {
                log.append(facts.to_vec()).await;
            }
        })
    };
    let mut found: Vec<Entry> = Vec::new();
    while found.len() < 1500 {
        let next = found.last().map_or(Seq(1), |entry| entry.seq().next());
        let count = (1500 - found.len()).min(211);
        let mut followed = log.follow(next, Filter::default()).await;
        found.extend(followed.next(count).await);
    }
    writer.await.expect("the writer goes on to its end");
    assert_eq!(ids(&found), named("resumed", 0..1500));
}

pub(super) async fn speeds(log: Given) {
    let readers: Vec<_> = [0, 1, 7]
        .into_iter()
        .map(|pause| {
            let log = log.clone();
            tokio::spawn(async move {
                let mut followed = log.follow(Seq(1), Filter::default()).await;
                let mut found = Vec::new();
                while found.len() < 2000 {
                    found.extend(followed.next(50).await);
                    tokio::time::sleep(Duration::from_millis(pause)).await;
                }
                ids(&found)
            })
        })
        .collect();
    for facts in observations("speed", 2000).chunks(40) {
        log.append(facts.to_vec()).await;
    }
    for reader in readers {
        let found = reader.await.expect("a reader goes on to its end");
        assert_eq!(found, named("speed", 0..2000));
    }
    log.append_one(observed("web", "one more")).await;
}
