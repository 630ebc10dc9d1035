//! The head of a machine: what fences its commits, and how far it has answered.

use crate::{Seq, Service, Span, Timestamp, codec::DecodeError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// How far a machine has answered its inputs.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
pub struct Through {
    /// Every input up to here is fully answered.
    pub seq: Seq,
    /// How many outputs of the next input that has any are in the log already: one input's outputs may span commits.
    pub next_index: u32,
}

/// The first message of every commit, on the machine's own subject. The log accepts it only if no other head came
/// between, so the log is the lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Head {
    /// The machine.
    pub service: Service,
    /// The process that wrote it.
    pub instance: String,
    /// Grows by one each time another process takes over.
    pub epoch: u64,
    /// The behaviour version of the writer.
    pub behaviour: u32,
    /// How far inputs are answered once this commit's outputs are in the log.
    pub through: Through,
    /// Identifies the commit, so that a writer that lost an ack finds its own.
    pub commit_id: Uuid,
    /// How many outputs follow in the same commit.
    pub outputs: u32,
    /// The checkpoint taken exactly at `through`, if one was: its SHA-256 in hex.
    pub checkpoint: Option<String>,
    /// Set when the writer gives the machine up on purpose, so that a successor need not wait for the lease.
    pub released: bool,
}

impl Head {
    /// The MessagePack form that goes on the wire.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        rmp_serde::to_vec_named(self)
            .expect("a head holds only numbers and short strings, which always encode")
    }

    /// # Errors
    /// When the bytes are no head.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        rmp_serde::from_slice(bytes).map_err(|source| DecodeError::Head { source })
    }
}

/// The state of a machine at one position, so that a restart need not fold from the beginning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// The machine.
    pub service: Service,
    /// The version of the state's form.
    pub version: u16,
    /// The behaviour version that made it.
    pub behaviour: u32,
    /// The position: every input up to here is in the state.
    pub through: Seq,
    /// The stamp of the log at `through`.
    pub stamp: Timestamp,
    /// The state, in MessagePack.
    #[serde(with = "crate::codec::bytes")]
    pub state: Vec<u8>,
}

impl Checkpoint {
    /// SHA-256 of position and state, in hex: what the head names and verify reproduces.
    #[must_use]
    pub fn hash(&self) -> String {
        use std::fmt::Write as _;
        let mut digest = Sha256::new();
        digest.update(self.through.0.to_be_bytes());
        digest.update(&self.state);
        digest
            .finalize()
            .iter()
            .fold(String::with_capacity(64), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            })
    }
}

/// An actuator whose last commit is older than this stops itself; a successor waits as long before it acts.
pub const LEASE: Span = Span::seconds(3);
/// How often a machine with a lease renews it.
pub const HEARTBEAT: Span = Span::seconds(1);
/// A standby takes over when an output that it expects is missing this long.
pub const TAKE_OVER_AFTER: Span = Span::seconds(1);
/// The most messages in one atomic batch, head included (NATS 2.12 `allow_atomic`).
pub const BATCH: usize = 1000;
