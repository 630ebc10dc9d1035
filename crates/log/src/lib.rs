//! The event log: one ordered stream of events, behind one small trait.
//!
//! [`memory`] is for tests and the simulator, `embedded` needs no server, `nats` is JetStream. All three pass one contract suite.

#[cfg(feature = "contract")]
pub mod contract;
pub mod embedded;
pub mod filter;
pub mod memory;
pub mod nats;
pub mod patient;
pub mod socket;

pub use filter::{Filter, Place};

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use headroom_model::{Checkpoint, Head, Record, Seq, Service, Span, Timestamp, head::BATCH};
use thiserror::Error;

/// One ordered stream of events that many may read and each service may add to.
#[async_trait]
pub trait Log: Send + Sync + 'static {
    /// Adds facts from outside, in order. `stamp` and `seq` of the records are ignored: the log gives them.
    ///
    /// When this fails, a prefix may have been accepted, or any of a collector's facts: append them again. A fact whose
    /// id is among the recent ones (at least two minutes) of the same producer is not written again: its
    /// [`Accepted::duplicate`] says so.
    async fn append(&self, facts: Vec<Record>) -> Result<Vec<Accepted>, LogError>;

    /// Adds a head and its outputs in one atomic step, or a single output without a head, if the newest head of that
    /// machine is still the `expected` one.
    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError>;

    /// Whether a commit with a head and outputs costs so much more than a single output that a few of them are better
    /// committed one by one.
    fn prefers_single_outputs(&self) -> bool {
        false
    }

    /// Whether the log can be reached now; answers soon, whatever the state of things. A follower does not say: silence is
    /// no failure. A log within the process always can.
    async fn reachable(&self) -> Result<(), LogError> {
        Ok(())
    }

    /// The name of this log among all that ever were: positions and generations of another one mean nothing in it. `None`
    /// when it has none, as in memory.
    async fn id(&self) -> Result<Option<String>, LogError> {
        Ok(None)
    }

    /// How far the stamps that this log gives are ahead of the clock that it goes by. Zero unless that clock was put back,
    /// or was ahead before.
    fn ahead(&self) -> Span {
        Span::ZERO
    }

    /// The newest head of a machine, with its position.
    async fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError>;

    /// Everything from `from` on that passes the filter, up to the end of the log as it is now. Chunks are never empty.
    async fn read(&self, from: Seq, filter: Filter) -> Result<Entries, LogError>;

    /// Like [`Log::read`], and goes on with what comes. Ends only with an error.
    async fn follow(&self, from: Seq, filter: Filter) -> Result<Entries, LogError>;

    /// Where the log begins and ends.
    async fn bounds(&self) -> Result<Bounds, LogError>;

    /// Keeps a checkpoint. Older ones of the same machine stay until retention takes the events before them.
    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError>;

    /// The newest checkpoint of a machine that is not past `not_after`.
    async fn checkpoint(
        &self,
        service: Service,
        not_after: Seq,
    ) -> Result<Option<Checkpoint>, LogError>;

    /// What is kept for a year: policies, overrides, decisions and actuations. Positions are those of the log.
    async fn ledger(&self, from: Seq, filter: Filter) -> Result<Entries, LogError>;
}

/// A stream of chunks of entries, in order.
pub type Entries = BoxStream<'static, Result<Vec<Entry>, LogError>>;

/// The last that a machine wrote: in its newest commit, whose head this is, or one by one under that.
///
/// # Errors
/// When the log cannot be read.
pub async fn last_written(log: &dyn Log, newest: &PlacedHead) -> Result<Seq, LogError> {
    let mut last = Seq(newest.seq.0 + u64::from(newest.head.outputs));
    let own = Filter {
        services: vec![newest.head.service],
        machines: vec![newest.head.service],
        ..Filter::default()
    };
    let mut entries = log.read(last.next(), own).await?;
    while let Some(chunk) = entries.next().await {
        last = chunk?.last().map_or(last, Entry::seq).max(last);
    }
    Ok(last)
}

