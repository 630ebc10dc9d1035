//! The collector against a real Prometheus that scrapes two small exporters.

use anyhow::Result;
use futures::StreamExt as _;
use headroom_collector::{Collector, Status};
use headroom_log::{Entry, Filter, Log, memory::MemoryLog};
use headroom_model::{
    Body, Event, EventId, Seq, Service, Timestamp,
    body::{CollectionFailure, Measured, PolicyApplied},
};
use headroom_tests::{
    facts::{producer, workload},
    servers::{PATIENCE, prometheus::Prometheus},
};
use serde_json::{Value, json};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_util::sync::CancellationToken;

/// A program that shows `jobs`, as many as it is told.
async fn exporter(jobs: &Arc<AtomicU64>) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let jobs = Arc::clone(jobs);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let page = format!("jobs {}\nbroken NaN\n", jobs.load(Ordering::Relaxed));
            let mut request = [0; 4096];
            // A client that hangs up gets no page, which is all the same to this test.
            let _ = stream.read(&mut request).await;
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4\r\n";
            let length = page.len();
            let answer =
                format!("{head}connection: close\r\ncontent-length: {length}\r\n\r\n{page}");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    Ok(address)
}

fn rule(metric: &str, query: &str) -> Value {
    json!({
        "type": "External",
        "external": {
            "metric": {"name": metric},
            "target": {"type": "AverageValue", "averageValue": "1"},
        },
        "from": {"source": "main", "query": query, "interval": "250ms"},
    })
}

async fn apply(log: &dyn Log, rules: Vec<Value>) -> Result<()> {
    let policy = json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Process", "name": "web"},
            "maxReplicas": 9,
            "metrics": rules,
        },
    });
    let owner = "test".to_owned();
    let body = Body::from(PolicyApplied { policy, owner });
    let operator = producer(Service::Operator, "test");
    let id = EventId::named("the policy");
    let fact = Event::fact(id, workload("web"), Timestamp(0), operator, body);
    log.append(vec![fact.to_record()]).await?;
    Ok(())
}

/// Waits for an event that `found` finds something in.
async fn wait<T>(log: &dyn Log, what: &str, found: impl Fn(&Event) -> Option<T>) -> Result<T> {
    let mut coming = log.follow(Seq::ZERO, Filter::default()).await?;
    let search = async {
        while let Some(chunk) = coming.next().await {
            for entry in chunk? {
                let Entry::Event(record) = entry else {
                    continue;
                };
                if let Some(found) = found(&record.into_event()?) {
                    return Ok(found);
                }
            }
        }
        anyhow::bail!("the log ended")
    };
    let waited = tokio::time::timeout(PATIENCE, search).await;
    waited.map_err(|_| anyhow::anyhow!("waited in vain for {what}"))?
}

/// What was measured of a metric, and when.
fn measured(event: &Event, metric: &str) -> Option<(Measured, Timestamp)> {
    let Body::Observed(observed) = &event.body else {
        return None;
    };
    let mut readings = observed.readings.iter();
    let reading = readings.find(|reading| reading.metric == metric)?;
    Some((reading.measured.clone(), reading.at))
}

fn failure(event: &Event, metric: &str) -> Option<CollectionFailure> {
    match &event.body {
        Body::CollectionFailed(failed) if failed.metrics.iter().any(|name| name == metric) => {
            Some(failed.failure.clone())
        }
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_real_prometheus_says_comes_into_the_log() -> Result<()> {
    let jobs = [3, 4].map(|jobs| Arc::new(AtomicU64::new(jobs)));
    let targets = [exporter(&jobs[0]).await?, exporter(&jobs[1]).await?];
    let config = json!({
        "global": {"scrape_interval": "200ms", "scrape_timeout": "200ms"},
        "scrape_configs": [{"job_name": "shop", "static_configs": [{"targets": targets}]}],
    });
    // JSON is YAML too.
    let Some(mut prometheus) = Prometheus::start(&config.to_string())? else {
        return Ok(());
    };
    let log = Arc::new(MemoryLog::new());
    let rules = vec![
        rule("total", "sum(jobs)"),
        rule("each", "jobs"),
        rule("none", "nothing_like_this"),
        rule("broken", "sum(broken)"),
        rule("wrong", "sum(jobs"),
        rule("several", "{job=\"shop\", __name__=~\"jobs|broken\"}"),
    ];
    apply(&*log, rules).await?;
    let settings = json!({"main": {"prometheus": {"url": prometheus.url()}}});
    let status = Arc::new(Status::new(&prometheus::Registry::new())?);
    let settings = serde_json::from_value(settings)?;
    let collector = Collector::new(log.clone(), &settings, "c1", Arc::clone(&status))?;
    let stop = CancellationToken::new();
    let running = tokio::spawn(collector.run(stop.clone()));

    let total = |want: f64| {
        move |event: &Event| {
            measured(event, "total").filter(|(seen, _)| *seen == Measured::Total(want))
        }
    };
    let (_, at) = wait(&*log, "the sum", total(7.0)).await?;
    let now = std::time::UNIX_EPOCH.elapsed()?;
    let age = now.saturating_sub(Duration::from_millis(at.0.unsigned_abs()));
    assert!(age < PATIENCE, "the time is that of the server: {at:?}");
    let each = wait(&*log, "one number each", |event| {
        match measured(event, "each")?.0 {
            Measured::PerReplica { replicas, values } if replicas.len() == 2 => {
                Some(replicas.into_iter().zip(values).collect::<Vec<_>>())
            }
            _ => None,
        }
    })
    .await?;
    assert!(each.contains(&(targets[0].to_string(), 3.0)), "{each:?}");
    assert!(each.contains(&(targets[1].to_string(), 4.0)), "{each:?}");
    let none = wait(&*log, "no series", |event| measured(event, "none")).await?;
    assert_eq!(none.0, Measured::Missing);
    wait(&*log, "NaN as it came", |event| {
        match measured(event, "broken")?.0 {
            Measured::Total(value) => value.is_nan().then_some(()),
            _ => None,
        }
    })
    .await?;
    let wrong = wait(&*log, "a refusal", |event| failure(event, "wrong")).await?;
    let CollectionFailure::Refused { detail } = wrong else {
        anyhow::bail!("a wrong query is refused: {wrong:?}");
    };
    assert!(
        detail.starts_with("400 Bad Request: bad_data: "),
        "{detail}"
    );
    let several = wait(&*log, "too many series", |event| {
        failure(event, "several")
            .filter(|failure| matches!(failure, CollectionFailure::Malformed { .. }))
    })
    .await?;
    assert!(format!("{several:?}").contains("aggregate"), "{several:?}");

    jobs[0].store(30, Ordering::Relaxed);
    wait(&*log, "the sum that moved", total(34.0)).await?;
    prometheus.process().kill();
    wait(&*log, "a Prometheus that is gone", |event| {
        failure(event, "total")
            .filter(|failure| matches!(failure, CollectionFailure::Unreachable { .. }))
    })
    .await?;
    assert_eq!(status.ready(), Ok(()), "the collector itself is well");
    stop.cancel();
    assert!(running.await??.drained);
    Ok(())
}
