//! A memory log whose appends can be made to fail, hang or be refused.

use async_trait::async_trait;
use headroom_log::{
    Accepted, Bounds, Commit, CommitError, Committed, Entries, Filter, Log, LogError, PlacedHead,
    memory::MemoryLog,
};
use headroom_model::{Checkpoint, Record, Seq, Service};
use std::sync::Mutex;

/// What becomes of facts of collectors.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// They are written.
    #[default]
    Well,
    /// The log is out of reach.
    Out,
    /// It takes them and never answers.
    Silent,
    /// It writes them, and the answer is lost.
    AckLost,
    /// It refuses every batch with a fact about this workload.
    Refuses(String),
}

/// A memory log with moods. What operators write is always taken.
#[derive(Default)]
pub struct MoodyLog {
    inner: MemoryLog,
    mood: Mutex<Mood>,
    tries: Mutex<usize>,
}

impl MoodyLog {
    pub fn set(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }

    /// How many batches of collectors came so far, taken or not.
    pub fn tries(&self) -> usize {
        *self.tries.lock().unwrap()
    }
}

#[async_trait]
impl Log for MoodyLog {
    async fn append(&self, facts: Vec<Record>) -> Result<Vec<Accepted>, LogError> {
        let of_collector = |fact: &Record| fact.envelope.producer.service == Service::Collector;
        if !facts.iter().any(of_collector) {
            return self.inner.append(facts).await;
        }
        *self.tries.lock().unwrap() += 1;
        let mood = self.mood.lock().unwrap().clone();
        match mood {
            Mood::Well => {}
            Mood::Out => return Err(LogError::Unavailable("no route".to_owned())),
            Mood::Silent => std::future::pending().await,
            Mood::AckLost => {
                self.inner.append(facts).await?;
                return Err(LogError::Unavailable("the answer was lost".to_owned()));
            }
            Mood::Refuses(name) => {
                let named = |fact: &Record| fact.envelope.subject.name() == name;
                if facts.iter().any(named) {
                    return Err(LogError::Refused("too large".to_owned()));
                }
            }
        }
        self.inner.append(facts).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.inner.commit(commit).await
    }

    async fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError> {
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
