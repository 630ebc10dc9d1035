//! Clocks that are wrong, and time that has passed: a collector an hour ahead, and an hour's outage.

use anyhow::{Context as _, Result, ensure};
use headroom_log::nats::NatsLog;
use headroom_model::{
    Body, Kind, Service, Span,
    body::{Outcome, Recommendation, Refusal, Unavailable},
};
use headroom_tests::{
    e2e::{
        brain::Brain,
        checks,
        exporter::Exporter,
        holdable,
        site::{Site, fake_clock, policy},
        story::{of_kind, outcomes, scaled, wait},
    },
    servers::{Process, nats, until, wanted},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::{process::Command, time::Duration};

/// Everything over NATS but the collector, and a target with 5 replicas.
struct Stand {
    brain: Brain,
    log: NatsLog,
    exporter: Exporter,
    folder: tempfile::TempDir,
    _server: nats::Node,
}

impl Stand {
    async fn start() -> Result<Option<Self>> {
        let (Some(server), Some(_)) = (nats::single("")?, wanted("faketime")) else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let exporter = Exporter::start(vec![50.0].into(), 0, Duration::from_secs(1))?;
        let settings = json!({
            "shard": "skew",
            "log": {"nats": {"urls": [server.url()], "replicas": 1, "request_timeout_ms": 3000}},
            "sources": {"gauge": {"openmetrics": {"endpoints": [exporter.address()]}}},
            "targets": [holdable::target(folder.path(), "web", true, true)?],
            "actuator": {"watch_ms": 200},
        });
        let mut brain = Brain::new(folder.path(), &settings)?;
        for service in [
            Service::Clock,
            Service::Evaluator,
            Service::Planner,
            Service::Actuator,
        ] {
            brain.start((service, 'a'))?;
        }
        brain.wait_ready()?;
        let file = folder.path().join("policy.yaml");
        std::fs::write(
            &file,
            policy(
                "web",
                (1, 20),
                &json!({"source": "gauge", "interval": "200ms"}),
            )
            .to_string(),
        )?;
        brain.run(&["apply", "-f", file.to_str().context("a plain path")?])?;
        let log = NatsLog::connect(nats::settings(vec![server.url()], 1), "skew", "tests").await?;
        Ok(Some(Self {
            brain,
            log,
            exporter,
            folder,
            _server: server,
        }))
    }

    fn skewed_collector(&self) -> Result<Process> {
        let mut command = Command::new(headroom_tests::bin_path::headroom_bin()?);
        command.args([
            "collector",
            "--listen",
            "127.0.0.1:0",
            "--instance",
            "collector-ahead",
        ]);
        command.current_dir(self.folder.path());
        fake_clock(&mut command, "+1h")?;
        Process::start(
            "collector-ahead",
            &mut command,
            &self.folder.path().join("collector-ahead.log"),
        )
    }
}

async fn an_hour_ahead(stand: &mut Stand) -> Result<()> {
    let mut ahead = stand.skewed_collector()?;
    // It asks for fewer than there are, then for more: both is too good to be true.
    for load in [10.0, 200.0] {
        stand.exporter.hold(load);
        let before = of_kind(&checks::events(&stand.log).await?, &Kind::Observed);
        wait(&stand.log, "readings from the future", |events| {
            (of_kind(events, &Kind::Observed) >= before + 10).then_some(())
        })
        .await?;
    }
    let events = checks::events(&stand.log).await?;
    let readings = events.iter().filter_map(|event| match &event.body {
        Body::Observed(observed) => Some((event.envelope.stamp, observed)),
        _ => None,
    });
    for (stamp, observed) in readings {
        let reading = observed.readings.first().context("it read something")?;
        ensure!(
            reading.at > stamp.plus(Span::seconds(3000)),
            "{observed:?} is not ahead of {stamp:?}"
        );
    }
    let marked = events.iter().any(|event| match &event.body {
        Body::Recommended(said) => {
            matches!(
                &said.recommendation,
                Recommendation::Unavailable {
                    cause: Unavailable::Skewed
                }
            )
        }
        _ => false,
    });
    ensure!(marked, "nothing says that the readings are skewed");
    ensure!(
        scaled(&events).is_empty(),
        "{:?} were decided on",
        scaled(&events)
    );
    // A decision for another reason shows what the rule says of them.
    stand.brain.run(&["override", "set", "shop/web", "3"])?;
    wait(&stand.log, "three replicas", |events| {
        (scaled(events) == [3]).then_some(())
    })
    .await?;
    let why = stand.brain.run(&["explain", "shop/web"])?;
    ensure!(why.contains("from the future"), "{why}");
    stand.brain.run(&["override", "clear", "shop/web"])?;

    // A collector with a right clock is obeyed, beside the other one.
    stand.exporter.hold(70.0);
    stand.brain.start((Service::Collector, 'a'))?;
    wait(&stand.log, "seven replicas", |events| {
        (scaled(events) == [3, 7]).then_some(())
    })
    .await?;
    ensure!(
        ahead.ended().is_none(),
        "the collector that is ahead has ended"
    );
    let target = stand.folder.path().join("web");
    until("the order is carried out", || {
        holdable::applied(&target)
            .pop()
            .filter(|order| order.count == 7)
    })?;
    wait(&stand.log, "its outcome", |events| {
        (outcomes(events, "shop/web").len() == 2).then_some(())
    })
    .await?;
    let verified = stand.brain.run(&["replay", "--verify"])?;
    ensure!(verified.contains(" 0 differences"), "{verified}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_whose_clock_is_an_hour_ahead_is_never_obeyed() -> Result<()> {
    let Some(mut stand) = Stand::start().await? else {
        return Ok(());
    };
    let result = an_hour_ahead(&mut stand).await;
    result.map_err(|error| {
        stand.folder.disable_cleanup(true);
        error.context(format!(
            "{}\nall is kept in {}",
            stand.brain.tails(),
            stand.folder.path().display()
        ))
    })
}

async fn an_hour_later(site: &mut Site) -> Result<()> {
    let mut targets = Vec::new();
    for name in ["begun", "waiting"] {
        targets.push(holdable::target(&site.path(""), name, true, true)?);
        site.write(&format!("{name}/hold-before"), "")?;
    }
    site.configure(&json!({"targets": targets, "actuator": {"watch_ms": 200}}))?;
    let up = site.up()?;
    let programs: Result<Vec<String>> = ["begun", "waiting"]
        .into_iter()
        .map(|name| {
            site.apply(&policy(name, (1, 20), &json!({"source": "push"})))?;
            site.done(&["push", &format!("shop/{name}"), "load", "50"])?;
            until("an order is given", || {
                Some(site.text(&format!("{name}/at-before"))).filter(|text| text.ends_with('\n'))
            })
        })
        .collect();
    // A larger plan waits behind the one at work.
    site.done(&["push", "shop/waiting", "load", "90"])?;
    let log = site.served_log();
    wait(&log, "a plan behind another", |events| {
        (scaled(events) == [5, 5, 9]).then_some(())
    })
    .await?;
    drop(log);
    up.kill();
    for program in programs? {
        kill_process(
            Pid::from_raw(program.trim().parse()?).context("no process")?,
            Signal::KILL,
        )?;
    }
    for name in ["begun", "waiting"] {
        std::fs::remove_file(site.path(&format!("{name}/hold-before")))?;
    }

    let up = site.up_under(Some("+1h"))?;
    let log = site.served_log();
    let ticks = of_kind(&checks::events(&log).await?, &Kind::Ticked);
    let events = wait(&log, "every plan has ended, and time goes on", |events| {
        let ended = outcomes(events, "shop/begun").len() + outcomes(events, "shop/waiting").len();
        (ended >= 3 && of_kind(events, &Kind::Ticked) >= ticks + 5).then(|| events.to_vec())
    })
    .await?;
    let too_old = Outcome::Refused {
        reason: Refusal::TooOld,
    };
    ensure!(
        outcomes(&events, "shop/begun") == [too_old.clone()],
        "{:?}",
        outcomes(&events, "shop/begun")
    );
    let waiting = outcomes(&events, "shop/waiting");
    ensure!(
        matches!(&waiting[..], [Outcome::Superseded { .. }, last] if *last == too_old),
        "{waiting:?}"
    );
    for name in ["begun", "waiting"] {
        let target = site.path(name);
        let (asked, applied) = (
            holdable::asked(&target).len(),
            holdable::applied(&target).len(),
        );
        ensure!(
            (asked, applied) == (1, 0),
            "{name} was asked {asked} times and took {applied} numbers"
        );
    }

    // New numbers give new plans.
    let mut push = site.command(&["push", "shop/begun", "load", "30"]);
    fake_clock(&mut push, "+1h")?;
    ensure!(push.output()?.status.success());
    until("a new order", || {
        holdable::applied(&site.path("begun"))
            .pop()
            .filter(|order| order.count == 3)
    })?;
    wait(&log, "its outcome", |events| {
        (outcomes(events, "shop/begun").len() == 2).then_some(())
    })
    .await?;
    drop(log);
    up.stop()?;
    checks::check_log(&site.open_log()?).await?;
    site.check_replay()
}

/// Everything is away for an hour: what was planned before is not carried out any more.
#[tokio::test(flavor = "multi_thread")]
async fn after_an_hour_s_outage_no_old_action_is_replayed() -> Result<()> {
    if wanted("faketime").is_none() {
        return Ok(());
    }
    let mut site = Site::new()?;
    let result = an_hour_later(&mut site).await;
    site.tell(result)
}
