//! What the writer and the readers of an embedded log share.

use super::blocks::Files;
use super::checkpoints::Checkpoints;
use super::index::Index;
use crate::{Bounds, Entry, LogError, PlacedHead};
use headroom_model::{Seq, Service, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, RwLock, RwLockReadGuard, RwLockWriteGuard};
use tokio::sync::watch;

/// What the writer and the readers of an embedded log share.
#[derive(Debug)]
pub(super) struct Shared {
    /// Where the log is.
    pub(super) dir: PathBuf,
    /// What sled keeps.
    pub(super) index: Index,
    /// The sealed blocks.
    pub(super) files: Files,
    /// The checkpoints.
    pub(super) checkpoints: Checkpoints,
    /// Hears of every position that was acknowledged; closed when the writer is gone.
    pub(super) last: watch::Receiver<Seq>,
    /// Why nothing can be written any more, once that is so.
    pub(super) failed: OnceLock<String>,
    /// What was written since the log was opened.
    pub(super) written: Counters,
    /// The first position that is still there.
    first: AtomicU64,
    young: RwLock<Young>,
}

/// What is not sealed yet, and what is newest.
#[derive(Debug)]
pub(super) struct Young {
    /// The position after the last sealed block.
    pub(super) first: Seq,
    /// The acknowledged groups from there on.
    pub(super) groups: Vec<Arc<Vec<Entry>>>,
    /// The last position that was acknowledged.
    pub(super) last: Seq,
    /// Its stamp.
    pub(super) last_stamp: Timestamp,
    /// The newest head of each machine.
    pub(super) heads: BTreeMap<Service, PlacedHead>,
}

/// Counts what was written.
#[derive(Debug, Default)]
pub(super) struct Counters {
    /// Groups that went into sled.
    pub(super) young_groups: AtomicU64,
    /// Groups that were written as blocks.
    pub(super) sealed_groups: AtomicU64,
    /// Bytes of frames, in both.
    pub(super) bytes: AtomicU64,
}

impl Shared {
    /// Puts together what was recovered.
    pub(super) fn new(
        dir: PathBuf,
        (index, files, checkpoints): (Index, Files, Checkpoints),
        first: Seq,
        young: Young,
        last: watch::Receiver<Seq>,
    ) -> Self {
        Self {
            dir,
            index,
            files,
            checkpoints,
            last,
            failed: OnceLock::new(),
            written: Counters::default(),
            first: AtomicU64::new(first.0),
            young: RwLock::new(young),
        }
    }

    /// The young entries and the newest heads.
    pub(super) fn young(&self) -> RwLockReadGuard<'_, Young> {
        self.young
            .read()
            .expect("no holder of this lock runs code that can panic")
    }

    /// The same, to be changed: by the writer alone.
    pub(super) fn young_mut(&self) -> RwLockWriteGuard<'_, Young> {
        self.young
            .write()
            .expect("no holder of this lock runs code that can panic")
    }

    /// The first position that is still there.
    pub(super) fn first(&self) -> Seq {
        Seq(self.first.load(Ordering::Acquire))
    }

    /// Says that what lies before `first` is gone. Called before it is removed, so that no reader takes it for damage.
    pub(super) fn raise_first(&self, first: Seq) {
        self.first.fetch_max(first.0, Ordering::AcqRel);
    }

    /// Where the log begins and ends.
    pub(super) fn bounds(&self) -> Bounds {
        let young = self.young();
        Bounds {
            first: self.first(),
            last: young.last,
            last_stamp: young.last_stamp,
        }
    }

    /// The error of everything that is asked of a log that cannot write any more.
    pub(super) fn check_failed(&self) -> Result<(), LogError> {
        match self.failed.get() {
            None => Ok(()),
            Some(why) => Err(LogError::Storage(why.clone())),
        }
    }
}
