//! Readings that others send.

mod support;

use headroom_collector::{Push, PushError, Pusher};
use headroom_log::LogError;
use headroom_model::{Timestamp, body::Measured};
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
