//! The row `restart`: from the start of a machine to the moment it has caught up, with many workloads.

use super::fleet::Fleet;
use super::stand::{Member, quiet};
use super::{Aim, Extent, Line, Spread, Unit};
use anyhow::{Context as _, Result};
use headroom_evaluator::Evaluator;
use headroom_log::Log;
use headroom_log::embedded::{EmbeddedLog, Settings};
use headroom_model::{Machine, Record};
use headroom_planner::Planner;
use headroom_runtime::identity::wall_clock;
use std::sync::Arc;
use std::time::Instant;

const WORKLOADS: (usize, usize) = (100_000, 1_000);
/// Facts in one append.
const BATCH: usize = 1_000;
/// Observations that come while a machine is not there: at 15 s each, those of one second.
const MISSED_SHARE: usize = 15;

/// See [`super::ROWS`].
pub(super) async fn measure(extent: &Extent) -> Result<Vec<Line>> {
    let folder = tempfile::tempdir_in(&extent.dir).context("making a folder for a log")?;
    let log: Arc<dyn Log> = Arc::new(EmbeddedLog::open(folder.path(), &Settings::default())?);
    let fleet = Fleet::of(extent.of(WORKLOADS.0, WORKLOADS.1));
    fill(&log, &fleet).await?;
    let missed = fleet.len() / MISSED_SHARE;
    let (mut evaluator, mut planner) = (vec![], vec![]);
    for round in 1..=extent.rounds {
        let facts =
            (0..missed).map(|number| fleet.observation(number, round, wall_clock()).to_record());
        append(&log, facts).await?;
        evaluator.push(restart::<Evaluator>(&log, "evaluator").await?);
        planner.push(restart::<Planner>(&log, "planner").await?);
    }
    let line = |name: &str, seconds: &[f64]| {
        let what = format!(
            "{name} with {} workloads: start to caught up, from a checkpoint and {missed} later observations, embedded",
            fleet.len()
        );
        Line::new(what, Unit::Seconds, Spread::of(seconds)).aim(Aim::Below(1.0))
    };
    let both: Vec<_> = evaluator
        .iter()
        .zip(&planner)
        .map(|(one, other)| one + other)
        .collect();
    Ok(vec![
        line("evaluator", &evaluator),
        line("planner", &planner).beside("one after the other", Unit::Seconds, &both),
    ])
}

/// A log in which every workload has a policy, a count and an observation, and both machines have checkpoints.
async fn fill(log: &Arc<dyn Log>, fleet: &Fleet) -> Result<()> {
    append(
        log,
        fleet
            .introductions(wall_clock())
            .map(|event| event.to_record()),
    )
    .await?;
    let evaluator = Member::start::<Evaluator>(Arc::clone(log), "evaluator");
    let planner = Member::start::<Planner>(Arc::clone(log), "planner");
    evaluator.ready().await?;
    planner.ready().await?;
    let facts =
        (0..fleet.len()).map(|number| fleet.observation(number, 0, wall_clock()).to_record());
    append(log, facts).await?;
    evaluator.reads(log.bounds().await?.last).await?;
    quiet(&**log).await?;
    evaluator.stop().await?;
    planner.stop().await
}

async fn append(log: &Arc<dyn Log>, facts: impl Iterator<Item = Record>) -> Result<()> {
    let facts: Vec<_> = facts.collect();
    for batch in facts.chunks(BATCH) {
        log.append(batch.to_vec()).await?;
    }
    Ok(())
}

/// The seconds until it has caught up. It is stopped again with a checkpoint.
async fn restart<M>(log: &Arc<dyn Log>, instance: &str) -> Result<f64>
where
    M: Machine + Send + Sync + 'static,
    M::Job: Send + Sync,
{
    let started = Instant::now();
    let member = Member::start::<M>(Arc::clone(log), instance);
    member.ready().await?;
    let seconds = started.elapsed().as_secs_f64();
    let last = log
        .head(M::SERVICE)
        .await?
        .map(|placed| placed.head.through.seq);
    member.reads(last.unwrap_or_default()).await?;
    quiet(&**log).await?;
    member.stop().await?;
    let left = log
        .head(M::SERVICE)
        .await?
        .context("the machine has a head")?;
    let checkpoint = log.checkpoint(M::SERVICE, left.head.through.seq).await?;
    anyhow::ensure!(
        checkpoint.is_some_and(|checkpoint| checkpoint.through == left.head.through.seq),
        "the {} left no checkpoint when it stopped",
        M::SERVICE,
    );
    Ok(seconds)
}
