//! The row `embedded`: the log without a server, beside a bare file that is flushed as often.

use super::fleet::Fleet;
use super::{Aim, Extent, Line, Spread, Unit};
use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use headroom_log::Log;
use headroom_log::embedded::{EmbeddedLog, Settings, Written};
use headroom_model::{Record, Timestamp};
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Observations of a round.
const OBSERVATIONS: (usize, usize) = (500_000, 10_000);
/// The workloads they are of.
const WORKLOADS: usize = 1_000;
/// Facts in one append, and appends that wait at the same time: a collector sends at most so many together, and many
/// sources are read at once.
const BATCH: usize = 250;
const WAITING: usize = 64;

/// See [`super::ROWS`].
pub(super) async fn measure(extent: &Extent) -> Result<Vec<Line>> {
    let count = extent.of(OBSERVATIONS.0, OBSERVATIONS.1);
    let folder = tempfile::tempdir_in(&extent.dir).context("making a folder for logs")?;
    let (mut ours, mut bare, mut bytes) = (vec![], vec![], vec![]);
    let mut groups = vec![];
    for round in 0..extent.rounds {
        let facts = observations(count);
        let path = folder.path().join(format!("log-{round}"));
        let (seconds, written) = append(&path, facts.clone()).await?;
        ours.push(count as f64 / seconds);
        bytes.push(on_disk(&path)? as f64 / count as f64);
        groups.push((written.young_groups + written.sealed_groups) as f64);
        fs::remove_dir_all(&path)?;
        bare.push(count as f64 / bare_file(&folder.path().join("bare"), &facts, written)?);
    }
    Ok(vec![
        Line::new(
            "append, embedded, against a bare file with the same flushes",
            Unit::Times,
            Spread::ratio(&ours, &bare),
        )
        .aim(Aim::AtLeast(0.8))
        .beside("embedded", Unit::PerSecond, &ours)
        .beside("bare file", Unit::PerSecond, &bare)
        .beside("flushes", Unit::Count, &groups),
        Line::new(
            "an observation on disk, embedded",
            Unit::Bytes,
            Spread::of(&bytes),
        )
        .aim(Aim::AtMost(40.0)),
    ])
}

/// Every workload in turn, each every 15 s, spread over that time.
fn observations(count: usize) -> Vec<Vec<Record>> {
    let fleet = Fleet::of(WORKLOADS);
    let one = |index: usize| {
        let (number, round) = (index % WORKLOADS, index / WORKLOADS);
        let at = Timestamp(1_790_000_000_000 + (index as i64) * 15);
        fleet.noisy_observation(number, round, at).to_record()
    };
    let all: Vec<_> = (0..count).map(one).collect();
    all.chunks(BATCH).map(<[Record]>::to_vec).collect()
}

async fn append(path: &Path, facts: Vec<Vec<Record>>) -> Result<(f64, Written)> {
    let log = Arc::new(EmbeddedLog::open(path, &Settings::default())?);
    let started = Instant::now();
    let appends = futures::stream::iter(facts).map(|facts| {
        let log = Arc::clone(&log);
        async move { log.append(facts).await }
    });
    let mut appends = appends.buffered(WAITING);
    while let Some(accepted) = appends.next().await {
        accepted?;
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok((seconds, log.written()))
}

/// The same facts in as many groups, as MessagePack one after the other. A group as large as a sealed block is followed by
/// the flush of a sealed block; sled's own flush for young groups, `sync_file_range`, is left out here, so the bare file
/// does rather less.
fn bare_file(path: &Path, facts: &[Vec<Record>], written: Written) -> Result<f64> {
    let groups = usize::try_from(written.young_groups + written.sealed_groups)?.max(1);
    let mut flushes = written.sealed_groups;
    let mut file = File::create(path)?;
    let started = Instant::now();
    let mut bytes = Vec::new();
    for group in facts.chunks(facts.len().div_ceil(groups)) {
        bytes.clear();
        for fact in group.iter().flatten() {
            rmp_serde::encode::write(&mut bytes, fact)?;
        }
        file.write_all(&bytes)?;
        if flushes > 0 {
            flushes -= 1;
            file.sync_data()?;
        }
    }
    Ok(started.elapsed().as_secs_f64())
}

/// The space that a folder takes, in bytes.
fn on_disk(path: &Path) -> Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(path).with_context(|| format!("reading {}", path.display()))? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        bytes += match metadata.is_dir() {
            true => on_disk(&entry.path())?,
            false => metadata.blocks() * 512,
        };
    }
    Ok(bytes)
}
