//! Readings that others send.

mod support;

use headroom_collector::{
    Push, PushError, Pusher,
    push::{PushValue, ReplicaValues},
};
use headroom_log::LogError;
use headroom_model::{
    Event, Timestamp,
    body::{MOST_BYTES, Measured, Observed},
};
use serde_json::json;
use std::sync::Arc;
use support::{
    log::{Mood, MoodyLog},
    observed, settings, workload, written,
};

fn pusher(log: &Arc<MoodyLog>) -> Pusher {
    let sources =
        json!({"erp": {"push": {}}, "prom": {"prometheus": {"url": "http://127.0.0.1:1"}}});
    Pusher::new(log.clone(), &settings(sources), "cli", support::status()).unwrap()
}

#[tokio::test]
async fn a_push_is_an_observation_with_an_id_of_its_own() {
    let log = Arc::new(MoodyLog::default());
    let pusher = pusher(&log);
    let at = Some(Timestamp(1_700_000_000_000));
    let push = Push {
        source: "erp".to_owned(),
        at,
        ..Push::new("orders", 7.5)
    };
    let first = pusher.push(&workload("web"), push.clone()).await.unwrap();
    let second = pusher.push(&workload("web"), push).await.unwrap();
    assert_eq!((first.seq.0, second.seq.0), (1, 2));
    let events = written(&*log).await;
    let seen = observed(&events[0]).unwrap();
    assert_eq!(seen.source, "erp");
    assert_eq!(seen.readings[0].metric, "orders");
    assert_eq!(seen.readings[0].at, Timestamp(1_700_000_000_000));
    assert_eq!(seen.readings[0].measured, Measured::Total(7.5));
    assert_eq!(events[0].envelope.subject, workload("web"));
}

/// A push of so many replicas with names of so many bytes.
fn each(replicas: usize, length: usize) -> Push {
    let each = (0..replicas).map(|number| (format!("{number:0length$}"), 0.5));
    Push {
        value: PushValue::PerReplica(ReplicaValues::new(each).unwrap()),
        ..Push::new("rps", 0.0)
    }
}

#[tokio::test]
async fn numbers_of_replicas_are_one_reading() {
    let log = Arc::new(MoodyLog::default());
    let pusher = pusher(&log);
    let accepted = pusher.push(&workload("web"), each(2, 3)).await.unwrap();
    assert_eq!(accepted.seq.0, 1);
    let events = written(&*log).await;
    assert_eq!(events.len(), 1);
    let seen = observed(&events[0]).unwrap();
    let replicas = vec!["000".to_owned(), "001".to_owned()];
    let values = vec![0.5; 2];
    let want = Measured::PerReplica { replicas, values };
    assert_eq!(seen.readings[0].measured, want);
    assert!(seen.part.is_whole());
}

#[tokio::test]
async fn what_is_too_large_for_one_event_comes_in_parts() {
    let log = Arc::new(MoodyLog::default());
    let pusher = pusher(&log);
    let web = workload("web");
    pusher.push(&web, each(5000, 253)).await.unwrap();
    let events = written(&*log).await;
    assert!(events.len() > 1, "{} events", events.len());
    let small = |event: &Event| event.body.encode().len() <= MOST_BYTES;
    assert!(events.iter().all(small));
    let mut ids: Vec<_> = events.iter().map(|event| event.envelope.id).collect();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), events.len(), "each has an id of its own");
    let parts = events.iter().filter_map(observed).cloned();
    let whole = Observed::from_parts(parts).unwrap();
    let Measured::PerReplica { replicas, values } = &whole.readings[0].measured else {
        panic!("{:?}", whole.readings[0]);
    };
    assert_eq!((replicas.len(), values.len()), (5000, 5000));

    pusher.push(&web, each(5000, 253)).await.unwrap();
    let again = written(&*log).await.len();
    assert_eq!(again, 2 * events.len(), "another push is another reading");
}

#[tokio::test]
async fn a_push_that_cannot_be_is_refused() {
    let log = Arc::new(MoodyLog::default());
    let pusher = pusher(&log);
    let web = workload("web");
    for source in ["prom", "nowhere"] {
        let push = Push {
            source: source.to_owned(),
            ..Push::new("orders", 1.0)
        };
        let refused = pusher.push(&web, push).await;
        assert!(matches!(refused, Err(PushError::Source(name)) if name == source));
    }
    let unnamed = pusher.push(&web, Push::new("", 1.0)).await;
    assert!(matches!(unnamed, Err(PushError::Metric(0))));
    log.set(Mood::Out);
    let out = pusher.push(&web, Push::new("orders", 1.0)).await;
    assert!(matches!(out, Err(PushError::Log(LogError::Unavailable(_)))));
    assert_eq!(written(&*log).await, []);
}
