//! Reads a file as if it were a log.

use super::frame::What;
use super::scan::{Part, Scanned, read, scan};
use super::{About, DamagedPart, FileError, Kept};
use async_trait::async_trait;
use futures::{StreamExt as _, stream};
use headroom_log::{
    Accepted, Bounds, Commit, CommitError, Committed, Entries, Entry, Filter, Log, LogError,
    PlacedHead,
};
use headroom_model::{Checkpoint, Record, Seq, Service};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A file as a log that can be read and not written. Reading blocks for as long as a disk takes for a part of about 1,000
/// entries.
#[derive(Clone, Debug)]
pub struct FileLog {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    file: File,
    path: PathBuf,
    scanned: Scanned,
}

/// A step of a read: a part to read, or positions that no part has.
#[derive(Clone, Debug)]
enum Piece {
    Part(Part),
    Lost(Seq, Seq, String),
}

impl FileLog {
    /// Opens a file and checks all of it.
    ///
    /// # Errors
    /// When it cannot be read, is no exported log, or was written by a later version. A damaged part is no error: see
    /// [`FileLog::damaged`], and [`Entry::Damaged`] where entries are lost.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = File::open(path).map_err(FileError::io("open", path))?;
        let scanned = scan(&file, path)?;
        let path = path.to_path_buf();
        let inner = Inner {
            file,
            path,
            scanned,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// What the file says about itself.
    #[must_use]
    pub fn about(&self) -> &About {
        &self.inner.scanned.about
    }

    /// The parts that cannot be read.
    #[must_use]
    pub fn damaged(&self) -> &[DamagedPart] {
        &self.inner.scanned.damaged
    }

    fn parts(&self, what: What) -> impl DoubleEndedIterator<Item = Part> + '_ {
        let parts = self.inner.scanned.parts.iter();
        parts.filter(move |part| part.what == what).copied()
    }

    /// The parts with entries from `from` on, and what lies between them that no part has.
    fn pieces(&self, from: Seq) -> Vec<Piece> {
        let about = self.about();
        let mut pieces = Vec::new();
        let mut next = about.first;
        let lost = |first: Seq, last: Seq| {
            let detail = "the part of the file that held them is damaged or cut off";
            Piece::Lost(first.max(from), last, detail.to_owned())
        };
        for part in self.parts(What::Entries) {
            let (first, last) = (Seq(part.header.first), Seq(part.header.last));
            if first > next && first > from {
                pieces.push(lost(next, Seq(first.0 - 1)));
            }
            if last >= from {
                pieces.push(Piece::Part(part));
            }
            next = next.max(last.next());
        }
        if next <= about.last && from <= about.last {
            pieces.push(lost(next, about.last));
        }
        pieces
    }

    fn take(&self, piece: Piece, from: Seq, filter: &Filter) -> Result<Vec<Entry>, LogError> {
        let part = match piece {
            Piece::Part(part) => part,
            Piece::Lost(first, last, detail) => {
                return Ok(vec![Entry::Damaged {
                    first,
                    last,
                    detail,
                }]);
            }
        };
        match self.read_part::<Vec<Kept>>(&part)? {
            Ok(kept) => Ok(kept
                .into_iter()
                .map(Entry::from)
                .filter(|entry| super::last_of(entry) >= from && filter.passes_entry(entry))
                .collect()),
            Err(detail) => Ok(vec![Entry::Damaged {
                first: Seq(part.header.first).max(from),
                last: Seq(part.header.last),
                detail,
            }]),
        }
    }

    fn read_part<T: serde::de::DeserializeOwned>(
        &self,
        part: &Part,
    ) -> Result<Result<T, String>, LogError> {
        read(&self.inner.file, part).map_err(|error| {
            let path = self.inner.path.display();
            LogError::Storage(format!("cannot read {path}: {error}"))
        })
    }

    fn stream(&self, pieces: Vec<Piece>, from: Seq, filter: Filter) -> Entries {
        let log = self.clone();
        stream::iter(pieces)
            .map(move |piece| log.take(piece, from, &filter))
            .filter(|chunk| {
                let something = !matches!(chunk, Ok(entries) if entries.is_empty());
                std::future::ready(something)
            })
            .boxed()
    }

    fn refused(&self) -> LogError {
        LogError::Refused(format!(
            "{} is a part of a log in a file, which is only read; to go on from it, `headroom log import` it",
            self.inner.path.display()
        ))
    }
}

#[async_trait]
impl Log for FileLog {
    async fn append(&self, _facts: Vec<Record>) -> Result<Vec<Accepted>, LogError> {
        Err(self.refused())
    }

    async fn commit(&self, _commit: Commit) -> Result<Committed, CommitError> {
        Err(self.refused().into())
    }

    async fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError> {
        for part in self.parts(What::Entries).rev() {
            let entries = self.take(Piece::Part(part), Seq::ZERO, &Filter::default())?;
            let newest = entries.into_iter().rev().find_map(|entry| match entry {
                Entry::Head(head) if head.head.service == service => Some(head),
                _ => None,
            });
            if newest.is_some() {
                return Ok(newest);
            }
        }
        Ok(None)
    }

    async fn read(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        Ok(self.stream(self.pieces(from), from, filter))
    }

    async fn follow(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        let end = format!(
            "{} has ended: a file does not grow; read it without following",
            self.inner.path.display()
        );
        let end = stream::once(std::future::ready(Err(LogError::Refused(end))));
        Ok(self.read(from, filter).await?.chain(end).boxed())
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        let about = self.about();
        Ok(Bounds {
            first: about.first,
            last: about.last,
            last_stamp: about.last_stamp,
        })
    }

    async fn save_checkpoint(&self, _checkpoint: Checkpoint) -> Result<(), LogError> {
        Err(self.refused())
    }

    async fn checkpoint(
        &self,
        service: Service,
        not_after: Seq,
    ) -> Result<Option<Checkpoint>, LogError> {
        let mut newest: Option<Checkpoint> = None;
        for part in self.parts(What::Checkpoint) {
            let through = Seq(part.header.first);
            let newer = newest
                .as_ref()
                .is_none_or(|newest| through > newest.through);
            if !newer || through > not_after {
                continue;
            }
            // One that cannot be decoded is passed by for an older one.
            if let Ok(checkpoint) = self.read_part::<Checkpoint>(&part)?
                && checkpoint.service == service
            {
                newest = Some(checkpoint);
            }
        }
        Ok(newest)
    }

    async fn ledger(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        let before = self.parts(What::Ledger).map(Piece::Part).collect();
        let kinds = headroom_log::memory::LEDGER_KINDS;
        let within = self.read(from, filter.clone()).await?.map(move |chunk| {
            let mut chunk = chunk?;
            chunk.retain(|entry| match entry {
                Entry::Event(record) => kinds.contains(&record.envelope.kind),
                Entry::Head(_) => false,
                Entry::Damaged { .. } => true,
            });
            Ok(chunk)
        });
        let within = within.filter(|chunk| {
            let something = !matches!(chunk, Ok(entries) if entries.is_empty());
            std::future::ready(something)
        });
        Ok(self.stream(before, from, filter).chain(within).boxed())
    }
}
