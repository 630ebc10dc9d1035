//! The row `latency`: from the moment an observation is published to the moment a target is called.
//!
//! Every service has its own connection to a real server; targets are called in this process (see `probe`).

use super::fleet::Fleet;
use super::probe::{Call, Probe};
use super::stand::{Member, quiet};
use super::{Aim, Extent, Line, Spread, Unit};
use crate::servers::nats;
use anyhow::{Context as _, Result, ensure};
use headroom_evaluator::Evaluator;
use headroom_log::Log;
use headroom_log::nats::NatsLog;
use headroom_model::{Record, Replicas};
use headroom_planner::Planner;
use headroom_runtime::identity::wall_clock;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::MissedTickBehavior;

/// Workloads, each observed once a second: as many observations a second.
const WORKLOADS: (usize, usize) = (1_000, 100);
/// Seconds of a round.
const SECONDS: (usize, usize) = (10, 2);
/// Seconds before the first round.
const WARM_UP: (usize, usize) = (5, 1);
/// How long is waited for the calls of a round after its last observation.
const LATEST: Duration = Duration::from_secs(5);

/// See [`super::ROWS`].
pub(super) async fn measure(extent: &Extent) -> Result<Vec<Line>> {
    let Some(server) = nats::single("")? else {
        return Ok(Vec::new());
    };
    let fleet = Fleet::of(extent.of(WORKLOADS.0, WORKLOADS.1));
    let stand = Stand::start(server.url(), fleet).await?;
    let mut load = Load::of(&stand);
    load.run(extent.of(WARM_UP.0, WARM_UP.1)).await?;
    stand.probe.take_calls();
    let mut measured = Measured::default();
    for _ in 0..extent.rounds {
        let changes = load.run(extent.of(SECONDS.0, SECONDS.1)).await?;
        measured.add(&changes, &stand.calls_for(&changes).await)?;
    }
    let line = measured.line(stand.fleet.len());
    stand.stop().await?;
    Ok(vec![line])
}

/// All services over one server, and the targets.
pub(super) struct Stand {
    pub(super) fleet: Fleet,
    pub(super) log: NatsLog,
    pub(super) probe: Arc<Probe>,
    url: String,
    members: Vec<Member>,
}

/// The shard of this row and of `failover`.
const SHARD: &str = "bench";

impl Stand {
    /// Clock, evaluator, planner and actuator, once they know every workload and its count.
    async fn start(url: String, fleet: Fleet) -> Result<Self> {
        let mut stand = Self::without_planner(url, fleet).await?;
        let planner = Member::start::<Planner>(stand.connect("planner").await?, "planner");
        stand.members.push(planner);
        stand.settle().await?;
        Ok(stand)
    }

    /// All but the planner.
    pub(super) async fn without_planner(url: String, fleet: Fleet) -> Result<Self> {
        let log = connect(&url, "collector").await?;
        let mut stand = Self {
            log,
            probe: Arc::new(Probe::default()),
            url,
            members: Vec::new(),
            fleet,
        };
        let policies: Vec<_> = stand
            .fleet
            .policies(wall_clock())
            .map(|event| event.to_record())
            .collect();
        stand.log.append(policies).await?;
        let clock = Member::clock(stand.connect("clock").await?);
        let evaluator = Member::start::<Evaluator>(stand.connect("evaluator").await?, "evaluator");
        let actuator = Member::actuator(
            stand.connect("actuator").await?,
            "actuator",
            &stand.probe,
            &stand.fleet,
        );
        stand.members = vec![clock, evaluator, actuator];
        Ok(stand)
    }

    /// A log with a connection of its own.
    pub(super) async fn connect(&self, role: &str) -> Result<Arc<dyn Log>> {
        Ok(Arc::new(connect(&self.url, role).await?))
    }

    /// Waits until every service is at work and every target was found.
    pub(super) async fn settle(&self) -> Result<()> {
        for member in &self.members {
            member.ready().await?;
        }
        quiet(&self.log).await.map(drop)
    }

    /// The calls that answer these changes, as far as they come in time.
    async fn calls_for(&self, changes: &[Change]) -> Vec<Call> {
        let started = Instant::now();
        let mut calls = self.probe.take_calls();
        while calls.len() < changes.len() && started.elapsed() < LATEST {
            tokio::time::sleep(Duration::from_millis(10)).await;
            calls.extend(self.probe.take_calls());
        }
        calls
    }