/// What stands at a position of the log.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// An event.
    Event(Record),
    /// The head of a commit.
    Head(PlacedHead),
    /// Something that cannot be read. What lies before and after still can.
    Damaged {
        /// The first position that is lost.
        first: Seq,
        /// The last one.
        last: Seq,
        /// What is wrong.
        detail: String,
    },
}

impl Entry {
    /// The position; of damage, the first.
    #[must_use]
    pub fn seq(&self) -> Seq {
        match self {
            Self::Event(record) => record.envelope.seq,
            Self::Head(head) => head.seq,
            Self::Damaged { first, .. } => *first,
        }
    }
}

/// A head and where it stands.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PlacedHead {
    /// Its position.
    pub seq: Seq,
    /// When the log accepted it.
    pub stamp: Timestamp,
    /// The head.
    pub head: Head,
}

/// A head and its outputs, to be added in one atomic step; or a single output, to be added under the head that stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// The position of the newest head that the writer knows; [`Seq::ZERO`] when there is none yet.
    pub expected: Seq,
    /// The head; `outputs` in it counts the outputs. Without one there is exactly one output, and a head to stand under.
    pub head: Option<Head>,
    /// The outputs, at most [`headroom_model::head::BATCH`] − 1.
    pub outputs: Vec<Record>,
}

impl Commit {
    /// The machine that commits.
    ///
    /// # Errors
    /// [`LogError::Refused`] when it is no commit: too long, miscounted, or without a head though it needs one.
    pub fn service(&self) -> Result<Service, LogError> {
        let refused = |what: String| Err(LogError::Refused(what));
        match (&self.head, &*self.outputs) {
            (Some(head), outputs) if outputs.len() >= BATCH => refused(format!(
                "a commit of {} has {} outputs; at most {} fit beside its head",
                head.service,
                outputs.len(),
                BATCH - 1
            )),
            (Some(head), outputs) if usize::try_from(head.outputs) != Ok(outputs.len()) => {
                refused(format!(
                    "the head of a commit of {} counts {} outputs, and there are {}",
                    head.service,
                    head.outputs,
                    outputs.len()
                ))
            }
            (Some(head), _) => Ok(head.service),
            (None, [output]) if self.expected > Seq::ZERO => Ok(output.envelope.producer.service),
            (None, outputs) => refused(format!(
                "{} outputs come without a head, under the one at {}; without a head goes exactly one, under a head that stands",
                outputs.len(),
                self.expected
            )),
        }
    }
}

/// A commit that the log took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where the head stands, output number `i` (from 0) at `at + 1 + i`; without a head, where the output stands.
    pub at: Seq,
}

/// A fact that the log has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Accepted {
    /// Where it stands.
    pub seq: Seq,
    /// The log had it before.
    pub duplicate: bool,
}

/// Where a log begins and ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Bounds {
    /// The first position still there; one past `last` when the log is empty.
    pub first: Seq,
    /// The last position given; 0 before the first.
    pub last: Seq,
    /// The stamp of the last entry.
    pub last_stamp: Timestamp,
}

/// Why the log did not do something.
#[derive(Debug, Error)]
pub enum LogError {
    /// It cannot be reached or does not answer now: wait and try again.
    #[error("the log is out of reach: {0}")]
    Unavailable(String),
    /// It will not do that, now or later, until someone changes something.
    #[error("{0}")]
    Refused(String),
    /// The disk is full, or it failed.
    #[error("the log cannot write: {0}")]
    Storage(String),
}

/// Why a commit was not taken.
#[derive(Debug, Error)]
pub enum CommitError {
    /// Another head is the newest. If it carries the writer's own commit id, the commit had succeeded and its ack was lost.
    #[error("another commit of this machine came first")]
    Conflict,
    /// Nobody knows yet whether it was taken: send the very same commit again.
    #[error("no answer to a commit: {0}")]
    Unknown(String),
    /// It was not taken, and the log says why.
    #[error(transparent)]
    Log(#[from] LogError),
}
