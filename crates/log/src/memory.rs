//! The log in memory: for tests and the simulator. [`Store`] is the log itself, step by step and without a clock;
//! [`MemoryLog`] puts it behind the [`Log`] trait.

use crate::{
    Accepted, Bounds, Commit, CommitError, Committed, Entries, Entry, Filter, Log, LogError,
    PlacedHead,
};
use async_trait::async_trait;
use futures::StreamExt as _;
use headroom_model::{Checkpoint, EventId, Kind, Record, Seq, Service, Span, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a collector's fact is recognised when it comes again; NATS' duplicate window is as long.
pub const DUPLICATE_WINDOW: Span = Span::seconds(120);

/// How many entries a chunk of a read holds at most.
const CHUNK: usize = 1000;

/// The kinds that the ledger keeps.
pub const LEDGER_KINDS: [Kind; 7] = [
    Kind::PolicyApplied,
    Kind::PolicyRemoved,
    Kind::OverrideSet,
    Kind::OverrideCleared,
    Kind::Decided,
    Kind::ActuationStarted,
    Kind::Actuated,
];

/// One ordered log, without a clock: the caller says what time it is.
#[derive(Clone, Debug, Default)]
pub struct Store {
    entries: Vec<Entry>,
    forgotten: u64,
    /// What the ledger keeps of the entries that are forgotten.
    outlived: Vec<Entry>,
    last_stamp: Timestamp,
    heads: BTreeMap<Service, PlacedHead>,
    recent: BTreeMap<EventId, (Seq, Timestamp)>,
    checkpoints: BTreeMap<(Service, Seq), Checkpoint>,
}

impl Store {
    fn stamp(&mut self, now: Timestamp) -> Timestamp {
        self.last_stamp = self.last_stamp.max(now);
        self.last_stamp
    }

    fn push(&mut self, mut record: Record, stamp: Timestamp) -> Seq {
        let seq = self.bounds().last.next();
        record.envelope.seq = seq;
        record.envelope.stamp = stamp;
        self.entries.push(Entry::Event(record));
        seq
    }

    /// Adds facts; a collector's fact that came within [`DUPLICATE_WINDOW`] already is not added again.
    pub fn append(&mut self, now: Timestamp, facts: Vec<Record>) -> Vec<Accepted> {
        let stamp = self.stamp(now);
        self.recent
            .retain(|_, (_, at)| stamp.since(*at) <= DUPLICATE_WINDOW);
        facts
            .into_iter()
            .map(|fact| {
                let id = fact.envelope.id;
                if let Some((seq, _)) = self.recent.get(&id) {
                    return Accepted {
                        seq: *seq,
                        duplicate: true,
                    };
                }
                let collected = fact.envelope.producer.service == Service::Collector;
                let seq = self.push(fact, stamp);
                if collected {
                    self.recent.insert(id, (seq, stamp));
                }
                Accepted {
                    seq,
                    duplicate: false,
                }
            })
            .collect()
    }

    /// Adds a head and its outputs, or a single output, if the expected head is still the newest.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] when it is not.
    pub fn commit(&mut self, now: Timestamp, commit: Commit) -> Result<Committed, CommitError> {
        let service = commit.service()?;
        if self.heads.get(&service).map_or(Seq::ZERO, |head| head.seq) != commit.expected {
            return Err(CommitError::Conflict);
        }
        let stamp = self.stamp(now);
        let at = self.bounds().last.next();
        if let Some(head) = commit.head {
            let placed = PlacedHead {
                seq: at,
                stamp,
                head,
            };
            self.entries.push(Entry::Head(placed.clone()));
            self.heads.insert(service, placed);
        }
        for output in commit.outputs {
            self.push(output, stamp);
        }
        Ok(Committed { at })
    }

    /// The newest head of a machine.
    #[must_use]
    pub fn head(&self, service: Service) -> Option<&PlacedHead> {
        self.heads.get(&service)
    }

    /// Every entry from `from` on.
    #[must_use]
    pub fn entries(&self, from: Seq) -> &[Entry] {
        let skip = from
            .0
            .saturating_sub(self.forgotten + 1)
            .min(self.entries.len() as u64);
        &self.entries[usize::try_from(skip).expect("it is at most the length of a vector")..]
    }

    /// Where the log begins and ends.
    #[must_use]
    pub fn bounds(&self) -> Bounds {
        Bounds {
            first: Seq(self.forgotten + 1),
            last: Seq(self.forgotten + self.entries.len() as u64),
            last_stamp: self.last_stamp,
        }
    }

    /// Everything that the ledger has, from `from` on.
    pub fn ledger(&self, from: Seq) -> impl Iterator<Item = &Entry> {
        let still_there = self.entries.iter().filter(|entry| in_ledger(entry));
        let all = self.outlived.iter().chain(still_there);
        all.filter(move |entry| entry.seq() >= from)
    }

    /// Forgets everything before `first`, as retention does; the ledger keeps what it keeps.
    pub fn forget_before(&mut self, first: Seq) {
        let count = first
            .0
            .saturating_sub(self.forgotten + 1)
            .min(self.entries.len() as u64);
        let forgotten = self
            .entries
            .drain(..usize::try_from(count).expect("it is at most the length of a vector"));
        self.outlived.extend(forgotten.filter(in_ledger));
        self.forgotten += count;
    }

    /// Keeps a checkpoint.
    pub fn save_checkpoint(&mut self, checkpoint: Checkpoint) {
        self.checkpoints
            .insert((checkpoint.service, checkpoint.through), checkpoint);
    }

    /// The newest checkpoint of a machine that is not past `not_after`.
    #[must_use]
    pub fn checkpoint(&self, service: Service, not_after: Seq) -> Option<&Checkpoint> {
        self.checkpoints
            .range((service, Seq::ZERO)..=(service, not_after))
            .next_back()
            .map(|(_, checkpoint)| checkpoint)
    }
}

/// A [`Store`] behind the [`Log`] trait, stamped by a clock that only moves forward.
#[derive(Debug)]
pub struct MemoryLog {
    store: Arc<Mutex<Store>>,
    last: watch::Sender<Seq>,
    origin: Instant,
}

impl Default for MemoryLog {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self {
            store: Arc::default(),
            last: watch::Sender::new(Seq::ZERO),
            origin: Instant::now(),
        }
    }

    /// Forgets everything before `first`, as retention does.
    pub fn forget_before(&self, first: Seq) {
        self.store().forget_before(first);
    }

    fn store(&self) -> MutexGuard<'_, Store> {
        self.store
            .lock()
            .expect("no holder of this lock runs code that can panic")
    }

    fn now(&self) -> Timestamp {
        /// Any moment will do; this one lies in 2026.
        const START: i64 = 1_790_000_000_000;
        Timestamp(START).plus(Span(
            u64::try_from(self.origin.elapsed().as_millis()).unwrap_or(u64::MAX),
        ))
    }

    fn told(&self) {
        let last = self.store().bounds().last;
        self.last.send_replace(last);
    }
}

