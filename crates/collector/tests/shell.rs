//! The collector as a whole: doubled, without a log, overrun, stopped.

mod support;

use headroom_collector::{Clock, Collector, Stopped};
use headroom_log::Log as _;
use headroom_model::{
    Event, EventId, Timestamp,
    body::{CollectionFailed, CollectionFailure},
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use support::{
    apply, failed,
    log::{Mood, MoodyLog},
    observed, policy, remove,
    server::{Reply, Server},
    settings, start, status, until, workload, written,
};

async fn server() -> Server {
    Server::start(|_| Reply::text("load 5\n")).await
}

/// A collector of this log, whose source `main` is one endpoint of `server`.
fn collector(log: &Arc<MoodyLog>, server: &Server, instance: &str) -> Collector {
    let main = json!({"main": {"openmetrics": {"endpoints": [server.url()]}}});
    Collector::new(log.clone(), &settings(main), instance, status()).unwrap()
}

async fn log_with_policy(interval: &str) -> Arc<MoodyLog> {
    let log = Arc::new(MoodyLog::default());
    apply(&*log, "web", policy("web", interval, &[("load", "load")])).await;
    log
}

/// A clock that stands still until the test moves it.
fn hand_set_clock() -> (Clock, Arc<AtomicI64>) {
    let now = Arc::new(AtomicI64::new(1_000_000));
    let read = Arc::clone(&now);
    let clock = Clock::from_fn(move || Timestamp(read.load(Ordering::Relaxed)));
    (clock, now)
}

fn observations(events: &[Event]) -> Vec<&Event> {
    events
        .iter()
        .filter(|event| observed(event).is_some())
        .collect()
}

fn gap(events: &[Event]) -> Option<(CollectionFailed, Event)> {
    events.iter().find_map(|event| {
        let failed = failed(event)?;
        matches!(failed.failure, CollectionFailure::LogUnavailable { .. })
            .then(|| (failed.clone(), event.clone()))
    })
}

#[tokio::test]
async fn doubled_collectors_write_each_instant_once() {
    let (log, server) = (log_with_policy("500ms").await, server().await);
    let pair = ["c1", "c2"].map(|instance| start(collector(&log, &server, instance)));
    let twice = |events: &[Event]| {
        let asked_twice = server.requests().len() >= 8;
        (asked_twice && observations(events).len() >= 4).then_some(())
    };
    until(&*log, "both to ask four times", twice).await;
    for running in pair {
        running.end().await;
    }
    let events = written(&*log).await;
    let seen = observations(&events);
    let ids: BTreeSet<EventId> = seen.iter().map(|event| event.envelope.id).collect();
    let instants: BTreeSet<_> = seen
        .iter()
        .map(|event| observed(event).unwrap().due)
        .collect();
    assert_eq!(ids.len(), seen.len());
    assert_eq!(instants.len(), seen.len());
    assert!(server.requests().len() > seen.len(), "both did ask");
}

#[tokio::test]
async fn without_a_log_nothing_is_scraped_and_the_gap_is_told_once() {
    let (log, server) = (log_with_policy("200ms").await, server().await);
    let running = start(collector(&log, &server, "c1"));
    until(&*log, "an observation", |events| {
        observed(events.first()?).map(|_| ())
    })
    .await;
    log.set(Mood::Out);
    let (before, tries) = (server.requests().len(), log.tries());
    let deadline = tokio::time::Instant::now() + support::PATIENCE;
    while log.tries() < tries + 4 {
        assert!(
            tokio::time::Instant::now() < deadline,
            "the log is tried again"
        );
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let asked = server.requests().len();
    // Three instants go by while the log is tried in vain; only what had begun before may still ask.
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert!(server.requests().len() <= asked + 1, "scraping stops");
    assert!(asked <= before + 5, "scraping stops soon");
    log.set(Mood::Well);
    let (told, event) = until(&*log, "the gap", gap).await;
    assert_eq!(told.source, "main");
    assert!(told.metrics.is_empty(), "all of them");
    let CollectionFailure::LogUnavailable { from, to } = told.failure else {
        unreachable!("the search is for this failure");
    };
    assert!(
        from < to && to.since(from) >= headroom_model::Span(200),
        "{from:?} to {to:?}"
    );
    assert!(event.envelope.subject.is_system());
    let seen = written(&*log).await.len();
    until(&*log, "more observations", |events| {
        (events.len() > seen + 2).then_some(())
    })
    .await;
    let events = written(&*log).await;
    let in_gap =
        |event: &&Event| observed(event).is_some_and(|seen| seen.due >= from && seen.due <= to);
    assert_eq!(events.iter().filter(in_gap).count(), 0);
    assert_eq!(
        events
            .iter()
            .filter(|event| gap(std::slice::from_ref(event)).is_some())
            .count(),
        1
    );
    running.end().await;
}

#[tokio::test]
async fn an_answer_of_the_log_that_is_lost_doubles_nothing() {
    let (log, server) = (log_with_policy("200ms").await, server().await);
    log.set(Mood::AckLost);
    let running = start(collector(&log, &server, "c1"));
    until(&*log, "three tries", |_| (log.tries() >= 3).then_some(())).await;
    log.set(Mood::Well);
    until(&*log, "observations", |events| {
        (observations(events).len() >= 3).then_some(())
    })
    .await;
    running.end().await;
    let events = written(&*log).await;
    let ids: BTreeSet<EventId> = events.iter().map(|event| event.envelope.id).collect();
    assert_eq!(ids.len(), events.len());
}

#[tokio::test]
async fn a_fact_that_the_log_refuses_is_dropped_alone() {
    let (log, server) = (Arc::new(MoodyLog::default()), server().await);
    let names: Vec<String> = (0..20).map(|n| format!("web-{n}")).collect();
    for name in names.iter().map(String::as_str).chain(["poison"]) {
        apply(&*log, name, policy(name, "1h", &[("load", "load")])).await;
    }
    let (clock, now) = hand_set_clock();
    let status = status();
    let main = json!({"main": {"openmetrics": {"endpoints": [server.url()]}}});
    let collector = Collector::new(log.clone(), &settings(main), "c1", Arc::clone(&status));
    let running = start(collector.unwrap().with_clock(clock));
    until(&*log, "the policies", |_| status.ready().ok()).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    // In one hour each is due once. While the log is out of reach their facts gather and become one batch.
    log.set(Mood::Out);
    now.fetch_add(3_600_000, Ordering::Relaxed);
    until(&*log, "all turns", |_| {
        (server.requests().len() == 21).then_some(())
    })
    .await;
    log.set(Mood::Refuses("poison".to_owned()));
    until(&*log, "the others", |events| {
        (observations(events).len() >= names.len()).then_some(())
    })
    .await;
    running.end().await;
    let events = written(&*log).await;
    let written: BTreeSet<_> = events
        .iter()
        .map(|event| event.envelope.subject.clone())
        .collect();
    let want: BTreeSet<_> = names.iter().map(|name| workload(name)).collect();
    assert_eq!(written, want);
}

#[tokio::test]
async fn instants_that_go_by_while_the_log_is_slow_are_told_as_one_overrun() {
    let (log, server) = (log_with_policy("100ms").await, server().await);
    let (clock, now) = hand_set_clock();
    let running = start(collector(&log, &server, "c1").with_clock(clock));
    let mut first = None;
    while first.is_none() {
        now.fetch_add(10, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(10)).await;
        let events = written(&*log).await;
        first = events.first().and_then(observed).map(|seen| seen.due);
    }
    // The process stands still for a second: nine instants go by, and the tenth has a turn.
    let woken = now.fetch_add(1000, Ordering::Relaxed) + 1000;
    let overrun = until(&*log, "an overrun", |events| {
        let failed = events.iter().filter_map(failed);
        failed
            .clone()
            .find(|failed| failed.failure == CollectionFailure::Overrun)
            .cloned()
    })
    .await;
    assert_eq!(overrun.metrics, ["load"]);
    assert!(
        overrun.due.0 > woken - 200 && overrun.due.0 <= woken - 100,
        "{overrun:?}"
    );
    let seen = until(&*log, "the newest instant", |events| {
        observations(events)
            .iter()
            .filter_map(|event| observed(event))
            .map(|seen| seen.due)
            .max()
            .filter(|due| due.0 > woken - 100)
    })
    .await;
    assert_eq!(seen.0 - overrun.due.0, 100);
    running.end().await;
}

#[tokio::test]
async fn policies_come_change_and_go() {
    let (log, server) = (Arc::new(MoodyLog::default()), server().await);
    let running = start(collector(&log, &server, "c1"));
    apply(&*log, "web", policy("web", "200ms", &[("load", "load")])).await;
    let metric = async |metric: &str| {
        until(&*log, metric, |events| {
            let last = observed(events.last()?)?;
            (last.readings[0].metric == metric).then_some(())
        })
        .await;
    };
    metric("load").await;
    apply(&*log, "web", policy("web", "200ms", &[("other", "load")])).await;
    metric("other").await;
    apply(&*log, "web", json!({"kind": "nonsense"})).await;
    apply(
        &*log,
        "marker",
        policy("marker", "200ms", &[("load", "load")]),
    )
    .await;
    metric("load").await;
    metric("other").await;
    remove(&*log, "web").await;
    remove(&*log, "marker").await;
    // What is under way may still be written; then it is quiet for as long as five intervals.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let before = written(&*log).await.len();
    tokio::time::sleep(Duration::from_millis(1000)).await;
    assert_eq!(written(&*log).await.len(), before);
    running.end().await;
}

#[tokio::test]
async fn a_source_that_nobody_configured_is_told_by_name() {
    let log = log_with_policy("200ms").await;
    let settings = settings(json!({"shop-prom": {"prometheus": {"url": "http://127.0.0.1:1"}}}));
    let running = start(Collector::new(log.clone(), &settings, "c1", status()).unwrap());
    let detail = "no source \"main\" in the collector's configuration; it has push, shop-prom";
    let want = CollectionFailure::Refused {
        detail: detail.to_owned(),
    };
    assert_eq!(support::first_failure(&*log).await, want);
    running.end().await;
}

#[tokio::test]
async fn a_collector_that_stops_writes_what_it_has_read() {
    let log = log_with_policy("1s").await;
    let asked = Arc::new(tokio::sync::Notify::new());
    let server = {
        let asked = Arc::clone(&asked);
        Server::start(move |_| {
            asked.notify_one();
            Reply::text("load 5\n")
        })
        .await
    };
    let running = start(collector(&log, &server, "c1"));
    asked.notified().await;
    running.end().await;
    assert_eq!(observations(&written(&*log).await).len(), 1);
}

#[tokio::test]
async fn a_collector_stops_in_time_though_the_log_is_out_of_reach() {
    let (log, server) = (log_with_policy("200ms").await, server().await);
    log.set(Mood::Silent);
    let running = start(collector(&log, &server, "c1"));
    until(&*log, "a try", |_| (log.tries() > 0).then_some(())).await;
    assert_eq!(running.stop().await, Stopped { drained: false });
    assert_eq!(written(&*log).await, []);
    assert_eq!(log.bounds().await.unwrap().last.0, 1, "the policy alone");
}
