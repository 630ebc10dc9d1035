//! The collector on a log on real NATS: pushes over subjects, and a server that goes away.

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use headroom_collector::{
    Collector, Push, Settings, Status,
    push::{self, PushValue, ReplicaValues, nats::SendError},
};
use headroom_log::{Entry, Filter, Log, nats::NatsLog};
use headroom_model::{
    Body, Event, EventId, Kind, Seq, Service, Timestamp,
    body::{CollectionFailure, Measured, Observed, PolicyApplied},
};
use headroom_tests::{
    facts::{producer, workload},
    servers::{PATIENCE, nats},
};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

const SHARD: &str = "collector";

fn status() -> Result<Arc<Status>> {
    Ok(Arc::new(Status::new(&prometheus::Registry::new())?))
}

async fn connect(url: String) -> Result<Arc<NatsLog>> {
    let settings = nats::settings(vec![url], 1);
    Ok(Arc::new(NatsLog::connect(settings, SHARD, "tests").await?))
}

async fn ask(client: &async_nats::Client, name: &str, body: &str) -> Result<Value> {
    let subject = format!("headroom.push.v1.{SHARD}.shop.{name}");
    let answer = client.request(subject, body.to_owned().into()).await?;
    Ok(serde_json::from_slice(&answer.payload)?)
}

/// What is in the log now.
async fn events(log: &dyn Log, kind: Kind) -> Result<Vec<Event>> {
    let mut chunks = log.read(Seq::ZERO, Filter::kinds([kind])).await?;
    let mut events = Vec::new();
    while let Some(chunk) = chunks.next().await {
        for entry in chunk? {
            if let Entry::Event(record) = entry {
                events.push(record.into_event()?);
            }
        }
    }
    Ok(events)
}

