//! The `openmetrics` source: endpoints that come, go, hang and count.

mod support;

use futures::future::join_all;
use headroom_collector::Collector;
use headroom_log::memory::MemoryLog;
use headroom_model::body::{CollectionFailure, Measured, Observed};
use serde_json::{Value, json};
use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};
use support::{
    Running, apply, first_failure, first_observed, observed, policy,
    server::{Reply, Server},
    settings, start, status, until,
};

/// A collector that asks source `main` with these settings for `query` as metric `load`.
async fn collecting(openmetrics: Value, query: &str) -> (Arc<MemoryLog>, Running) {
    let log = Arc::new(MemoryLog::new());
    apply(&*log, "web", policy("web", "1s", &[("load", query)])).await;
    let settings = settings(json!({"main": {"openmetrics": openmetrics}}));
    let collector = Collector::new(log.clone(), &settings, "c1", status()).unwrap();
    (log, start(collector))
}

async fn first(openmetrics: Value, query: &str) -> Observed {
    let (log, running) = collecting(openmetrics, query).await;
    let observed = first_observed(&*log).await;
    running.end().await;
    observed
}

async fn page(text: &'static str) -> Server {
    Server::start(move |_| Reply::text(text)).await
}

/// Writes the file of a pool whose replicas have these names and servers.
fn write_pool(path: &Path, replicas: &[(&str, &Server)]) {
    let groups: Vec<_> = replicas
        .iter()
        .map(|(name, server)| {
            json!({"targets": [server.address.to_string()], "labels": {"replica": name}})
        })
        .collect();
    let new = path.with_extension("new");
    std::fs::write(&new, Value::from(groups).to_string()).unwrap();
    std::fs::rename(&new, path).unwrap();
}

fn per_replica(replicas: &[&str], values: &[f64]) -> Measured {
    Measured::PerReplica {
        replicas: replicas.iter().map(ToString::to_string).collect(),
        values: values.to_vec(),
    }
}

#[tokio::test]
async fn matching_samples_of_one_endpoint_are_added_up() {
    let server = page("load{q=\"a\"} 2\nload{q=\"b\"} 3\nload{q=\"c\"} 100\n").await;
    let observed = first(json!({"endpoints": [server.url()]}), r#"load{q!="c"}"#).await;
    assert_eq!(observed.readings[0].measured, Measured::Total(5.0));
    let request = &server.requests()[0];
    assert!(request.starts_with("GET /metrics HTTP"), "{request}");
    assert!(
        request.contains("accept: application/openmetrics-text"),
        "{request}"
    );
}

#[tokio::test]
async fn several_endpoints_are_replicas_and_one_that_fails_is_nan() {
    let (a, b) = (page("load 2\n").await, page("other 1\n").await);
    let c = Server::start(|_| Reply::Hang).await;
    let addresses = [&a, &b, &c].map(|server| server.address.to_string());
    let observed = first(
        json!({"endpoints": addresses, "timeout_seconds": 0.8}),
        "load",
    )
    .await;
    let Measured::PerReplica { replicas, values } = &observed.readings[0].measured else {
        panic!("{observed:?}");
    };
    assert_eq!(*replicas, addresses);
    assert_eq!(values[0], 2.0);
    assert!(values[1].is_nan() && values[2].is_nan(), "{values:?}");
}

#[tokio::test]
async fn endpoints_that_are_no_replicas_are_one_total_or_a_failure() {
    let (a, b) = (page("load 2\n").await, page("load 3\n").await);
    let both = json!({"endpoints": [a.url(), b.url()], "per_replica": false});
    let observed = first(both.clone(), "load").await;
    assert_eq!(observed.readings[0].measured, Measured::Total(5.0));
    drop(b);
    let (log, running) = collecting(both, "load").await;
    let failure = format!("{:?}", first_failure(&*log).await);
    assert!(failure.contains("1 of 2 endpoints failed"), "{failure}");
    running.end().await;
}

#[tokio::test]
async fn a_pool_is_followed_as_it_comes_and_goes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("pool.json");
    let (a, b) = (page("load 2\n").await, page("load 3\n").await);
    write_pool(&file, &[("web-0", &a)]);
    let (log, running) = collecting(json!({"endpoints_file": file}), "load").await;
    let seen = async |measured: Measured| {
        until(&*log, &format!("{measured:?}"), |events| {
            let last = events.iter().rev().find_map(observed)?;
            (last.readings[0].measured == measured).then_some(())
        })
        .await;
    };
    seen(per_replica(&["web-0"], &[2.0])).await;
    write_pool(&file, &[("web-0", &a), ("web-1", &b)]);
    seen(per_replica(&["web-0", "web-1"], &[2.0, 3.0])).await;
    write_pool(&file, &[("web-1", &b)]);
    seen(per_replica(&["web-1"], &[3.0])).await;
    write_pool(&file, &[]);
    seen(Measured::Missing).await;
    std::fs::remove_file(&file).unwrap();
    let failure = first_failure(&*log).await;
    assert!(
        matches!(&failure, CollectionFailure::Unreachable { detail } if detail.contains("pool.json: No such file")),
        "{failure:?}"
    );
    running.end().await;
}

