//! The log without a server: sled and plain files in one directory.
//!
//! | in the directory | what |
//! | --- | --- |
//! | `index/` | sled: young groups of entries, where each sealed block is, the newest heads, the ledger |
//! | `blocks/` | sealed blocks of about 1,000 entries, in files named by the position of their first entry |
//! | `checkpoints/` | one file for each checkpoint |
//! | `high-water` | the highest position that was acknowledged |
//! | `id` | the name of this log among all others |
//! | `archive` | only where it was imported: the log is there to be read |
//!
//! **An append** is acknowledged once it is flushed: into sled as a young group or, when a thousand entries are together,
//! with all young ones as a block into a file. Appends that wait at the same time share a flush. What is acknowledged
//! survives a crash or SIGKILL of the process. Blocks survive a power cut too; sled flushes with `sync_file_range` and
//! follows with `fsync` twice a second, so a power cut can take the young entries of the last half second.
//!
//! **Sealed blocks are no values of sled.** sled 0.34 writes neighbouring values anew together, which costs 1.4 to 2.5
//! times the space; values beyond a size go to files that it never flushes; and opening after a crash reads again all
//! that was ever written since the last opening. So sled has what is young and what is looked up, and stays small.
//!
//! **Damage** is named by position and what lies before and after is read: every frame has a checksum, blocks are found
//! again in their files if sled loses them, and a gap between positions is [`Entry::Damaged`](crate::Entry::Damaged).
//! If sled cannot open its files at all, move `index/` aside: sealed blocks are indexed anew.

mod blocks;
mod checkpoints;
mod columns;
mod flusher;
mod frame;
mod hash;
mod high_water;
mod index;
mod marks;
mod reader;
mod recent;
mod recover;
mod restore;
mod retention;
mod sealer;
mod sealing;
mod sequencer;
mod shared;
mod stamps;
mod summary;
#[cfg(test)]
pub(crate) mod testing;

use crate::{
    Accepted, Bounds, Commit, CommitError, Committed, Entries, Filter, Log, LogError, PlacedHead,
};
use async_trait::async_trait;
use flusher::Flusher;
use headroom_model::{Checkpoint, Record, Seq, Service, Span};
pub use restore::Restore;
use retention::Retention;
use sealer::Sealer;
use sequencer::{Request, Sequencer};
use serde::{Deserialize, Serialize};
use shared::Shared;
use stamps::Ahead;
use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Requests that may wait for the writer: as many as the most collectors and machines that one process is meant to run.
/// Whoever comes then waits for room, so nothing is buffered without bound.
const QUEUE: usize = 1024;

/// How an embedded log is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// How long events stay, in milliseconds; 7 days unless set. What a machine needs to start again stays longer: all
    /// after its newest checkpoint, and everything while one that has worked has none.
    pub max_age: Span,
    /// How long the ledger stays, in milliseconds; a year unless set.
    pub ledger_age: Span,
    /// Memory for sled's cache, in bytes; 32 MiB unless set.
    pub cache_bytes: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_age: Span::seconds(7 * 24 * 3600),
            ledger_age: Span::seconds(365 * 24 * 3600),
            cache_bytes: 32 << 20,
        }
    }
}

/// What a log has written since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Groups that were flushed into sled.
    pub young_groups: u64,
    /// Groups that were flushed as sealed blocks.
    pub sealed_groups: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

/// A log in a directory of this machine. Dropping it finishes what was asked and closes it; streams that still read keep
/// the directory locked until they are dropped as well.
#[derive(Debug)]
pub struct EmbeddedLog {
    shared: Arc<Shared>,
    ahead: Ahead,
    id: String,
    archive: bool,
    requests: Option<mpsc::Sender<Request>>,
    threads: Vec<JoinHandle<()>>,
}

impl EmbeddedLog {
    /// Opens the log in `dir`, or makes it. Reads what a crash left, so it can take a moment; it blocks.
    ///
    /// # Errors
    /// [`LogError::Refused`] when another process has it open; [`LogError::Storage`] when the directory cannot be used
    /// or its index cannot be read, with what to do about it.
    pub fn open(dir: &Path, settings: &Settings) -> Result<Self, LogError> {
        let recovered = recover::open(dir, settings)?;
        let shared = Arc::clone(&recovered.shared);
        let ahead = recovered.stamps.ahead();
        let sequencer = Sequencer::new(Arc::clone(&shared), recovered.stamps, recovered.recent);
        let flusher = Flusher {
            shared: recovered.shared,
            blocks: recovered.blocks,
            high_water: recovered.high_water,
            retention: Retention::new(settings.max_age, settings.ledger_age),
            last: recovered.last,
        };
        let (requests, queue) = mpsc::channel(QUEUE);
        let sealer = Sealer::new(shared.young().groups.clone());
        // Nothing waits between the threads: one group is flushed, one is encoded, one is put in order, and the rest are
        // requests and become the next.
        let (taken, to_encode) = std::sync::mpsc::sync_channel(0);
        let (groups, to_flush) = std::sync::mpsc::sync_channel(0);
        let threads = vec![
            spawn(dir, "log-sequencer", move || sequencer.run(queue, &taken))?,
            spawn(dir, "log-sealer", move || sealer.run(&to_encode, &groups))?,
            spawn(dir, "log-flusher", move || flusher.run(&to_flush))?,
        ];
        Ok(Self {
            shared,
            ahead,
            id: marks::id(dir)?,
            archive: marks::is_archive(dir)?,
            requests: Some(requests),
            threads,
        })
    }

