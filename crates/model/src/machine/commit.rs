//! What a live machine and its shell say to each other about commits.

use crate::{EventId, Head, Record, Seq, Span};
use thiserror::Error;

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

/// A commit to send. Until its fate is known it is sent again as it is, so that a lost ack does no harm.
#[derive(Clone, Debug, PartialEq)]
pub struct Proposal {
    /// The head that must still be the newest.
    pub expected: Seq,
    /// The new head.
    pub head: Head,
    /// The outputs.
    pub outputs: Vec<Record>,
}

/// A commit that is in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Committed {
    /// Where its head stands.
    pub head: Seq,
    /// The ids of its outputs.
    pub outputs: Vec<EventId>,
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
    /// An older version answered otherwise: fold what it recorded, and start again from there.
    #[error(
        "an older behaviour version answered otherwise at {seq}; folding again from the record"
    )]
    FoldAgain {
        /// Where it stands.
        seq: Seq,
    },
}
