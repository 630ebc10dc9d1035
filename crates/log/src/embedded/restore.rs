//! Puts entries of another log into a new directory, with their positions and stamps as they were.
//!
//! They become sealed blocks; whoever opens the directory next indexes them. The directory is marked as an archive, which
//! takes nothing more: machines that went on where the other log ended would act on targets that have moved on since.

use super::blocks::{Files, Writer};
use super::checkpoints::Checkpoints;
use super::columns;
use super::high_water::HighWater;
use super::index::Index;
use super::marks;
use super::sealing::{self, ENTRIES};
use super::{Settings, storage_error};
use crate::{Bounds, Entry, LogError};
use headroom_model::{Checkpoint, Seq};
use std::io;
use std::path::{Path, PathBuf};

/// A directory that is being filled. It is a log once [`Restore::finish`] has succeeded.
#[derive(Debug)]
pub struct Restore {
    dir: PathBuf,
    blocks: Writer,
    checkpoints: Checkpoints,
    /// Entries that are not written yet, without gaps.
    pending: Vec<Entry>,
    /// How many outputs of a commit are still to come.
    in_commit: u32,
    written: Bounds,
}

impl Restore {
    /// Begins to fill `dir`, which must be empty or not there.
    ///
    /// # Errors
    /// [`LogError::Refused`] when something is in it; [`LogError::Storage`] when it cannot be written.
    pub fn begin(dir: &Path) -> Result<Self, LogError> {
        let failed = |error: io::Error| storage_error("write", dir, &error);
        std::fs::create_dir_all(dir).map_err(failed)?;
        if std::fs::read_dir(dir).map_err(failed)?.next().is_some() {
            return Err(LogError::Refused(format!(
                "{} is not empty; name a directory that is, or a new one",
                dir.display()
            )));
        }
        marks::make_archive(dir)?;
        let files = Files::open(dir.join("blocks")).map_err(failed)?;
        Ok(Self {
            blocks: Writer::resume(&files, None).map_err(failed)?,
            checkpoints: Checkpoints::open(dir.join("checkpoints")).map_err(failed)?,
            dir: dir.to_path_buf(),
            pending: Vec::new(),
            in_commit: 0,
            written: Bounds::default(),
        })
    }

    /// Keeps what the ledger of the other log had of the time before the first entry.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn ledger(&self, entries: &[Entry]) -> Result<(), LogError> {
        let index = Index::open(&self.dir, Settings::default().cache_bytes)?;
        for chunk in entries.chunks(ENTRIES) {
            if let Some(first) = chunk.first() {
                index.insert_ledger(first.seq(), columns::encode(chunk, true))?;
            }
        }
        index.flush()
    }

    /// Keeps a checkpoint.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn checkpoint(&self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        self.checkpoints.save(checkpoint)
    }

    /// Adds the next entry. Damage is left out: a gap between positions reads as damage.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn entry(&mut self, entry: Entry) -> Result<(), LogError> {
        let (seq, stamp) = match &entry {
            Entry::Event(record) => (record.envelope.seq, record.envelope.stamp),
            Entry::Head(head) => (head.seq, head.stamp),
            Entry::Damaged { .. } => return self.write(),
        };
        if self.written.first == Seq::ZERO {
            self.written.first = seq;
        }
        if seq != self.written.last.next() {
            self.write()?;
        }
        self.in_commit = match &entry {
            Entry::Head(head) => head.head.outputs,
            _ => self.in_commit.saturating_sub(1),
        };
        self.written.last = seq;
        self.written.last_stamp = self.written.last_stamp.max(stamp);
        self.pending.push(entry);
        if self.pending.len() >= 4 * ENTRIES && self.in_commit == 0 {
            self.write()?;
        }
        Ok(())
    }

    /// Writes the rest.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub fn finish(mut self) -> Result<(), LogError> {
        self.write()?;
        let path = self.dir.join("high-water");
        HighWater::open(&path)
            .and_then(|(file, _)| file.note(self.written))
            .map_err(|error| storage_error("write", &path, &error))
    }

    fn write(&mut self) -> Result<(), LogError> {
        let pending = std::mem::take(&mut self.pending);
        if pending.is_empty() {
            return Ok(());
        }
        let entries: Vec<_> = pending.iter().collect();
        for sealed in sealing::seal(&entries) {
            self.blocks
                .append(sealed.first, &[sealed.frame])
                .map_err(|error| storage_error("write", &self.dir, &error))?;
        }
        Ok(())
    }
}
