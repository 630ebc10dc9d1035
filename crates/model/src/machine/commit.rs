//! What a live machine and its shell say to each other about commits.

use crate::codec::DecodeError;
use crate::{EventId, Head, Record, Seq, Span};
use thiserror::Error;
use uuid::Uuid;

/// A moment on the shell's own steady clock, which nobody sets: only differences mean anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// How long ago `earlier` was; zero when it was not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }

    /// This moment plus `span`.
    #[must_use]
    pub fn plus(self, span: Span) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}

/// A commit to send.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The head that must still be the newest.
    pub expected: Seq,
    /// The new head. Without one there is a single output, which stands under the head that is expected.
    pub head: Option<Head>,
    /// The outputs.
    pub outputs: Vec<Record>,
}

impl Proposal {
    /// What tells this proposal from others of the same machine: the commit id of its head, or the id of its output.
    #[must_use]
    pub fn id(&self) -> Uuid {
        let output = || self.outputs.first().map(|output| output.envelope.id.0);
        let head = self.head.as_ref().map(|head| head.commit_id);
        head.or_else(output).unwrap_or_default()
    }

    /// Whether it gives the machine up.
    #[must_use]
    pub fn releases(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.released)
    }

    /// Whether it names a checkpoint.
    #[must_use]
    pub fn names_checkpoint(&self) -> bool {
        let head = self.head.as_ref();
        head.is_some_and(|head| head.checkpoint.is_some())
    }
}

/// A commit that is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where it begins: its head, or its only output.
    pub at: Seq,
    /// The ids of its outputs.
    pub outputs: Vec<EventId>,
}

/// What came of an event that a live machine was given.
#[derive(Debug)]
pub enum Taken {
    /// It was taken in, or it was none of its business.
    In,
    /// Its body cannot be read; it was passed over, as by every reader.
    Unreadable(DecodeError),
    /// It shows that a commit is in the log whose ack has not come.
    Committed(Committed),
}

/// What is to be done about a commit that was sent and not answered for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unanswered {
    /// Send it again as it is: the log takes it once.
    SendAgain,
    /// Nothing; the machine goes on from what it reads.
    GoOn,
}

/// Why an instance must stop.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Stop {
    /// A newer version is at work: it has the machine now.
    #[error(
        "behaviour version {theirs} of this machine is at work and this is version {ours}; the newer one goes on"
    )]
    Newer {
        /// Its version.
        theirs: u32,
        /// Our version.
        ours: u32,
    },
    /// The same version answered otherwise: a defect, and nothing to go on from.
    #[error(
        "the log has another answer at {seq} than this machine gives, in the same behaviour version: {detail}; keep the log (`headroom log export`) and report it"
    )]
    Defect {
        /// Where it stands.
        seq: Seq,
        /// What differs.
        detail: String,
    },
    /// An older version answered otherwise, or an answer cannot be read: fold what is recorded, and start again from there.
    #[error(
        "what was answered before {seq} is not what this version answers; folding again from the record"
    )]
    FoldAgain {
        /// Where it stands.
        seq: Seq,
    },
}
