//! What a replay found when it asked the machine for its own answers.

use crate::{Body, Kind, Seq, WorkloadId};
use std::collections::BTreeSet;

/// What a replay found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Audit {
    /// Inputs folded.
    pub inputs: u64,
    /// Recorded outputs compared.
    pub outputs: u64,
    /// Checkpoints reproduced.
    pub checkpoints: u64,
    /// Inputs at the end that the machine had not answered yet.
    pub unanswered: u64,
    /// Behaviour versions in the record other than this build's: differences are then no defect.
    pub other_behaviours: BTreeSet<u32>,
    /// The first differences, at most [`Audit::KEPT`] of them.
    pub differences: Vec<Difference>,
    /// How many differences there were.
    pub difference_count: u64,
}

/// One difference between the record and what this machine answers.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// The record lacks an output.
    Missing {
        /// The input.
        cause: Seq,
        /// The workload it is about.
        subject: WorkloadId,
        /// Its kind.
        kind: Kind,
    },
    /// The record has an output that this machine would not give.
    Extra {
        /// Where it stands.
        seq: Seq,
        /// The input.
        cause: Seq,
        /// Its kind.
        kind: Kind,
    },
    /// The record has another output.
    Changed {
        /// Where it stands.
        seq: Seq,
        /// The input.
        cause: Seq,
        /// Which parts differ.
        detail: String,
        /// What this machine answers.
        expected: Box<Body>,
        /// What the record has, if it can be read.
        recorded: Option<Box<Body>>,
    },
    /// The input of an output is not in the log.
    Orphan {
        /// Where the output stands.
        seq: Seq,
        /// Where its input should be.
        cause: Seq,
    },
    /// A checkpoint was not reproduced.
    Checkpoint {
        /// Its position.
        through: Seq,
        /// The hash that the head names.
        recorded: String,
        /// The hash of the state here.
        reproduced: String,
    },
}

impl Difference {
    /// Where in the log to look.
    #[must_use]
    pub fn seq(&self) -> Seq {
        match self {
            Self::Missing { cause, .. } => *cause,
            Self::Extra { seq, .. } | Self::Changed { seq, .. } | Self::Orphan { seq, .. } => *seq,
            Self::Checkpoint { through, .. } => *through,
        }
    }
}

impl Audit {
    /// How many differences are kept in full.
    pub const KEPT: usize = 100;

    pub(super) fn differ(&mut self, difference: Difference) {
        self.difference_count += 1;
        if self.differences.len() < Self::KEPT {
            self.differences.push(difference);
        }
    }

    pub(super) fn heard_of(&mut self, behaviour: u32, ours: u32) {
        if behaviour != ours {
            self.other_behaviours.insert(behaviour);
        }
    }
}
