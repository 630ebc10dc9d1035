//! The `prometheus` source against a server that answers well, badly or not at all.

mod support;

use futures::future::join_all;
use headroom_collector::Collector;
use headroom_log::memory::MemoryLog;
use headroom_model::{
    Timestamp,
    body::{CollectionFailure, Measured, Observed},
};
use serde_json::json;
use std::{io::Write as _, sync::Arc};
use support::{
    apply, failed, first_failure, first_observed, observed, policy,
    server::{Reply, Server},
    settings, start, status, until, written,
};

const LOAD: &str = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{},"value":[1700000000.5,"42"]}]}}"#;

/// The log of a collector that asks source `main` with these settings for `load` until something is written.
async fn collected(prometheus: serde_json::Value) -> Arc<MemoryLog> {
    let log = Arc::new(MemoryLog::new());
    apply(&*log, "web", policy("web", "1s", &[("load", "sum(load)")])).await;
    let settings = settings(json!({"main": {"prometheus": prometheus}}));
    let collector = Collector::new(log.clone(), &settings, "c1", status()).unwrap();
    let running = start(collector);
    until(&*log, "anything", |events| events.first().map(|_| ())).await;
    running.end().await;
    log
}

#[tokio::test]
async fn a_query_becomes_an_observation() {
    let server = Server::start(|_| Reply::json(LOAD)).await;
    let log = collected(json!({"url": format!("{}/prom/", server.url())})).await;
    let events = written(&*log).await;
    let Observed {
        source,
        due,
        readings,
        ..
    } = observed(&events[0]).unwrap().clone();
    assert_eq!(source, "main");
    assert_eq!(readings.len(), 1);
    assert_eq!(readings[0].metric, "load");
    assert_eq!(
        readings[0].at,
        Timestamp(1_700_000_000_500),
        "the server's time"
    );
    assert_eq!(readings[0].measured, Measured::Total(42.0));
    let workload = support::workload("web");
    let envelope = &events[0].envelope;
    assert_eq!(envelope.subject, workload);
    assert_eq!(
        envelope.id,
        headroom_model::EventId::scraped("main", &workload, due)
    );
    let request = &server.requests()[0];
    assert!(
        request.starts_with("GET /prom/api/v1/query?query=sum%28load%29&timeout=900ms HTTP"),
        "{request}"
    );
}

#[tokio::test]
async fn credentials_and_headers_are_sent_and_read_anew_when_they_change() {
    let file = tempfile::NamedTempFile::new().unwrap();
    writeln!(&file, "first").unwrap();
    let server = Server::start(|_| Reply::json(LOAD)).await;
    let log = Arc::new(MemoryLog::new());
    apply(&*log, "web", policy("web", "100ms", &[("load", "load")])).await;
    let settings = settings(json!({"main": {"prometheus": {
        "url": server.url(), "bearer_token_file": file.path(), "headers": {"X-Scope-OrgID": "shop"},
    }}}));
    let running = start(Collector::new(log.clone(), &settings, "c1", status()).unwrap());
    first_observed(&*log).await;
    std::fs::write(file.path(), "second").unwrap();
    until(&*log, "a query with the second token", |_| {
        let asked = server.requests();
        asked
            .iter()
            .any(|r| r.contains("authorization: Bearer second\r\n"))
            .then_some(())
    })
    .await;
    let first = &server.requests()[0];
    assert!(first.contains("authorization: Bearer first\r\n"), "{first}");
    assert!(first.contains("x-scope-orgid: shop\r\n"), "{first}");
    running.end().await;
}

#[tokio::test]
async fn a_user_and_a_password_are_sent() {
    let file = tempfile::NamedTempFile::new().unwrap();
    writeln!(&file, "secret").unwrap();
    let server = Server::start(|_| Reply::json(LOAD)).await;
    let basic = json!({"user": "me", "password_file": file.path()});
    let log = collected(json!({"url": server.url(), "basic_auth": basic})).await;
    first_observed(&*log).await;
    let request = &server.requests()[0];
    assert!(
        request.contains("authorization: Basic bWU6c2VjcmV0\r\n"),
        "{request}"
    );
}