    /// Stops every service.
    pub(super) async fn stop(self) -> Result<()> {
        for member in self.members {
            member.stop().await?;
        }
        Ok(())
    }
}

async fn connect(url: &str, role: &str) -> Result<NatsLog> {
    let settings = nats::settings(vec![url.to_owned()], 1);
    NatsLog::connect(settings, SHARD, role)
        .await
        .with_context(|| format!("connecting the {role}"))
}

/// An observation that wants another number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Change {
    number: usize,
    to: Replicas,
    published: Instant,
}

/// Facts that wait for the log, and the most that are written together: as many as in a collector.
const QUEUE: usize = 256;

/// Publishes each workload's observation once a second, evenly, as a collector does: facts that came while the last were
/// written are written together.
pub(super) struct Load {
    log: NatsLog,
    fleet: Fleet,
    round: usize,
}

impl Load {
    pub(super) fn of(stand: &Stand) -> Self {
        Self {
            log: stand.log.clone(),
            fleet: stand.fleet.clone(),
            round: 0,
        }
    }

    /// Publishes for so many seconds. Gives the changes that it published.
    pub(super) async fn run(&mut self, seconds: usize) -> Result<Vec<Change>> {
        let (queue, waiting) = mpsc::channel(QUEUE);
        let writing = tokio::spawn(write(self.log.clone(), waiting));
        let mut beat =
            tokio::time::interval(Duration::from_secs(1) / u32::try_from(self.fleet.len())?);
        beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut changes = Vec::new();
        for round in self.round..self.round + seconds {
            for number in 0..self.fleet.len() {
                beat.tick().await;
                let observation = self.fleet.observation(number, round, wall_clock());
                if Fleet::flips(number, round) {
                    changes.push(Change {
                        number,
                        to: Fleet::wanted(number, round),
                        published: Instant::now(),
                    });
                }
                if queue.send(observation.to_record()).await.is_err() {
                    break; // the writer has ended, and says why below
                }
            }
        }
        self.round += seconds;
        drop(queue);
        writing.await??;
        Ok(changes)
    }
}

async fn write(log: NatsLog, mut waiting: mpsc::Receiver<Record>) -> Result<()> {
    let mut facts = Vec::with_capacity(QUEUE);
    while waiting.recv_many(&mut facts, QUEUE).await > 0 {
        log.append(std::mem::take(&mut facts)).await?;
    }
    Ok(())
}

/// What the rounds showed, in seconds.
#[derive(Debug, Default)]
struct Measured {
    p50: Vec<f64>,
    p99: Vec<f64>,
    worst: Vec<f64>,
    changes: usize,
    answered: usize,
}

impl Measured {
    fn add(&mut self, changes: &[Change], calls: &[Call]) -> Result<()> {
        let mut of: BTreeMap<(usize, Replicas), Vec<Instant>> = BTreeMap::new();
        for call in calls {
            of.entry((call.number, call.to)).or_default().push(call.at);
        }
        let first_after = |change: &Change| {
            let calls = of.get(&(change.number, change.to))?;
            let at = calls.iter().find(|at| **at >= change.published)?;
            Some(at.duration_since(change.published).as_secs_f64())
        };
        let mut latencies: Vec<_> = changes.iter().filter_map(first_after).collect();
        ensure!(
            !latencies.is_empty(),
            "no target was called for {} changes",
            changes.len()
        );
        latencies.sort_by(f64::total_cmp);
        let at = |share: f64| latencies[((latencies.len() - 1) as f64 * share).round() as usize];
        self.p50.push(at(0.5));
        self.p99.push(at(0.99));
        self.worst.push(at(1.0));
        self.changes += changes.len();
        self.answered += latencies.len();
        Ok(())
    }

    fn line(&self, workloads: usize) -> Line {
        let what = format!(
            "p99 from sample published to target called (a probe in this process), NATS R1, {workloads} observations/s of which 5 % scale"
        );
        Line::new(what, Unit::Seconds, Spread::of(&self.p99))
            .aim(Aim::Below(0.010))
            .beside("p50", Unit::Seconds, &self.p50)
            .beside("slowest", Unit::Seconds, &self.worst)
            .beside("scaled", Unit::Count, &[self.answered as f64])
            .beside("of", Unit::Count, &[self.changes as f64])
    }
}
