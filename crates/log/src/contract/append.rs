//! What must hold of facts.

use super::given::{Given, event, fact, ids, named, observations, observed};
use crate::{Accepted, Entry, Filter};
use headroom_model::{
    Body, Cause, EventId, Kind, Producer, Record, Seq, Service, Timestamp, WorkloadId,
    body::{Measured, Observed, Part, Reading},
};

pub(super) async fn a_new_log_is_empty(log: Given) {
    let bounds = log.0.bounds().await.expect("bounds can be asked for");
    assert_eq!((bounds.first, bounds.last), (Seq(1), Seq::ZERO));
    assert_eq!(log.everything().await, []);
    assert_eq!(log.head(Service::Planner).await, None);
    assert_eq!(log.append(vec![]).await, []);
    let checkpoint = log.0.checkpoint(Service::Planner, Seq(9)).await;
    assert_eq!(checkpoint.expect("a checkpoint can be asked for"), None);
}

pub(super) async fn order(log: Given) {
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let log = log.clone();
            tokio::spawn(async move {
                for facts in observations(&format!("writer {writer}"), 60).chunks(7) {
                    log.append(facts.to_vec()).await;
                }
            })
        })
        .collect();
    for writer in writers {
        writer.await.expect("a writer goes on to its end");
    }
    let entries = log.everything().await;
    let seqs: Vec<_> = entries.iter().map(Entry::seq).collect();
    assert_eq!(seqs, (1..=240).map(Seq).collect::<Vec<_>>());
    for writer in 0..4 {
        let own = named(&format!("writer {writer}"), 0..60);
        let mut found = ids(&entries);
        found.retain(|id| own.contains(id));
        assert_eq!(found, own, "writer {writer}");
    }
    let bounds = log.0.bounds().await.expect("bounds can be asked for");
    assert_eq!((bounds.first, bounds.last), (Seq(1), Seq(240)));
    assert_eq!(bounds.last_stamp, event(&entries[239]).envelope.stamp);
}

pub(super) async fn stamps(log: Given) {
    for index in 0..20 {
        log.append_one(observed("web", &format!("stamped {index}")))
            .await;
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    let entries = log.everything().await;
    let stamps: Vec<_> = entries
        .iter()
        .map(|entry| event(entry).envelope.stamp)
        .collect();
    assert!(stamps.is_sorted(), "{stamps:?}");
    assert!(
        stamps[0] > Timestamp::EPOCH && stamps[0] < stamps[19],
        "{stamps:?}"
    );
    let again = log.everything().await;
    assert_eq!(again, entries, "a stamp that was read is read again");
}

pub(super) async fn duplicates(log: Given) {
    let first = log.append(observations("scrape", 3)).await;
    let (one, two) = tokio::join!(
        log.append(observations("doubled", 50)),
        log.append(observations("doubled", 50))
    );
    let again = log.append(observations("scrape", 4)).await;
    for (before, after) in first.iter().zip(&again) {
        let duplicate = Accepted {
            seq: before.seq,
            duplicate: true,
        };
        assert_eq!(*after, duplicate);
    }
    assert!(!again[3].duplicate);
    for (one, two) in one.iter().zip(&two) {
        assert_eq!(one.seq, two.seq);
        assert!(one.duplicate != two.duplicate);
    }
    assert_eq!(log.everything().await.len(), 3 + 50 + 1);
}

pub(super) async fn many(log: Given) {
    let accepted = log.append(observations("many", 3456)).await;
    let seqs = accepted.iter().map(|accepted| accepted.seq.0);
    assert!(seqs.eq(1..=3456), "they stand in their order");
    log.append(observations("more", 10)).await;
    let entries = log.everything().await;
    let want = [named("many", 0..3456), named("more", 0..10)].concat();
    assert_eq!(ids(&entries), want);
}

pub(super) async fn envelopes(log: Given) {
    let mut facts = Vec::new();
    for (index, service) in Service::ALL.into_iter().enumerate() {
        let mut fact = fact(
            service,
            Kind::ALL[index].clone(),
            "web",
            &format!("field {index}"),
        );
        let envelope = &mut fact.envelope;
        envelope.version = 1 + u16::try_from(index).expect("there are few services");
        envelope.at = Timestamp(1_700_000_000_123 + index.cast_signed() as i64);
        envelope.producer = Producer {
            service,
            instance: format!("host.example-{index}").into(),
            behaviour: 40,
        };
        let cause = EventId::named("cause");
        envelope.cause = (index % 2 == 0).then_some(Cause {
            id: cause,
            seq: Seq(1),
        });
        envelope.correlation = match index % 3 {
            0 => envelope.cause.map(|cause| cause.id),
            1 => Some(EventId::named("correlation")),
            _ => None,
        };
        if index % 2 == 1 {
            envelope.subject = WorkloadId::system("clock");
        }
        facts.push(fact);
    }
    assert_come_back(&log, facts).await;
}

pub(super) async fn unknown_kinds(log: Given) {
    let facts = ["forecasted", "alert_raised"].map(|token| {
        let mut fact = fact(Service::Target, Kind::from_token(token), "web", token);
        fact.envelope.version = 7;
        fact.body = (0..=255).collect();
        fact
    });
    assert_come_back(&log, facts.to_vec()).await;
    let filter = Filter::kinds([Kind::from_token("forecasted")]);
    assert_eq!(log.read(Seq(1), filter).await.len(), 1);
}

pub(super) async fn not_a_number(log: Given) {
    let values = [
        f64::NAN,
        -f64::NAN,
        f64::INFINITY,
        -0.0,
        f64::MIN_POSITIVE / 3.0,
    ];
    let facts = values.map(|value| {
        let body = Body::from(Observed {
            source: "prometheus".into(),
            due: Timestamp(5),
            readings: vec![Reading {
                metric: "load".into(),
                at: Timestamp(4),
                measured: Measured::Total(value),
            }],
            fleet: None,
            part: Part::default(),
        });
        let mut fact = observed("web", &format!("value {value:?} {}", value.to_bits()));
        fact.body = body.encode();
        fact
    });
    assert_come_back(&log, facts.to_vec()).await;
}

/// Appends facts, and expects them back as they were but for position and stamp.
async fn assert_come_back(log: &Given, facts: Vec<Record>) {
    log.append(facts.clone()).await;
    let entries = log.everything().await;
    assert_eq!(entries.len(), facts.len());
    for ((entry, mut want), seq) in entries.iter().zip(facts).zip(1..) {
        let found = event(entry);
        want.envelope.seq = Seq(seq);
        want.envelope.stamp = found.envelope.stamp;
        assert_eq!(*found, want);
    }
}
