//! A log that waits: over one that is out of reach half of the time, it keeps the contract as if nothing were wrong.

use async_trait::async_trait;
use futures::StreamExt as _;
use headroom_log::memory::MemoryLog;
use headroom_log::patient::{Patience, Patient};
use headroom_log::{
    Accepted, Bounds, Commit, CommitError, Committed, Entries, Entry, Filter, Log, LogError,
    PlacedHead, contract,
};
use headroom_model::{Checkpoint, Record, Seq, Service};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const PATIENCE: Patience = Patience {
    limit: Duration::from_secs(15),
    tell: |_| {},
};

/// What is wrong with a log.
#[derive(Clone, Copy)]
enum Trouble {
    /// Every second question or so finds it out of reach, and every stream breaks off after two short chunks. What is
    /// written arrives.
    Shaky,
    /// It takes what is appended, and loses the ack.
    LosesAcks,
    /// It fails, always.
    Fails(fn() -> LogError),
}

struct Troubled {
    inner: MemoryLog,
    trouble: Trouble,
    asked: AtomicU32,
    appends: AtomicU32,
}

fn unavailable() -> LogError {
    LogError::Unavailable("it is choosing a leader".to_owned())
}

impl Troubled {
    fn with(trouble: Trouble) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryLog::new(),
            trouble,
            asked: AtomicU32::new(0),
            appends: AtomicU32::new(0),
        })
    }

    fn reached(&self) -> Result<(), LogError> {
        let number = self.asked.fetch_add(1, Ordering::SeqCst);
        match self.trouble {
            // Fibonacci hashing: no two askers can take turns with it.
            Trouble::Shaky if number.wrapping_mul(0x9E37_79B1) >> 31 == 0 => Err(unavailable()),
            Trouble::Fails(error) => Err(error()),
            Trouble::Shaky | Trouble::LosesAcks => Ok(()),
        }
    }

    /// A stream fails when it is read, not when it is opened.
    fn stream(&self, entries: Entries) -> Entries {
        match self.trouble {
            Trouble::Shaky => broken(entries),
            Trouble::LosesAcks => entries,
            Trouble::Fails(error) => futures::stream::iter([Err(error())]).boxed(),
        }
    }

    fn opened(&self) -> Result<(), LogError> {
        match self.trouble {
            Trouble::Fails(_) => Ok(()),
            Trouble::Shaky | Trouble::LosesAcks => self.reached(),
        }
    }
}

/// The first entries, in two chunks, and then a failure if there are more.
fn broken(entries: Entries) -> Entries {
    let chunks = entries.flat_map(|chunk| {
        let entries = chunk.unwrap_or_default();
        let short: Vec<_> = entries.chunks(90).map(|part| Ok(part.to_vec())).collect();
        futures::stream::iter(short)
    });
    let cut = chunks.enumerate().map(|(place, chunk)| match place {
        0 | 1 => chunk,
        _ => Err(unavailable()),
    });
    cut.take(3).boxed()
}

#[async_trait]
impl Log for Troubled {
    async fn append(&self, facts: Vec<Record>) -> Result<Vec<Accepted>, LogError> {
        self.appends.fetch_add(1, Ordering::SeqCst);
        let accepted = self.inner.append(facts).await?;
        match self.trouble {
            Trouble::LosesAcks => Err(unavailable()),
            Trouble::Shaky | Trouble::Fails(_) => Ok(accepted),
        }
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        self.inner.commit(commit).await
    }

    async fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError> {
        self.reached()?;
        self.inner.head(service).await
    }

    async fn read(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        self.opened()?;
        Ok(self.stream(self.inner.read(from, filter).await?))
    }

    async fn follow(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        self.opened()?;
        Ok(self.stream(self.inner.follow(from, filter).await?))
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        self.reached()?;
        self.inner.bounds().await
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        self.reached()?;
        self.inner.save_checkpoint(checkpoint).await
    }

    async fn checkpoint(
        &self,
        service: Service,
        not_after: Seq,
    ) -> Result<Option<Checkpoint>, LogError> {
        self.reached()?;
        self.inner.checkpoint(service, not_after).await
    }

    async fn ledger(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        self.opened()?;
        Ok(self.stream(self.inner.ledger(from, filter).await?))
    }
}

#[tokio::test(start_paused = true)]
async fn over_a_log_that_is_out_of_reach_half_of_the_time_the_contract_is_kept() {
    contract::all(async || {
        Arc::new(Patient::new(Troubled::with(Trouble::Shaky), PATIENCE)) as Arc<dyn Log>
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn patience_ends_and_the_failure_is_told_once() {
    static TOLD: AtomicU32 = AtomicU32::new(0);
    let patience = Patience {
        tell: |_| {
            TOLD.fetch_add(1, Ordering::SeqCst);
        },
        ..PATIENCE
    };
    let log = Patient::new(Troubled::with(Trouble::Fails(unavailable)), patience);
    let start = Instant::now();
    let error = log.bounds().await.expect_err("nobody is there");
    assert!(matches!(error, LogError::Unavailable(_)), "{error}");
    let waited = start.elapsed();
    let limit = PATIENCE.limit;
    assert!(waited <= limit && waited > limit / 2, "{waited:?}");
    assert_eq!(TOLD.load(Ordering::SeqCst), 1);

    // A stream that breaks each time before it gives anything is no progress: it ends too, with an error.
    let mut entries = log.follow(Seq(1), Filter::default()).await.unwrap();
    let chunks: Vec<Result<Vec<Entry>, LogError>> = entries.by_ref().collect().await;
    assert!(
        matches!(&*chunks, [Err(LogError::Unavailable(_))]),
        "{chunks:?}"
    );
    assert_eq!(TOLD.load(Ordering::SeqCst), 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_not_answered_for_is_not_sent_again() {
    let silent = Troubled::with(Trouble::LosesAcks);
    let log = Patient::new(Arc::clone(&silent) as Arc<dyn Log>, PATIENCE);
    let error = log.append(contract::filler(0..1)).await.unwrap_err();
    assert!(matches!(error, LogError::Unavailable(_)), "{error}");
    assert_eq!(silent.appends.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn what_waiting_does_not_mend_is_told_at_once() {
    let full = Trouble::Fails(|| LogError::Storage("the disk is full".to_owned()));
    let log = Patient::new(Troubled::with(full), PATIENCE);
    let start = Instant::now();
    let error = log.bounds().await.unwrap_err();
    assert!(matches!(error, LogError::Storage(_)), "{error}");
    assert_eq!(start.elapsed(), Duration::ZERO);
}
