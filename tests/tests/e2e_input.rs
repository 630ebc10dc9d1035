//! Bad input, end to end: wrong policies, wrong clocks, numbers that are none, an outage, a full disk.

use anyhow::{Context as _, Result, ensure};
use headroom_log::{Log, nats::NatsLog};
use headroom_model::{
    Body, Event, Kind, Service, Span, WorkloadId,
    body::{Decision, Outcome, Recommendation, Refusal, Unavailable},
};
use headroom_tests::{
    e2e::{
        brain::Brain,
        checks,
        exporter::Exporter,
        holdable,
        site::{Site, Up, fake_clock, policy},
    },
    servers::{Process, nats, skip, until, wanted},
};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

/// Reads the log until `done` gives something.
async fn wait<T>(log: &dyn Log, what: &str, done: impl Fn(&[Event]) -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        let events = checks::events(log).await?;
        if let Some(value) = done(&events) {
            return Ok(value);
        }
        ensure!(
            start.elapsed() < headroom_tests::servers::PATIENCE,
            "waited in vain for this: {what}"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// The counts that were decided on.
fn scaled(events: &[Event]) -> Vec<u32> {
    let to = |event: &Event| match &event.body {
        Body::Decided(decided) => match decided.decision {
            Decision::Scale { to, .. } => Some(to.0),
            Decision::Hold { .. } => None,
        },
        _ => None,
    };
    events.iter().filter_map(to).collect()
}

fn of_kind(events: &[Event], kind: &Kind) -> usize {
    events
        .iter()
        .filter(|event| event.envelope.kind == *kind)
        .count()
}

const HEADER: &str = "apiVersion: headroom.dev/v1alpha1\nkind: ScalingPolicy\n";

/// A policy as people write it: `head` is its name, `spec` its lines.
fn written(name: &str, spec: &str) -> String {
    format!("{HEADER}metadata:\n  name: {name}\n  namespace: shop\nspec:\n{spec}")
}

fn refused(site: &mut Site) -> Result<()> {
    site.configure(&json!({"sources": {"main": {"push": {}}}}))?;
    let up = site.up()?;
    let target = "  scaleTargetRef:\n    kind: Command\n    name: web\n";
    let rule = "  thresholds:\n  - metric: load\n    from:\n      source: push\n    above: 3\n    change:\n      add: 1\n";
    let bounds = "  minReplicas: 1\n  maxReplicas: 4\n";
    let good = written("good", &format!("{target}{bounds}{rule}"));
    let cases: [(&str, String, &[&str]); 7] = [
        (
            "a minimum above the maximum",
            written(
                "web",
                &format!("{target}  minReplicas: 12\n  maxReplicas: 10\n{rule}"),
            ),
            &[
                "bad.yaml:10:",
                "spec.minReplicas",
                "12 is above maxReplicas 10",
                "lower one or raise the other",
            ],
        ),
        (
            "a field that is none",
            written("web", &format!("{target}{bounds}{rule}    abov: 4\n")),
            &[
                "bad.yaml:19:",
                "spec.thresholds[0].abov",
                "did you mean above?",
            ],
        ),
        (
            "a source that is not configured",
            written(
                "web",
                &format!("{target}{bounds}{}", rule.replace("push", "prom")),
            ),
            &["bad.yaml:15:", "spec.thresholds[0].from.source", "prom"],
        ),
        (
            "no maximum",
            written("web", &format!("{target}{rule}")),
            &["bad.yaml:", "spec.maxReplicas"],
        ),
        ("no YAML at all", "spec: [\n".to_owned(), &["bad.yaml:"]),
        (
            "a wrong one beside a good one",
            format!("{good}---\n{}", written("web", &format!("{target}{rule}"))),
            &["nothing was applied", "spec.maxReplicas"],
        ),
        (
            "two for one target",
            format!(
                "{good}---\n{}",
                written("rival", &format!("{target}{bounds}{rule}"))
            ),
            &["nothing was applied", "shop/good", "shop/rival"],
        ),
    ];
    for (name, text, says) in cases {
        site.write("bad.yaml", &text)?;
        let ran = site.run(&["apply", "-f", "bad.yaml"])?;
        ensure!(
            ran.code == Some(1) && ran.stdout.is_empty(),
            "{name}: {ran:?}"
        );
        for part in says {
            ensure!(
                ran.stderr.contains(part),
                "{name}: there is no {part:?} in {}",
                ran.stderr
            );
        }
        ensure!(
            site.done(&["get", "-o", "json"])?.trim() == "[]",
            "{name}: something was applied"
        );
    }

    site.write("good.yaml", &good)?;
    site.done(&["apply", "-f", "good.yaml"])?;
    site.write(
        "rival.yaml",
        &written("rival", &format!("{target}{bounds}{rule}")),
    )?;
    let ran = site.run(&["apply", "-f", "rival.yaml"])?;
    ensure!(ran.code == Some(1), "{ran:?}");
    for part in [
        "nothing was applied",
        "rival.yaml",
        "shop/rival",
        "shop/good",
        "Command web",
    ] {
        ensure!(
            ran.stderr.contains(part),
            "there is no {part:?} in {}",
            ran.stderr
        );
    }
    up.stop()
}

#[test]
fn a_wrong_policy_is_refused_with_file_line_field_and_mend() -> Result<()> {
    let mut site = Site::new()?;
    let result = refused(&mut site);
    site.tell(result)
}

async fn no_numbers(site: &mut Site) -> Result<()> {
    let target = holdable::target(&site.path(""), "web", true, true)?;
    site.configure(&json!({"targets": [target], "actuator": {"watch_ms": 200}}))?;
    let up = site.up()?;
    site.apply(&policy("web", (1, 20), &json!({"source": "push"})))?;
    let log = site.served_log();
    site.done(&["push", "shop/web", "load", "60"])?;
    wait(&log, "six replicas", |events| {
        (scaled(events) == [6]).then_some(())
    })
    .await?;
    let pushes: [&[&str]; 7] = [
        &["NaN"],
        &["--", "-inf"],
        &["inf"],
        &["10", "--at", "1h"],
        &["0", "--at", "1d"],
        &["-0", "--at", "11s"],
        &["NaN", "--at", "1h"],
    ];
    for push in pushes {
        site.done(&[&["push", "shop/web", "load"], push].concat())?;
    }
    // The clock goes on for a while, so that whatever follows has followed.
    let ticks = of_kind(&checks::events(&log).await?, &Kind::Ticked);
    let events = wait(&log, "five more ticks", |events| {
        (of_kind(events, &Kind::Ticked) >= ticks + 5).then(|| events.to_vec())
    })
    .await?;
    ensure!(
        scaled(&events) == [6],
        "{:?} were decided on",
        scaled(&events)
    );
    ensure!(
        of_kind(&events, &Kind::Observed) == 1 + pushes.len(),
        "what is not obeyed is kept"
    );
    // A good one is obeyed, so it was not that nothing works.
    site.done(&["push", "shop/web", "load", "30"])?;
    wait(&log, "three replicas", |events| {
        (scaled(events) == [6, 3]).then_some(())
    })
    .await?;
    wait(&log, "the order is carried out", |events| {
        (of_kind(events, &Kind::Verified) == 2).then_some(())
    })
    .await?;
    drop(log);
    up.stop()?;
    site.check_replay()
}

/// NaN, infinities and late readings: kept, and nothing is scaled down by them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_number_or_late_scales_nothing_down() -> Result<()> {
    let mut site = Site::new()?;
    let result = no_numbers(&mut site).await;
    site.tell(result)
}

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

/// How the plans of a workload ended.
fn outcomes(events: &[Event], workload: &str) -> Vec<Outcome> {
    let of_workload = |event: &&Event| event.envelope.subject.to_string() == workload;
    let outcome = |event: &Event| match &event.body {
        Body::Actuated(actuated) => Some(actuated.outcome.clone()),
        _ => None,
    };
    events
        .iter()
        .filter(of_workload)
        .filter_map(outcome)
        .collect()
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
    ensure!(push.status()?.success());
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

/// A small file system of its own, unmounted with its owner.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it. Skips and gives `None` where that is not allowed.
    fn mount(at: &Path, size: &str) -> Result<Option<Self>> {
        std::fs::create_dir_all(at)?;
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])
            .arg(at);
        if mount.output().is_ok_and(|output| output.status.success()) {
            return Ok(Some(Self(at.to_owned())));
        }
        skip(
            "a small tmpfs cannot be mounted, which needs root; the test of a full disk did not run",
        );
        Ok(None)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A process that still ends may have a file open: it is let go of when that is closed.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Pushes until one is refused. Gives the positions that were acknowledged, and what was said in the end.
fn push_until_refused(site: &Site) -> Result<(Vec<u64>, String)> {
    let mut acknowledged = Vec::new();
    for number in 0..2000 {
        let ran = site.run(&["push", "shop/web", "load", &number.to_string()])?;
        if ran.code != Some(0) {
            return Ok((acknowledged, ran.stderr));
        }
        let seq = ran
            .stdout
            .split_whitespace()
            .next_back()
            .context("it says where")?;
        acknowledged.push(seq.parse()?);
    }
    anyhow::bail!("the disk is never full")
}

/// What `up` says of its services: on `/readyz`, or, if it has ended, in its log.
fn says(up: &mut Up) -> Option<String> {
    match up.readyz() {
        Some((200, _)) => None,
        Some((_, body)) => Some(body),
        None => (!up.alive()).then(|| up.logged()),
    }
}

async fn full(site: &mut Site) -> Result<()> {
    site.configure(&json!({}))?;
    let mut up = site.up()?;
    up.wait_ready()?;
    site.done(&["push", "shop/web", "load", "1"])?;
    // Whatever room is left goes to somebody else.
    let filler = site.path("log/filler");
    let _ = Command::new("dd")
        .args(["if=/dev/zero", "bs=4096"])
        .arg(format!("of={}", filler.display()))
        .output()?;
    let (acknowledged, refusal) = push_until_refused(site)?;
    eprintln!(
        "{} pushes were acknowledged; then: {refusal}",
        acknowledged.len()
    );
    ensure!(
        refusal.contains("disk is full") || refusal.contains("No space left"),
        "{refusal}"
    );
    let said = until("the services say that they cannot go on", || says(&mut up))?;
    eprintln!("up says {said}");
    ensure!(
        said.contains("disk is full") || said.contains("No space left"),
        "{said}"
    );
    ensure!(
        up.logged().contains("disk is full"),
        "nothing on standard error"
    );
    up.kill();

    std::fs::remove_file(filler)?;
    let mut up = site.up()?;
    up.wait_ready()?;
    site.done(&["push", "shop/web", "load", "2"])?;
    up.stop()?;
    let log = site.open_log()?;
    let events = checks::events(&log).await?;
    let web = WorkloadId::new("shop", "web")?;
    for seq in acknowledged {
        let kept = events
            .iter()
            .any(|event| event.envelope.seq.0 == seq && event.envelope.subject == web);
        ensure!(kept, "{seq} was acknowledged, and is not there");
    }
    drop(log);
    site.check_replay()
}

/// The disk of the log is full: that is said, and nothing that was acknowledged is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_said_aloud_and_loses_nothing() -> Result<()> {
    let mut site = Site::new()?;
    let Some(disk) = SmallDisk::mount(&site.path("log"), "48m")? else {
        return Ok(());
    };
    let result = full(&mut site).await;
    drop(disk);
    site.tell(result)
}