#[tokio::test]
async fn every_way_to_fail_is_an_event() {
    let error = r#"{"status":"error","errorType":"bad_data","error":"no such function"}"#;
    let cases = [
        // name, what the server does, what the failure says
        (
            "an error of the query",
            Reply::Page(400, "application/json", error.to_owned()),
            "Refused { detail: \"400 Bad Request: bad_data: no such function\" }",
        ),
        (
            "a login page",
            Reply::Page(401, "text/html", "who are you".to_owned()),
            "Refused { detail: \"401 Unauthorized: who are you\" }",
        ),
        (
            "a redirect",
            Reply::Redirect("http://elsewhere/".to_owned()),
            "Refused { detail: \"302 Found: it redirects to \\\"http://elsewhere/\\\"",
        ),
        (
            "a web page",
            Reply::json("<html>"),
            "Malformed { detail: \"no answer of Prometheus",
        ),
        (
            "no HTTP",
            Reply::Garbage,
            "Unreachable { detail: \"error sending request",
        ),
        ("half an answer", Reply::Break, "Unreachable { detail: \""),
        ("no answer", Reply::Hang, "TimedOut { after_ms: 900 }"),
    ];
    join_all(cases.into_iter().map(async |(name, reply, want)| {
        let server = Server::start(move |_| reply.clone()).await;
        let log = collected(json!({"url": server.url()})).await;
        let failure = format!("{:?}", first_failure(&*log).await);
        assert!(failure.starts_with(want), "{name}: {failure}");
    }))
    .await;
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let server = Server::start(|_| Reply::Endless).await;
    let log = Arc::new(MemoryLog::new());
    apply(&*log, "web", policy("web", "10s", &[("load", "load")])).await;
    let settings = settings(json!({"main": {"prometheus": {"url": server.url()}}}));
    let running = start(Collector::new(log.clone(), &settings, "c1", status()).unwrap());
    let failure = first_failure(&*log).await;
    let detail = "the answer is larger than 16777216 bytes".to_owned();
    assert_eq!(failure, CollectionFailure::Malformed { detail });
    running.end().await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let gone = Server::start(|_| Reply::Hang).await;
    let url = gone.url();
    drop(gone);
    let log = collected(json!({"url": url})).await;
    let failure = first_failure(&*log).await;
    let CollectionFailure::Unreachable { detail } = failure else {
        panic!("{failure:?}");
    };
    assert!(detail.contains("Connection refused"), "{detail}");
}

#[tokio::test]
async fn a_credential_that_cannot_be_read_is_a_failure_and_no_query_goes_out() {
    let server = Server::start(|_| Reply::json(LOAD)).await;
    let log = collected(json!({"url": server.url(), "bearer_token_file": "/nowhere/token"})).await;
    let failure = format!("{:?}", first_failure(&*log).await);
    assert!(
        failure.contains("cannot read bearer_token_file /nowhere/token"),
        "{failure}"
    );
    assert_eq!(server.requests(), [""; 0]);
}

#[tokio::test]
async fn one_bad_query_does_not_take_the_others_along() {
    let server = Server::start(|request| match request.contains("query=good") {
        true => Reply::json(LOAD),
        false => Reply::Page(422, "application/json", "no".to_owned()),
    })
    .await;
    let log = Arc::new(MemoryLog::new());
    let metrics = [("a", "bad"), ("b", "good"), ("c", "bad")];
    apply(&*log, "web", policy("web", "1s", &metrics)).await;
    let settings = settings(json!({"main": {"prometheus": {"url": server.url()}}}));
    let running = start(Collector::new(log.clone(), &settings, "c1", status()).unwrap());
    let readings = first_observed(&*log).await.readings;
    assert_eq!(
        readings.iter().map(|one| &*one.metric).collect::<Vec<_>>(),
        ["b"]
    );
    let metrics = until(&*log, "a failure", |events| {
        Some(events.iter().find_map(failed)?.metrics.clone())
    })
    .await;
    assert_eq!(metrics, ["a", "c"], "one failure for what failed alike");
    running.end().await;
}
