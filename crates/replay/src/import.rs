//! Puts an exported [file](crate::file) into an embedded log of its own.
//!
//! What is imported is an archive: positions, stamps, commits and checkpoints are as they were, so it reads, explains and
//! replays as the log did that it came from. It is not meant to be gone on with: machines that were started on it would take
//! up where that log ended, and act on targets that have moved on since; so it is marked, and takes nothing more. A log on
//! NATS cannot be such an archive, since the server gives each message its own time, and that time is the clock that
//! decisions were made by.

use crate::file::{About, DamagedPart, FileLog};
use futures::StreamExt as _;
use headroom_log::embedded::Restore;
use headroom_log::{Entry, Filter, Log as _, LogError};
use headroom_model::{Seq, Service};
use serde::Serialize;
use std::path::Path;

/// What was imported.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// What the file said about itself.
    pub about: About,
    /// Entries in the directory now.
    pub entries: u64,
    /// Checkpoints in it.
    pub checkpoints: u64,
    /// Parts of the file that could not be read, and so are missing.
    pub damaged: Vec<DamagedPart>,
}

/// Puts a file into a directory, which must be empty or new. It blocks.
///
/// # Errors
/// When the file cannot be read, or the directory has something in it or cannot be written.
pub async fn import(file: &FileLog, dir: &Path) -> Result<Imported, LogError> {
    let first = file.about().first;
    let mut restore = Restore::begin(dir)?;
    let mut imported = Imported {
        about: file.about().clone(),
        entries: 0,
        checkpoints: 0,
        damaged: file.damaged().to_vec(),
    };
    let mut before = Vec::new();
    let mut ledger = file.ledger(Seq::ZERO, Filter::default()).await?;
    while let Some(chunk) = ledger.next().await {
        before.extend(
            chunk?
                .into_iter()
                .filter(|entry| matches!(entry, Entry::Event(_)) && entry.seq() < first),
        );
    }
    restore.ledger(&before)?;
    for machine in Service::ALL {
        let mut not_after = Seq(u64::MAX);
        while let Some(checkpoint) = file.checkpoint(machine, not_after).await? {
            restore.checkpoint(&checkpoint)?;
            imported.checkpoints += 1;
            let Some(older) = checkpoint.through.0.checked_sub(1) else {
                break;
            };
            not_after = Seq(older);
        }
    }
    let mut entries = file.read(first, Filter::default()).await?;
    while let Some(chunk) = entries.next().await {
        for entry in chunk? {
            imported.entries += u64::from(!matches!(entry, Entry::Damaged { .. }));
            restore.entry(entry)?;
        }
    }
    restore.finish()?;
    Ok(imported)
}
