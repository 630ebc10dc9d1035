//! `headroom demo`: real workers, a surge of real requests, live decisions, and a verified replay.

use super::{facts, serve};
use crate::args::Demo;
use crate::connect::{self, Connected};
use crate::demo::curve::{Curve, SURGE};
use crate::demo::fleet::Fleet;
use crate::demo::load::Load;
use crate::demo::meter::Meter;
use crate::demo::scene::Scene;
use crate::demo::stage::{POLICY, Stage};
use crate::demo::text::milliseconds;
use crate::demo::view::{View, print};
use crate::demo::worker;
use crate::services::{self, Surroundings};
use crate::{exit, output};
use anyhow::{Context as _, anyhow, bail};
use futures::TryStreamExt as _;
use headroom_log::{Entry, Filter, Log, Place};
use headroom_model::body::PolicyApplied;
use headroom_model::{Body, Event, Kind, Replicas, Seq};
use headroom_replay::explain::{Which, render};
use headroom_replay::sentences::decision_line;
use headroom_replay::{explain, verify};
use headroom_runtime::metrics::Metrics;
use headroom_runtime::{Identity, Status, shutdown};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, interval_at, timeout};
use tokio_util::sync::CancellationToken;

/// The first worker is there long before; a machine that is compiling meanwhile may take its time.
const FIRST_WORKER: Duration = Duration::from_secs(30);
/// After the load has gone the workers may take so long to go: the policy's window of 10 s and three steps of 5 s, and as
/// much again.
const SETTLE: Duration = Duration::from_secs(50);
const SECOND: Duration = Duration::from_secs(1);

/// Plays the demonstration, or the part of a worker in it.
pub(super) async fn run(args: &Demo) -> anyhow::Result<ExitCode> {
    if let Some(port) = args.worker {
        worker::run(port, args.parent).await?;
        return Ok(ExitCode::SUCCESS);
    }
    let interrupted = shutdown::on_signal()?;
    let stage = Stage::set(args.keep.as_deref())?;
    let around = Surroundings {
        config: stage.config.clone(),
        identity: Identity::new(None),
        status: Status::default(),
        metrics: Metrics::new(),
        shutdown: CancellationToken::new(),
    };
    let connected =
        connect::owner(&around.config, "demo", &around.status, &around.shutdown).await?;
    let connected = connected.context("the log was not opened")?;
    let scene = perform(args, &stage, &connected, &around, &interrupted).await?;
    if args.keep.is_some() {
        let file = stage.directory().join("headroom.yaml");
        output::line(&format!(
            "Everything is kept: headroom --config {} explain demo/web\n",
            file.display()
        ))?;
    }
    let report = verify(&*connected.log, &mut |_| {}).await?;
    let scaled = scene.largest.is_some();
    if !report.verified() {
        output::line(report.details().trim_end())?;
    } else if !scaled {
        output::line(
            "The load was never answered with more workers; that is a failure of this demonstration.",
        )?;
    }
    output::line(&report.final_line())?;
    Ok(if report.verified() && scaled {
        ExitCode::SUCCESS
    } else {
        exit::found_wrong()
    })
}

/// Everything between the start of the services and their end. Whatever happens in between, they and the workers end.
async fn perform(
    args: &Demo,
    stage: &Stage,
    connected: &Connected,
    around: &Surroundings,
    interrupted: &CancellationToken,
) -> anyhow::Result<Scene> {
    let running = services::start(&serve::EVERY, connected, around)?;
    let shutdown = around.shutdown.clone();
    let running = tokio::spawn(async move { services::wait(running, &shutdown).await });
    let curve = Curve::new(Duration::from_secs(args.seconds));
    let played = tokio::select! {
        played = play(curve, stage, &*connected.log, around) => played,
        () = interrupted.cancelled() => Err(anyhow!("interrupted before the end; services and workers were stopped")),
        () = around.shutdown.cancelled() => Err(anyhow!("a service has ended")),
    };
    around.shutdown.cancel();
    let stopped = running.await.context("a service has crashed").flatten();
    let workers_ended = stage.end_workers(&*connected.log).await;
    stopped?;
    let scene = played?;
    workers_ended?;
    Ok(scene)
}

