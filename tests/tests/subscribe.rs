//! The subscribers of `docs/subscribe.md`, run as they are printed there, against decisions on a real NATS server.

use anyhow::{Context as _, Result, ensure};
use headroom_log::{Log, nats::NatsLog};
use headroom_model::{
    Body, Event, EventId, Record, Replicas, Seq, Service, Timestamp,
    body::{Decided, Decision, HoldReason, Mode, Wish},
};
use headroom_tests::{
    facts::{commit, observed, producer, workload},
    servers::{Process, cache, nats, skip},
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::Command,
};

const SHARD: &str = "subscribed";

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn decided(number: i64, mode: Mode, decision: Decision) -> Record {
    let wish = Wish {
        rule: "queue".to_owned(),
        replicas: Some(Replicas(5)),
        event: EventId::named("recommended"),
        seq: Seq(1),
    };
    let body = Decided {
        revision: Seq(1),
        mode,
        decision,
        wishes: vec![wish],
        trail: Vec::new(),
    };
    let id = EventId::named(&format!("decision {number}"));
    let at = Timestamp(number * 1000);
    let planner = producer(Service::Planner, "planner-1");
    Event::fact(id, workload("web.eu"), at, planner, Body::from(body)).to_record()
}

/// Two commits of a planner, an observation between them, and what a subscriber must print of all that.
async fn write(log: &dyn Log) -> Result<Vec<(u64, &'static str, Value)>> {
    let (two, five) = (Replicas(2), Replicas(5));
    let plan = EventId::named("decision 1");
    let scale = Decision::Scale {
        from: two,
        to: five,
    };
    let hold = Decision::Hold {
        at: Some(two),
        reason: HoldReason::PlanInFlight {
            decision: plan,
            to: five,
            wanted: five,
        },
    };
    let unknown = Decision::Hold {
        at: None,
        reason: HoldReason::CurrentUnknown,
    };
    let planner = Service::Planner;
    let outputs = vec![decided(1, Mode::Active, scale)];
    let first = log
        .commit(commit(planner, "planner-1", None, outputs))
        .await?
        .at
        .0;
    log.append(vec![observed("web.eu", 1)]).await?;
    let newest = log.head(planner).await?;
    let outputs = vec![
        decided(2, Mode::Active, hold),
        decided(3, Mode::Shadow, unknown),
    ];
    let second = log
        .commit(commit(planner, "planner-1", newest.as_ref(), outputs))
        .await?
        .at
        .0;
    let in_flight = json!({"decision": plan.to_string(), "to": 5, "wanted": 5});
    Ok(vec![
        (first + 1, "active", json!({"scale": {"from": 2, "to": 5}})),
        (
            second + 1,
            "active",
            json!({"hold": {"at": 2, "reason": {"plan_in_flight": in_flight}}}),
        ),
        (
            second + 2,
            "shadow",
            json!({"hold": {"at": null, "reason": "current_unknown"}}),
        ),
    ])
}

/// Runs a subscriber until it has printed every decision.
async fn prints_every_decision(mut subscriber: Command) -> Result<()> {
    let Some(server) = nats::single("")? else {
        return Ok(());
    };
    let log = NatsLog::connect(nats::settings(vec![server.url()], 1), SHARD, "tests").await?;
    let wanted = write(&log).await?;
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("output");
    subscriber.arg(server.url()).arg(SHARD);
    let mut process = Process::start("the subscriber", &mut subscriber, &output)?;
    let printed = process.ready(|| {
        let text = std::fs::read_to_string(&output).ok()?;
        (text.lines().count() >= wanted.len() && text.ends_with('\n')).then_some(text)
    })?;
    ensure!(
        printed.lines().count() == wanted.len(),
        "more than the decisions:\n{printed}"
    );
    for (line, (seq, mode, decision)) in printed.lines().zip(wanted) {
        let mut words = line.splitn(4, ' ');
        assert_eq!(words.next(), Some(&*seq.to_string()), "{line}");
        assert_eq!(words.next(), Some("test/web.eu"), "{line}");
        assert_eq!(words.next(), Some(mode), "{line}");
        let found: Value = serde_json::from_str(words.next().context("a line has four parts")?)?;
        assert_eq!(found, decision, "{line}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_python_subscriber_prints_every_decision() -> Result<()> {
    let python = cache()
        .map(|cache| cache.join("venv/bin/python"))
        .filter(|python| python.is_file());
    let Some(python) = python else {
        skip("there is no Python with nats-py and msgpack; run tests/setup");
        return Ok(());
    };
    let mut subscriber = Command::new(python);
    subscriber.arg(repository("docs/examples/subscribe.py"));
    prints_every_decision(subscriber).await
}

/// The Rust subscriber: cargo builds examples together with tests, so there is seldom anything left to build.
fn rust_subscriber() -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let profile = test.parent().and_then(Path::parent);
    let program = profile
        .context("tests are in target/<profile>/deps")?
        .join("examples/subscribe");
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified());
    let source = repository("tests/examples/subscribe.rs");
    if changed(&program).is_ok_and(|built| changed(&source).is_ok_and(|written| written < built)) {
        return Ok(program);
    }
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--quiet",
        "--package",
        "headroom-tests",
        "--example",
        "subscribe",
    ]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let built = build.current_dir(repository("")).status()?;
    ensure!(built.success(), "the example does not build");
    Ok(program)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rust_subscriber_prints_every_decision() -> Result<()> {
    prints_every_decision(Command::new(rust_subscriber()?)).await
}

#[test]
fn the_document_shows_the_very_files_that_run() -> Result<()> {
    let document = std::fs::read_to_string(repository("docs/subscribe.md"))?;
    for (language, path) in [
        ("python", "docs/examples/subscribe.py"),
        ("rust", "tests/examples/subscribe.rs"),
    ] {
        let file = std::fs::read_to_string(repository(path))?;
        ensure!(
            document.contains(&format!("```{language}\n{file}```\n")),
            "docs/subscribe.md does not show {path} as it is"
        );
    }
    Ok(())
}
