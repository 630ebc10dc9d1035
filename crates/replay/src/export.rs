//! Carries a part of a log away in a [file](crate::file).

use crate::file::{About, FORMAT, FileError, Writer};
use crate::moment::Edge;
use futures::StreamExt as _;
use headroom_log::{Bounds, Entry, Filter, Log, LogError};
use headroom_model::{Kind, Seq, Service, Timestamp};
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// The machines whose checkpoints a replay begins with.
const MACHINES: [Service; 3] = [Service::Evaluator, Service::Planner, Service::Actuator];

/// What is carried along of the time before the first entry: what people said, which explanations name.
const SAID_BEFORE: [Kind; 4] = [
    Kind::PolicyApplied,
    Kind::PolicyRemoved,
    Kind::OverrideSet,
    Kind::OverrideCleared,
];

/// Which part of a log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// From here; `None` is the beginning.
    pub from: Option<Edge>,
    /// To here, this included; `None` is the end as it is now.
    pub to: Option<Edge>,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exported {
    /// What the file says about itself.
    pub about: About,
    /// Entries in it.
    pub entries: u64,
    /// Checkpoints in it.
    pub checkpoints: u64,
    /// Damaged parts of the log, which the file names as the log does.
    pub damaged: u64,
}

/// Why nothing was exported.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The file cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
    /// There is a file already.
    #[error("{0} is there already; name another file, or remove it first")]
    Exists(PathBuf),
    /// Nothing lies there.
    #[error(
        "the log has nothing from {from} to {to}: it goes from {} to {}; ask for another part",
        bounds.first, bounds.last
    )]
    Nothing {
        /// The first position asked for.
        from: Seq,
        /// The last one.
        to: Seq,
        /// What there is.
        bounds: Bounds,
    },
}

/// Writes a part of a log into a new file. So that it can be replayed, it begins at checkpoints of the machines, which may
/// be earlier than asked. The file appears under its name once it is complete.
///
/// # Errors
/// When the log cannot be read, the file cannot be written or is there already, or nothing lies in the range.
pub async fn export(
    log: &dyn Log,
    path: &Path,
    shard: &str,
    range: Range,
) -> Result<Exported, ExportError> {
    if path.exists() {
        return Err(ExportError::Exists(path.to_path_buf()));
    }
    let about = about(log, shard, range).await?;
    let partial = path.with_extension("partial");
    let written = write(log, &partial, about).await;
    match written {
        Ok(exported) => {
            std::fs::rename(&partial, path).map_err(FileError::io("rename a file to", path))?;
            Ok(exported)
        }
        Err(error) => {
            // Whoever asked hears of the first error; that a useless file stays as well would tell them nothing.
            let _ = std::fs::remove_file(&partial);
            Err(error)
        }
    }
}

async fn write(log: &dyn Log, path: &Path, about: About) -> Result<Exported, ExportError> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(path)
        .map_err(FileError::io("make", path))?;
    let (first, last) = (about.first, about.last);
    let mut exported = Exported {
        about: about.clone(),
        entries: 0,
        checkpoints: 0,
        damaged: 0,
    };
    let mut writer = Writer::begin(BufWriter::new(file), path.to_path_buf(), about)?;
    writer.ledger(&said_before(log, first).await?)?;
    for machine in MACHINES {
        let mut not_after = last;
        while let Some(checkpoint) = log.checkpoint(machine, not_after).await? {
            if checkpoint.through.next() < first {
                break;
            }
            writer.checkpoint(&checkpoint)?;
            exported.checkpoints += 1;
            let Some(before) = checkpoint.through.0.checked_sub(1) else {
                break;
            };
            not_after = Seq(before);
        }
    }
    let mut entries = log.read(first, Filter::default()).await?;
    'all: while let Some(chunk) = entries.next().await {
        for entry in chunk? {
            if entry.seq() > last {
                break 'all;
            }
            exported.entries += 1;
            exported.damaged += u64::from(matches!(entry, Entry::Damaged { .. }));
            writer.entry(entry)?;
        }
    }
    let buffered = writer.finish()?;
    let file = buffered
        .into_inner()
        .map_err(|error| FileError::io("write", path)(error.into_error()))?;
    file.sync_all().map_err(FileError::io("flush", path))?;
    Ok(exported)
}

