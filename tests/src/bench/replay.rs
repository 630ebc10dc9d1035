//! The row `replay`: verifying a stored log, beside reading and decoding it and stepping the machines, each alone.

use super::fleet::Fleet;
use super::probe::Probe;
use super::stand::{Member, quiet};
use super::{Aim, Extent, Line, Spread, Unit};
use anyhow::{Context as _, Result, bail, ensure};
use futures::StreamExt as _;
use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_log::embedded::{EmbeddedLog, Settings};
use headroom_log::{Entry, Filter, Log};
use headroom_model::machine::{Stepped, as_own};
use headroom_model::{Event, Machine, Seq};
use headroom_planner::Planner;
use headroom_runtime::identity::wall_clock;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const WORKLOADS: (usize, usize) = (1_000, 50);
/// Observations of each workload.
const OBSERVED: (usize, usize) = (300, 25);

/// See [`super::ROWS`].
pub(super) async fn measure(extent: &Extent) -> Result<Vec<Line>> {
    let folder = tempfile::tempdir_in(&extent.dir).context("making a folder for a log")?;
    let fleet = Fleet::of(extent.of(WORKLOADS.0, WORKLOADS.1));
    record(folder.path(), &fleet, extent.of(OBSERVED.0, OBSERVED.1)).await?;
    let log = EmbeddedLog::open(folder.path(), &Settings::default())?;
    let mut events = Vec::new();
    read_and_decode(&log, |event| events.push(event)).await?;
    let steps = Steps::of(&events);
    let (mut readings, mut steppings, mut replays) = (vec![], vec![], vec![]);
    for _ in 0..extent.rounds {
        let started = Instant::now();
        // None is kept: memory for all of them would be most of what this takes.
        read_and_decode(&log, |event| drop(black_box(event))).await?;
        readings.push(started.elapsed().as_secs_f64());
        let started = Instant::now();
        steps.take();
        steppings.push(started.elapsed().as_secs_f64());
        let started = Instant::now();
        verify(&log).await?;
        replays.push(started.elapsed().as_secs_f64());
    }
    let alone: Vec<_> = readings
        .iter()
        .zip(&steppings)
        .map(|(reading, stepping)| reading + stepping)
        .collect();
    let rates: Vec<_> = replays
        .iter()
        .map(|seconds| events.len() as f64 / seconds)
        .collect();
    let line = Line::new(
        "replay --verify of an embedded log, against reading and decoding it + stepping it",
        Unit::Times,
        Spread::ratio(&replays, &alone),
    )
    .aim(Aim::AtMost(1.3))
    .beside("replay", Unit::Seconds, &replays)
    .beside("reading and decoding", Unit::Seconds, &readings)
    .beside("stepping", Unit::Seconds, &steppings)
    .beside("replay, events", Unit::PerSecond, &rates);
    Ok(vec![line])
}

/// Writes a log as all services do at full speed: the next observation of every workload as soon as the last is stored.
async fn record(path: &Path, fleet: &Fleet, observed: usize) -> Result<()> {
    let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(path, &Settings::default())?);
    let policies = fleet
        .policies(wall_clock())
        .map(|event| event.to_record())
        .collect();
    log.append(policies).await?;
    let members = [
        Member::clock(Arc::clone(&log)),
        Member::start::<Evaluator>(Arc::clone(&log), "evaluator"),
        Member::start::<Planner>(Arc::clone(&log), "planner"),
        Member::actuator(
            Arc::clone(&log),
            "actuator",
            &Arc::new(Probe::default()),
            fleet,
        ),
    ];
    for member in &members {
        member.ready().await?;
    }
    quiet(&*log).await?;
    for round in 0..observed {
        let facts = (0..fleet.len()).map(|number| {
            fleet
                .noisy_observation(number, round, wall_clock())
                .to_record()
        });
        log.append(facts.collect()).await?;
    }
    quiet(&*log).await?;
    for member in members {
        member.stop().await?;
    }
    Ok(())
}

async fn read_and_decode(log: &dyn Log, mut each: impl FnMut(Event)) -> Result<()> {
    let mut entries = log.read(Seq(1), Filter::default()).await?;
    while let Some(chunk) = entries.next().await {
        for entry in chunk? {
            match entry {
                Entry::Event(record) => each(record.into_event()?),
                Entry::Head(_) => {}
                Entry::Damaged { detail, .. } => bail!("the log is damaged: {detail}"),
            }
        }
    }
    Ok(())
}

async fn verify(log: &dyn Log) -> Result<()> {
    let report = headroom_replay::verify(log, &mut |_| {}).await?;
    ensure!(report.decisions > 0, "the log has no decision");
    ensure!(
        report.verified(),
        "the replay differs: {}",
        report.final_line()
    );
    Ok(())
}

/// What each machine takes in, in the order of a fold: an input, then the recorded outputs that name it as cause.
struct Steps {
    evaluator: Vec<Step>,
    planner: Vec<Step>,
    actuator: Vec<Step>,
}

enum Step {
    Input(Event),
    Own(Event),
}

impl Steps {
    fn of(events: &[Event]) -> Self {
        Self {
            evaluator: steps::<Evaluator>(events),
            planner: steps::<Planner>(events),
            actuator: steps::<Actuator>(events),
        }
    }

    fn take(&self) {
        step::<Evaluator>(&self.evaluator);
        step::<Planner>(&self.planner);
        step::<Actuator>(&self.actuator);
    }
}

fn steps<M: Machine>(events: &[Event]) -> Vec<Step> {
    let mut own: BTreeMap<Seq, Vec<&Event>> = BTreeMap::new();
    for event in events
        .iter()
        .filter(|event| event.envelope.producer.service == M::SERVICE)
    {
        let cause = event.envelope.cause.map_or(Seq::ZERO, |cause| cause.seq);
        own.entry(cause).or_default().push(event);
    }
    let inputs = events
        .iter()
        .filter(|event| M::is_input(event.envelope.producer.service, &event.envelope.kind));
    let mut steps = Vec::new();
    for input in inputs {
        steps.push(Step::Input(input.clone()));
        let outputs = own.remove(&input.envelope.seq).unwrap_or_default();
        steps.extend(
            outputs
                .into_iter()
                .map(|output| Step::Own(as_own(output.clone(), input.envelope.stamp))),
        );
    }
    steps
}

fn step<M: Machine>(steps: &[Step]) {
    let mut stepped = Stepped::<M>::default();
    for step in steps {
        match step {
            Step::Input(input) => {
                if stepped.input(input) {
                    black_box(stepped.machine.decide(input));
                }
            }
            Step::Own(output) => stepped.machine.apply(output),
        }
    }
}
