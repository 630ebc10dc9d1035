//! A log in memory that can be held up, be out of reach, lose an ack, or refuse a fact.

use async_trait::async_trait;
use headroom_log::memory::MemoryLog;
use headroom_log::{
    Accepted, Bounds, Commit, CommitError, Committed, Entries, Filter, Log, LogError, PlacedHead,
};
use headroom_model::{Checkpoint, Kind, Record, Seq, Service};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Everything is well until a switch is set.
#[derive(Default)]
pub(crate) struct MoodyLog {
    inner: MemoryLog,
    /// Checkpoints are taken and never acknowledged.
    pub(crate) never_saves: AtomicBool,
    /// It says that it is out of reach, though nothing fails.
    pub(crate) out_of_reach: AtomicBool,
    /// The next commit that names a checkpoint is taken, and answered as if another had come first.
    pub(crate) hides_a_commit: AtomicBool,
    /// Commits are refused, and nobody can say which head is the newest.
    pub(crate) loses_track: AtomicBool,
    /// So many outcomes of attempts are refused.
    pub(crate) refuses_outcomes: AtomicU32,
    /// The next commit of the actuator blocks the thread that asks for it for so many milliseconds.
    pub(crate) blocks_for: AtomicU64,
    /// Outcomes are taken so many milliseconds late.
    pub(crate) slow_outcomes: AtomicU64,
    /// How often an outcome came to be written.
    pub(crate) outcomes: AtomicU32,
    /// Called when a machine is given up.
    pub(crate) at_release: OnceLock<Box<dyn Fn() + Send + Sync>>,
}

fn is_outcome(fact: &Record) -> bool {
    fact.envelope.kind == Kind::Actuated
}

fn less_one(count: u32) -> Option<u32> {
    count.checked_sub(1)
}

#[async_trait]
impl Log for MoodyLog {
    async fn append(&self, facts: Vec<Record>) -> Result<Vec<Accepted>, LogError> {
        if facts.iter().any(is_outcome) {
            self.outcomes.fetch_add(1, Ordering::SeqCst);
            let late = Duration::from_millis(self.slow_outcomes.load(Ordering::SeqCst));
            tokio::time::sleep(late).await;
            let left = &self.refuses_outcomes;
            if left
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, less_one)
                .is_ok()
            {
                return Err(LogError::Refused("too large".to_owned()));
            }
        }
        self.inner.append(facts).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        if self.loses_track.load(Ordering::SeqCst) {
            return Err(CommitError::Conflict);
        }
        let head = commit.head.as_ref();
        if head.is_some_and(|head| head.service == Service::Actuator) {
            let blocked = Duration::from_millis(self.blocks_for.swap(0, Ordering::SeqCst));
            tokio::task::block_in_place(|| std::thread::sleep(blocked));
        }
        if head.is_some_and(|head| head.released) {
            self.at_release.get().inspect(|call| call());
        }
        let named = head.is_some_and(|head| head.checkpoint.is_some());
        let taken = self.inner.commit(commit).await?;
        if named && self.hides_a_commit.swap(false, Ordering::SeqCst) {
            return Err(CommitError::Conflict);
        }
        Ok(taken)
    }

    async fn reachable(&self) -> Result<(), LogError> {
        match self.out_of_reach.load(Ordering::SeqCst) {
            true => Err(LogError::Unavailable("no route".to_owned())),
            false => Ok(()),
        }
    }

    async fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError> {
        if self.loses_track.load(Ordering::SeqCst) {
            return Err(LogError::Unavailable("no leader".to_owned()));
        }
        self.inner.head(service).await
    }

    async fn read(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        self.inner.read(from, filter).await
    }

    async fn follow(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        self.inner.follow(from, filter).await
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        self.inner.bounds().await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        if self.never_saves.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.inner.save_checkpoint(checkpoint).await
    }

    async fn checkpoint(
        &self,
        service: Service,
        not_after: Seq,
    ) -> Result<Option<Checkpoint>, LogError> {
        self.inner.checkpoint(service, not_after).await
    }

    async fn ledger(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        self.inner.ledger(from, filter).await
    }
}
