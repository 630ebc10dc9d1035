//! A log for those who rather wait than fail: while the one beneath is out of reach, every question is asked again.

use crate::{
    Accepted, Bounds, Commit, CommitError, Committed, Entries, Entry, Filter, Log, LogError,
    PlacedHead,
};
use async_trait::async_trait;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use headroom_model::{Checkpoint, Record, Seq, Service, Span};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep};

/// How long to wait before asking again.
const PAUSE: Duration = Duration::from_millis(250);

/// How long someone waits for a log that is out of reach, and what is told when the waiting begins.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long after the first failure.
    pub limit: Duration,
    /// Told of the failure that one waits for, once each time.
    pub tell: fn(&LogError),
}

impl Patience {
    /// Asks until there is an answer other than [`LogError::Unavailable`], or patience ends.
    ///
    /// # Errors
    /// The last failure.
    pub async fn ask<T, F>(self, mut question: impl FnMut() -> F) -> Result<T, LogError>
    where
        F: Future<Output = Result<T, LogError>>,
    {
        let mut wait = Wait::new(self);
        loop {
            match question().await {
                Err(error) => wait.after(error).await?,
                answer => return answer,
            }
        }
    }
}

/// One time of waiting: from the first failure to the next answer.
struct Wait {
    patience: Patience,
    until: Option<Instant>,
}

impl Wait {
    fn new(patience: Patience) -> Self {
        Self {
            patience,
            until: None,
        }
    }

    /// Waits a little after a failure that may pass; gives any other back, and this one when patience has ended.
    async fn after(&mut self, error: LogError) -> Result<(), LogError> {
        if !matches!(error, LogError::Unavailable(_)) {
            return Err(error);
        }
        let patience = self.patience;
        let until = *self.until.get_or_insert_with(|| {
            (patience.tell)(&error);
            Instant::now() + patience.limit
        });
        if Instant::now() + PAUSE > until {
            return Err(error);
        }
        sleep(PAUSE).await;
        Ok(())
    }
}

/// A log that waits while the one beneath is out of reach. Reads go on where they stopped. Facts and commits are sent once:
/// without an answer nobody knows whether the log has them, and what to do then is for those who sent them to say.
pub struct Patient {
    log: Arc<dyn Log>,
    patience: Patience,
}

impl Patient {
    /// Waits on behalf of those who use `log`.
    #[must_use]
    pub fn new(log: Arc<dyn Log>, patience: Patience) -> Self {
        Self { log, patience }
    }

    fn stream(&self, way: Way, from: Seq, filter: Filter) -> Entries {
        let reading = Reading {
            source: Source {
                log: Arc::clone(&self.log),
                way,
                filter,
            },
            next: from,
            entries: None,
            wait: Wait::new(self.patience),
        };
        stream::try_unfold(reading, Reading::step).boxed()
    }
}

#[async_trait]
impl Log for Patient {
    async fn append(&self, facts: Vec<Record>) -> Result<Vec<Accepted>, LogError> {
        // Waits before, never after: what was not answered for may be in the log, and must not be there twice.
        self.bounds().await?;
        self.log.append(facts).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.log.commit(commit).await
    }

    fn prefers_single_outputs(&self) -> bool {
        self.log.prefers_single_outputs()
    }

    async fn reachable(&self) -> Result<(), LogError> {
        self.log.reachable().await
    }

    async fn id(&self) -> Result<Option<String>, LogError> {
        self.patience.ask(|| self.log.id()).await
    }

    fn ahead(&self) -> Span {
        self.log.ahead()
    }

    async fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError> {
        self.patience.ask(|| self.log.head(service)).await
    }

    async fn read(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        Ok(self.stream(Way::Read, from, filter))
    }

    async fn follow(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        Ok(self.stream(Way::Follow, from, filter))
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        self.patience.ask(|| self.log.bounds()).await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        let save = || self.log.save_checkpoint(checkpoint.clone());
        self.patience.ask(save).await
    }

    async fn checkpoint(
        &self,
        service: Service,
        not_after: Seq,
    ) -> Result<Option<Checkpoint>, LogError> {
        let find = || self.log.checkpoint(service, not_after);
        self.patience.ask(find).await
    }

    async fn ledger(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        Ok(self.stream(Way::Ledger, from, filter))
    }
}

/// What is read, and how.
#[derive(Clone, Copy)]
enum Way {
    Read,
    Follow,
    Ledger,
}

/// Where a stream comes from.
struct Source {
    log: Arc<dyn Log>,
    way: Way,
    filter: Filter,
}

impl Source {
    async fn open(&self, from: Seq) -> Result<Entries, LogError> {
        let filter = self.filter.clone();
        match self.way {
            Way::Read => self.log.read(from, filter).await,
            Way::Follow => self.log.follow(from, filter).await,
            Way::Ledger => self.log.ledger(from, filter).await,
        }
    }
}

/// A stream that is opened, and opened again after a failure where it stopped.
struct Reading {
    source: Source,
    next: Seq,
    entries: Option<Entries>,
    wait: Wait,
}

impl Reading {
    async fn step(mut self) -> Result<Option<(Vec<Entry>, Self)>, LogError> {
        loop {
            match self.chunk().await {
                Ok(None) => return Ok(None),
                Ok(Some(chunk)) => {
                    self.next = chunk.last().map_or(self.next, after);
                    self.wait.until = None;
                    return Ok(Some((chunk, self)));
                }
                Err(error) => {
                    self.entries = None;
                    self.wait.after(error).await?;
                }
            }
        }
    }

    async fn chunk(&mut self) -> Result<Option<Vec<Entry>>, LogError> {
        let entries = match &mut self.entries {
            Some(entries) => entries,
            None => {
                let entries = self.source.open(self.next).await?;
                self.entries.insert(entries)
            }
        };
        entries.try_next().await
    }
}

/// The position after an entry.
fn after(entry: &Entry) -> Seq {
    match entry {
        Entry::Damaged { last, .. } => last.next(),
        other => other.seq().next(),
    }
}