/// The policy, the load, and what follows; then the most interesting of it.
async fn play(
    curve: Curve,
    stage: &Stage,
    log: &dyn Log,
    around: &Surroundings,
) -> anyhow::Result<Scene> {
    introduce()?;
    let policy = PolicyApplied {
        policy: stage.policy.value.clone(),
        owner: "demo".to_owned(),
    };
    facts::say(log, &stage.policy.policy.workload, Body::from(policy)).await?;
    // Cancelled when this ends, however it ends.
    let stop = CancellationToken::new();
    let _stop = stop.clone().drop_guard();
    let load = Load {
        curve,
        endpoints: stage.endpoints(),
        fleet: Arc::<Fleet>::default(),
        meter: Arc::<Meter>::default(),
    };
    if timeout(FIRST_WORKER, load.first_worker(&stop))
        .await
        .is_err()
    {
        bail!(
            "no worker answered within {} s; services: {:?}",
            FIRST_WORKER.as_secs(),
            around.status.all()
        );
    }
    let start = Instant::now();
    let driven = tokio::spawn(load.clone().drive(start, stop.clone()));
    let scene = watch(curve, stage, log, &load, start).await?;
    stop.cancel();
    driven.await.context("the load has crashed")?;
    conclude(&scene, stage, log, &load.meter).await?;
    Ok(scene)
}

/// Shows what happens, until the load and the workers have come and gone.
async fn watch(
    curve: Curve,
    stage: &Stage,
    log: &dyn Log,
    load: &Load,
    start: Instant,
) -> anyhow::Result<Scene> {
    let policy = &stage.policy.policy;
    let mut scene = Scene::new(curve, policy.max_replicas);
    let mut view = View::new();
    let filter = Filter {
        place: Some(Place::Workload(policy.workload.clone())),
        ..Filter::kinds([Kind::Decided])
    };
    let mut decisions = log.follow(Seq(1), filter).await?;
    let mut seconds = interval_at(start + SECOND, SECOND);
    loop {
        tokio::select! {
            chunk = decisions.try_next() => {
                for event in events(chunk?.context("the log has ended")?) {
                    if let Body::Decided(decided) = &event.body
                        && scene.decided(event.envelope.seq, decided)
                    {
                        view.say(&scene, start.elapsed(), &decision_line(decided))?;
                    }
                }
            }
            _ = seconds.tick() => {
                scene.second(start.elapsed(), load.meter.interval(), Replicas(load.fleet.ready()));
                view.second(&scene)?;
                if scene.settled(policy.min_replicas) || scene.elapsed > scene.length() + SETTLE {
                    return Ok(scene);
                }
            }
        }
    }
}

fn events(chunk: Vec<Entry>) -> impl Iterator<Item = Event> {
    chunk.into_iter().filter_map(|entry| match entry {
        Entry::Event(record) => record.into_event().ok(),
        Entry::Head(_) | Entry::Damaged { .. } => None,
    })
}

fn introduce() -> anyhow::Result<()> {
    output::line(&format!(
        "Each worker is a real process that carries {} requests a second. A surge of {SURGE} a second is coming.\n\
         This policy says how many workers there are:\n",
        worker::CAPACITY
    ))?;
    for line in POLICY.lines() {
        output::line(&format!("    {line}"))?;
    }
    output::line("")
}

/// The load in figures, the most interesting decision, and the way on.
async fn conclude(
    scene: &Scene,
    stage: &Stage,
    log: &dyn Log,
    meter: &Meter,
) -> anyhow::Result<()> {
    let total = meter.total();
    let answered = (total.sent - total.lost) as f64 * 100.0 / total.sent.max(1) as f64;
    print(&format!(
        "\n{} requests, {answered:.1} % answered, 95 of 100 within {}; at most {} workers, {} at the end.",
        total.sent,
        milliseconds(total.p95),
        scene.most_ready(),
        scene.ready
    ))?;
    if let Some(largest) = scene.largest {
        let explanation =
            explain(log, &stage.policy.policy.workload, Which::Seq(largest.seq)).await?;
        print("\nThe largest step up, as `headroom explain` tells it:\n")?;
        print(render(&explanation).trim_end())?;
    }
    print(
        "\nThe same for your own service:\n  \
         headroom up                       with sources and targets in headroom.yaml\n  \
         headroom apply -f policy.yaml     a policy like the one above\n  \
         headroom watch                    and later: headroom explain NAMESPACE/NAME\n",
    )
}
