//! Writes a file, part by part.

use super::frame::{What, seal};
use super::{About, FileError, Kept, last_of};
use headroom_log::Entry;
use headroom_model::{Checkpoint, Seq};
use std::io::Write;
use std::path::PathBuf;

/// Entries of a part: enough for zstd to find what repeats, few enough that damage costs little.
const ENTRIES: usize = 1000;
/// Bytes of bodies after which a part ends earlier.
const BYTES: usize = 1 << 20;

/// A file that is being written. Without [`Writer::finish`] it reads as cut off.
#[derive(Debug)]
pub struct Writer<W> {
    out: W,
    path: PathBuf,
    about: About,
    pending: Vec<Kept>,
    span: Option<(Seq, Seq)>,
    weight: usize,
}

impl<W: Write> Writer<W> {
    /// Begins a file; `path` names it in errors.
    ///
    /// # Errors
    /// When `out` does not take it.
    pub fn begin(out: W, path: PathBuf, about: About) -> Result<Self, FileError> {
        let mut writer = Self {
            out,
            path,
            about,
            pending: Vec::new(),
            span: None,
            weight: 0,
        };
        writer.put(What::About, writer.span_of_all(), &writer.about.clone())?;
        Ok(writer)
    }

    /// Adds what the ledger kept of the time before the first entry.
    ///
    /// # Errors
    /// When the file does not take it.
    pub fn ledger(&mut self, entries: &[Entry]) -> Result<(), FileError> {
        for chunk in entries.chunks(ENTRIES) {
            let (Some(first), Some(last)) = (chunk.first(), chunk.last()) else {
                continue;
            };
            let span = (first.seq().0, last_of(last).0);
            let kept: Vec<_> = chunk.iter().cloned().map(Kept::from).collect();
            self.put(What::Ledger, span, &kept)?;
        }
        Ok(())
    }

    /// Adds a checkpoint.
    ///
    /// # Errors
    /// When the file does not take it.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint) -> Result<(), FileError> {
        let at = checkpoint.through.0;
        self.put(What::Checkpoint, (at, at), checkpoint)
    }

    /// Adds the next entry.
    ///
    /// # Errors
    /// When the file does not take it.
    pub fn entry(&mut self, entry: Entry) -> Result<(), FileError> {
        let (first, last) = (entry.seq(), last_of(&entry));
        self.span = Some((self.span.map_or(first, |span| span.0), last));
        if let Entry::Event(record) = &entry {
            self.weight += record.body.len();
        }
        self.pending.push(entry.into());
        if self.pending.len() >= ENTRIES || self.weight >= BYTES {
            self.flush()?;
        }
        Ok(())
    }

    /// Ends the file.
    ///
    /// # Errors
    /// When the file does not take it.
    pub fn finish(mut self) -> Result<W, FileError> {
        self.flush()?;
        self.put(What::End, self.span_of_all(), &self.about.clone())?;
        self.out
            .flush()
            .map_err(FileError::io("write", &self.path))?;
        Ok(self.out)
    }

    fn span_of_all(&self) -> (u64, u64) {
        (self.about.first.0, self.about.last.0)
    }

    fn flush(&mut self) -> Result<(), FileError> {
        let Some((first, last)) = self.span.take() else {
            return Ok(());
        };
        let kept = std::mem::take(&mut self.pending);
        self.weight = 0;
        self.put(What::Entries, (first.0, last.0), &kept)
    }

    fn put(
        &mut self,
        what: What,
        span: (u64, u64),
        value: &impl serde::Serialize,
    ) -> Result<(), FileError> {
        let part = seal(what, span, value)?;
        self.out
            .write_all(&part)
            .map_err(FileError::io("write", &self.path))
    }
}