    /// What was written since the log was opened.
    #[must_use]
    pub fn written(&self) -> Written {
        let counters = &self.shared.written;
        Written {
            young_groups: counters.young_groups.load(Ordering::Relaxed),
            sealed_groups: counters.sealed_groups.load(Ordering::Relaxed),
            bytes: counters.bytes.load(Ordering::Relaxed),
        }
    }

    /// Whether it was imported, and so takes nothing.
    #[must_use]
    pub fn is_archive(&self) -> bool {
        self.archive
    }

    fn check_archive(&self) -> Result<(), LogError> {
        if self.archive {
            return Err(LogError::Refused(format!(
                "the log in {} was imported, to be read: it takes nothing more; use another directory for a log that goes on",
                self.shared.dir.display()
            )));
        }
        Ok(())
    }

    async fn ask(&self, request: Request) -> Result<(), LogError> {
        self.check_archive()?;
        let requests = self.requests.as_ref().ok_or_else(stopped)?;
        requests.send(request).await.map_err(|_| stopped())
    }
}

impl Drop for EmbeddedLog {
    fn drop(&mut self) {
        self.requests = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("a thread of the log had panicked");
            }
        }
    }
}

#[async_trait]
impl Log for EmbeddedLog {
    async fn append(&self, facts: Vec<Record>) -> Result<Vec<Accepted>, LogError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Append(facts, reply)).await?;
        answer.await.map_err(|_| stopped())?
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let (reply, answer) = oneshot::channel();
        self.ask(Request::Commit(Box::new(commit), reply)).await?;
        answer
            .await
            .map_err(|_| CommitError::Unknown(stopped().to_string()))?
    }

    async fn id(&self) -> Result<Option<String>, LogError> {
        Ok(Some(self.id.clone()))
    }

    fn ahead(&self) -> Span {
        self.ahead.span()
    }

    async fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError> {
        Ok(self.shared.young().heads.get(&service).cloned())
    }

    async fn read(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        Ok(reader::read(Arc::clone(&self.shared), from, filter))
    }

    async fn follow(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        Ok(reader::follow(Arc::clone(&self.shared), from, filter))
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        Ok(self.shared.bounds())
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.checkpoints.save(&checkpoint)).await?
    }

    async fn checkpoint(
        &self,
        service: Service,
        not_after: Seq,
    ) -> Result<Option<Checkpoint>, LogError> {
        let shared = Arc::clone(&self.shared);
        blocking(move || shared.checkpoints.newest(service, not_after)).await
    }

    async fn ledger(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        Ok(reader::read_ledger(Arc::clone(&self.shared), from, filter))
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, LogError> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| stopped())
}

fn spawn(
    dir: &Path,
    name: &str,
    work: impl FnOnce() + Send + 'static,
) -> Result<JoinHandle<()>, LogError> {
    std::thread::Builder::new()
        .name(name.into())
        .spawn(work)
        .map_err(|error| storage_error("start a thread for", dir, &error))
}

fn stopped() -> LogError {
    LogError::Unavailable("its writer has stopped; open the log again".into())
}

/// The disk did not do something, and what helps.
fn storage_error(doing: &str, path: &Path, error: &dyn Display) -> LogError {
    let error = error.to_string();
    let mend = if error.contains("No space left") {
        "the disk is full: make room and start again; nothing that was acknowledged is lost"
    } else {
        "look after the disk and the rights of the directory, then start again"
    };
    LogError::Storage(format!(
        "cannot {doing} {}: {error}; {mend}",
        path.display()
    ))
}

/// The index cannot be opened, and what helps.
fn open_error(path: &Path, error: &dyn Display) -> LogError {
    let error = error.to_string();
    if error.contains("No space left") || error.contains("Permission denied") {
        return storage_error("open", path, &error);
    }
    LogError::Storage(format!(
        "cannot open {}: {error}; move that directory aside and start again: everything sealed is indexed anew from the \
         blocks beside it, and positions that are lost are named when they are read",
        path.display()
    ))
}