async fn about(log: &dyn Log, shard: &str, range: Range) -> Result<About, ExportError> {
    let bounds = log.bounds().await?;
    let from = match range.from {
        None => bounds.first,
        Some(Edge::Seq(seq)) => seq.max(bounds.first),
        Some(Edge::Time(moment)) => {
            let since = moment.seen_from(bounds.last_stamp);
            first_at(log, bounds, since).await?
        }
    };
    let to = match range.to {
        None => bounds.last,
        Some(Edge::Seq(seq)) => seq.min(bounds.last),
        Some(Edge::Time(moment)) => {
            let until = moment.seen_from(bounds.last_stamp);
            let after = Timestamp(until.0.saturating_add(1));
            Seq(first_at(log, bounds, after).await?.0.saturating_sub(1))
        }
    };
    if from > to {
        return Err(ExportError::Nothing { from, to, bounds });
    }
    let first = replayable_from(log, bounds, from).await?;
    Ok(About {
        format: FORMAT,
        headroom: env!("CARGO_PKG_VERSION").to_owned(),
        shard: shard.to_owned(),
        asked_first: from,
        first,
        last: to,
        first_stamp: stamp_at(log, first).await?,
        last_stamp: match to == bounds.last {
            true => bounds.last_stamp,
            false => stamp_at(log, to).await?,
        },
    })
}

/// The first position at or after a moment; one past the end when there is none.
async fn first_at(log: &dyn Log, bounds: Bounds, since: Timestamp) -> Result<Seq, LogError> {
    let filter = Filter {
        since: Some(since),
        ..Filter::default()
    };
    let mut entries = log.read(bounds.first, filter).await?;
    while let Some(chunk) = entries.next().await {
        let chunk = chunk?;
        let first = chunk
            .iter()
            .find(|entry| !matches!(entry, Entry::Damaged { .. }));
        if let Some(first) = first {
            return Ok(first.seq());
        }
    }
    Ok(bounds.last.next())
}

/// The stamp of the first entry from a position on that can be read.
async fn stamp_at(log: &dyn Log, seq: Seq) -> Result<Timestamp, LogError> {
    let mut entries = log.read(seq, Filter::default()).await?;
    while let Some(chunk) = entries.next().await {
        for entry in chunk? {
            match entry {
                Entry::Event(record) => return Ok(record.envelope.stamp),
                Entry::Head(placed) => return Ok(placed.stamp),
                Entry::Damaged { .. } => {}
            }
        }
    }
    Ok(Timestamp::EPOCH)
}

/// The latest position not after `from` at which a replay of every machine can begin.
async fn replayable_from(log: &dyn Log, bounds: Bounds, from: Seq) -> Result<Seq, LogError> {
    let mut first = from;
    for machine in MACHINES {
        if log.head(machine).await?.is_none() {
            continue;
        }
        let before = Seq(from.0.saturating_sub(1));
        let checkpoint = log.checkpoint(machine, before).await?;
        let begin = checkpoint.map_or(Seq(1), |checkpoint| checkpoint.through.next());
        first = first.min(begin);
    }
    Ok(first.max(bounds.first))
}

async fn said_before(log: &dyn Log, first: Seq) -> Result<Vec<Entry>, LogError> {
    let mut said = Vec::new();
    let mut entries = log.ledger(Seq::ZERO, Filter::kinds(SAID_BEFORE)).await?;
    while let Some(chunk) = entries.next().await {
        for entry in chunk? {
            match entry {
                Entry::Event(record) if record.envelope.seq < first => {
                    said.push(Entry::Event(record));
                }
                Entry::Damaged { first: lost, .. } if lost < first => {}
                _ => return Ok(said),
            }
        }
    }
    Ok(said)
}