/// Pushes of single replicas: as a program sends them, and as many as there may be.
async fn replicas(client: &async_nats::Client, log: &dyn Log) -> Result<()> {
    let body = r#"{"metric":"rps","replicas":{"web-0":12,"web-1":9.5}}"#;
    let answer = ask(client, "web", body).await?;
    let bad = ask(client, "web", r#"{"metric":"rps","replicas":{}}"#).await?;
    let error = bad["error"].as_str().context("an error")?;
    assert!(
        error.starts_with("replicas: no replica is named"),
        "{error}"
    );

    let most = |length: usize| {
        let each = (0..5000).map(|number| (format!("{number:0length$}"), 1.0));
        let value = PushValue::PerReplica(ReplicaValues::new(each)?);
        anyhow::Ok(Push {
            value,
            ..Push::new("rps", 0.0)
        })
    };
    let web = workload("web");
    let taken = push::nats::send(client, SHARD, &web, &most(80)?).await?;
    let large = push::nats::send(client, SHARD, &web, &most(253)?).await;
    assert!(matches!(large, Err(SendError::TooLarge(_))), "{large:?}");

    let seen = events(log, Kind::Observed).await?;
    assert_eq!(json!(seen[1].envelope.seq), answer["seq"]);
    let observed: Vec<_> = seen
        .iter()
        .skip(1)
        .filter_map(|event| match &event.body {
            Body::Observed(observed) => Some(observed.clone()),
            _ => None,
        })
        .collect();
    let two = Measured::PerReplica {
        replicas: vec!["web-0".to_owned(), "web-1".to_owned()],
        values: vec![12.0, 9.5],
    };
    assert_eq!(observed[0].readings[0].measured, two);
    assert!(
        seen[2..]
            .iter()
            .any(|event| event.envelope.seq == taken.seq)
    );
    let mut parts = observed[1..].to_vec();
    assert!(parts.len() > 1, "{} parts", parts.len());
    parts.sort_by_key(|part| part.part.number);
    let whole = Observed::from_parts(parts).context("all parts are there")?;
    assert!(
        matches!(&whole.readings[0].measured, Measured::PerReplica { values, .. } if values.len() == 5000)
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn pushes_over_nats_are_taken_answered_and_kept_once() -> Result<()> {
    let Some(server) = nats::single("")? else {
        return Ok(());
    };
    let log = connect(server.url()).await?;
    let stop = CancellationToken::new();
    let client = async_nats::connect(server.url()).await?;
    let mut serving = Vec::new();
    for instance in ["c1", "c2"] {
        let collector = Collector::new(log.clone(), &Settings::default(), instance, status()?)?;
        let pusher = collector.pusher();
        let client = async_nats::connect(server.url()).await?;
        let stop = stop.clone();
        serving.push(tokio::spawn(async move {
            push::nats::serve(client, SHARD, pusher, stop).await
        }));
    }
    headroom_tests::servers::until("both collectors to subscribe", || {
        let connections = server.monitor("/subsz?subs=1")?.to_string();
        (connections.matches("headroom.push.v1").count() == 2).then_some(())
    })?;
    let body = r#"{"metric":"orders","value":4.5,"at":1700000000000}"#;
    let answer = ask(&client, "web", body).await?;
    assert_eq!(answer["duplicate"], json!(false), "{answer}");
    let bad = ask(&client, "web", r#"{"metric":"orders"}"#).await?;
    let error = bad["error"].as_str().context("an error")?;
    assert!(error.starts_with("missing field `value`"), "{error}");
    let nowhere = ask(
        &client,
        "web",
        r#"{"metric":"m","value":1,"source":"prom"}"#,
    )
    .await?;
    assert!(
        nowhere["error"]
            .as_str()
            .is_some_and(|text| text.contains("takes pushed readings"))
    );
    client
        .publish(
            format!("headroom.push.v1.{SHARD}.shop.web"),
            "rubbish".into(),
        )
        .await?;
    let seen = events(&*log, Kind::Observed).await?;
    assert_eq!(seen.len(), 1, "one of two collectors wrote it");
    assert_eq!(json!(seen[0].envelope.seq), answer["seq"]);
    assert_eq!(
        log.bounds().await?.last,
        seen[0].envelope.seq,
        "nothing else is in the log"
    );
    let Body::Observed(observed) = &seen[0].body else {
        anyhow::bail!("only observations were asked for");
    };
    assert_eq!(observed.readings[0].measured, Measured::Total(4.5));
    assert_eq!(observed.readings[0].at, Timestamp(1_700_000_000_000));
    replicas(&client, &*log).await?;
    stop.cancel();
    for serving in serving {
        serving.await??;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_goes_away_and_comes_back_leaves_a_gap_that_is_told() -> Result<()> {
    let Some(mut server) = nats::single("")? else {
        return Ok(());
    };
    let log = connect(server.url()).await?;
    let policy = json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Process", "name": "web"},
            "maxReplicas": 9,
            "metrics": [{
                "type": "External",
                "external": {
                    "metric": {"name": "load"},
                    "target": {"type": "AverageValue", "averageValue": "1"},
                },
                "from": {"source": "main", "query": "load", "interval": "200ms"},
            }],
        },
    });
    let owner = "test".to_owned();
    let body = Body::from(PolicyApplied { policy, owner });
    let operator = producer(Service::Operator, "test");
    let fact = Event::fact(
        EventId::named("p"),
        workload("web"),
        Timestamp(0),
        operator,
        body,
    );
    log.append(vec![fact.to_record()]).await?;
    // Nothing listens there: every instant gives a failure, which is all that this test needs.
    let settings = json!({"main": {"prometheus": {"url": "http://127.0.0.1:9"}}});
    let status = status()?;
    let settings = serde_json::from_value(settings)?;
    let collector = Collector::new(log.clone(), &settings, "c1", Arc::clone(&status))?;
    let pusher = collector.pusher();
    let stop = CancellationToken::new();
    let running = tokio::spawn(collector.run(stop.clone()));
    let told = async |log: &dyn Log| -> Result<Vec<CollectionFailure>> {
        let events = events(log, Kind::CollectionFailed).await?;
        let failures = events.into_iter().filter_map(|event| match event.body {
            Body::CollectionFailed(failed) => Some(failed.failure),
            _ => None,
        });
        Ok(failures.collect())
    };
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while told(&*log).await?.is_empty() {
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "nothing is collected"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    server.kill();
    while status.ready().is_ok() {
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "the outage is not noticed"
        );
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let push = Push::new("orders", 1.0);
    let refused = pusher.push(&workload("web"), push).await;
    assert!(refused.is_err(), "{refused:?}");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    server.start()?;
    let gap = loop {
        let told = told(&*log).await.unwrap_or_default();
        let gap = told
            .into_iter()
            .find(|failure| matches!(failure, CollectionFailure::LogUnavailable { .. }));
        if let Some(gap) = gap {
            break gap;
        }
        anyhow::ensure!(
            tokio::time::Instant::now() < deadline,
            "the gap is not told"
        );
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let CollectionFailure::LogUnavailable { from, to } = gap else {
        anyhow::bail!("the search is for this failure");
    };
    assert!(to > from, "{from:?} to {to:?}");
    while let Err(waits) = status.ready() {
        anyhow::ensure!(tokio::time::Instant::now() < deadline, "{waits}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    stop.cancel();
    assert!(running.await??.drained);
    Ok(())
}