fn in_ledger(entry: &Entry) -> bool {
    matches!(entry, Entry::Event(event) if LEDGER_KINDS.contains(&event.envelope.kind))
}

fn chosen(store: &Store, from: Seq, until: Seq, filter: &Filter) -> Vec<Entry> {
    store
        .entries(from)
        .iter()
        .take_while(|entry| entry.seq() <= until)
        .filter(|entry| filter.passes_entry(entry))
        .cloned()
        .collect()
}

fn chunks(entries: Vec<Entry>) -> Vec<Result<Vec<Entry>, LogError>> {
    let mut rest = entries.into_iter();
    std::iter::from_fn(|| {
        let chunk: Vec<_> = rest.by_ref().take(CHUNK).collect();
        (!chunk.is_empty()).then_some(Ok(chunk))
    })
    .collect()
}

#[async_trait]
impl Log for MemoryLog {
    async fn append(&self, facts: Vec<Record>) -> Result<Vec<Accepted>, LogError> {
        let accepted = self.store().append(self.now(), facts);
        self.told();
        Ok(accepted)
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        let committed = self.store().commit(self.now(), commit)?;
        self.told();
        Ok(committed)
    }

    async fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError> {
        Ok(self.store().head(service).cloned())
    }

    async fn read(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        let store = self.store();
        let entries = chosen(&store, from, store.bounds().last, &filter);
        Ok(futures::stream::iter(chunks(entries)).boxed())
    }

    async fn follow(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        let (store, last) = (Arc::clone(&self.store), self.last.subscribe());
        let stream =
            futures::stream::unfold((from, store, last), move |(mut from, store, mut last)| {
                let filter = filter.clone();
                async move {
                    loop {
                        let until = *last.borrow_and_update();
                        let entries = {
                            let store = store
                                .lock()
                                .expect("no holder of this lock runs code that can panic");
                            chosen(&store, from, until, &filter)
                        };
                        from = from.max(until.next());
                        if !entries.is_empty() {
                            return Some((chunks(entries), (from, store, last)));
                        }
                        last.changed().await.ok()?;
                    }
                }
            });
        Ok(stream.flat_map(futures::stream::iter).boxed())
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        Ok(self.store().bounds())
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        self.store().save_checkpoint(checkpoint);
        Ok(())
    }

    async fn checkpoint(
        &self,
        service: Service,
        not_after: Seq,
    ) -> Result<Option<Checkpoint>, LogError> {
        Ok(self.store().checkpoint(service, not_after).cloned())
    }

    async fn ledger(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        let store = self.store();
        let entries = store.ledger(from);
        let entries = entries
            .filter(|entry| filter.passes_entry(entry))
            .cloned()
            .collect();
        Ok(futures::stream::iter(chunks(entries)).boxed())
    }
}