#[tokio::test]
async fn what_cannot_be_used_is_an_event_that_says_why() {
    let huge = "#\n".repeat(9 * 1024 * 1024);
    let cases = [
        // name, page, query, what the failure says
        (
            "a web page",
            Reply::text("<html>"),
            "load",
            "Malformed { detail: \"line 1: a sample begins with its name\" }",
        ),
        (
            "half of a text",
            Reply::Page(
                200,
                "application/openmetrics-text; version=1.0.0",
                "load 1\n".to_owned(),
            ),
            "load",
            "Malformed { detail: \"the text does not end with `# EOF`",
        ),
        (
            "an error",
            Reply::Page(500, "text/plain", "oops".to_owned()),
            "load",
            "Refused { detail: \"500 Internal Server Error: oops\" }",
        ),
        (
            "too much",
            Reply::text(huge),
            "load",
            "Malformed { detail: \"the answer is larger than 16777216 bytes\" }",
        ),
        ("a broken connection", Reply::Break, "load", "Unreachable"),
        (
            "a query that is none",
            Reply::text("load 1\n"),
            "sum(load)",
            "Refused { detail: \"query \\\"sum(load)\\\": the only function is rate()",
        ),
    ];
    join_all(cases.into_iter().map(async |(name, reply, query, want)| {
        let server = Server::start(move |_| reply.clone()).await;
        let settings = json!({"endpoints": [server.url()]});
        let log = Arc::new(MemoryLog::new());
        apply(&*log, "web", policy("web", "5s", &[("load", query)])).await;
        let settings = support::settings(json!({"main": {"openmetrics": settings}}));
        let collector = Collector::new(log.clone(), &settings, "c1", status()).unwrap();
        let running = start(collector);
        let failure = format!("{:?}", first_failure(&*log).await);
        assert!(failure.starts_with(want), "{name}: {failure}");
        running.end().await;
    }))
    .await;
}

#[tokio::test]
async fn a_rate_is_missing_at_first_and_then_the_growth_per_second() {
    let served = Arc::new(AtomicU64::new(0));
    let server = {
        let served = Arc::clone(&served);
        // The page says when it was made, ten seconds apart, so that the rate does not hang on the test's own pace.
        Server::start(move |_| {
            let n = served.fetch_add(1, Ordering::Relaxed);
            let (count, at) = (n * 50, 1_700_000_000_000 + n * 10_000);
            Reply::text(format!("served_total {count} {at}\n"))
        })
        .await
    };
    let (log, running) =
        collecting(json!({"endpoints": [server.url()]}), "rate(served_total)").await;
    let both = until(&*log, "two observations", |events| {
        let all: Vec<_> = events.iter().filter_map(observed).collect();
        (all.len() >= 2).then(|| [all[0].clone(), all[1].clone()])
    })
    .await;
    assert_eq!(both[0].readings[0].measured, Measured::Missing);
    assert_eq!(both[1].readings[0].measured, Measured::Total(5.0));
    assert_eq!(both[1].readings[0].at.0, 1_700_000_010_000);
    running.end().await;
}
