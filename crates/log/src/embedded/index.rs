//! What sled keeps: the young groups that are not sealed yet, where each sealed block is, the newest heads, the ledger.

use super::blocks::Place;
use super::summary::Summary;
use super::{open_error, storage_error};
use crate::{LogError, PlacedHead};
use headroom_model::{Seq, Service};
use serde::{Deserialize, Serialize};
use sled::{Config, Db, IVec, Mode, Tree};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// sled's unit of writing. A young tail of at most 256 KiB stays far below a quarter of it, beyond which sled would
/// write values into files of their own that it never flushes.
const SEGMENT: usize = 2 << 20;
/// A closed store's lock goes a moment after its last handle, since sled has threads of its own.
const LOCK_ATTEMPTS: u32 = 40;
const LOCK_PAUSE: Duration = Duration::from_millis(25);

/// The trees of the store. Keys are positions, so that their order is the log's.
#[derive(Debug)]
pub(super) struct Index {
    path: PathBuf,
    db: Db,
    young: Tree,
    blocks: Tree,
    ledger: Tree,
    heads: Tree,
}

/// What is known of a sealed block.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Block {
    /// Where it is.
    pub(super) place: Place,
    /// What is in it.
    pub(super) summary: Summary,
}

/// A group or a chunk of the ledger as it is stored: a frame, under the position of its first entry.
pub(super) type Stored = (Seq, IVec);

impl Index {
    /// Opens the store; only one process at a time can.
    pub(super) fn open(dir: &Path, cache_bytes: u64) -> Result<Self, LogError> {
        let path = dir.join("index");
        let db = open_db(dir, &path, cache_bytes)?;
        let tree = |name: &str| {
            db.open_tree(name)
                .map_err(|error| open_error(&path, &error))
        };
        Ok(Self {
            young: tree("young")?,
            blocks: tree("blocks")?,
            ledger: tree("ledger")?,
            heads: tree("heads")?,
            db,
            path,
        })
    }

    fn failed(&self, doing: &str, error: &sled::Error) -> LogError {
        match error {
            sled::Error::Corruption { .. } => open_error(&self.path, error),
            _ => storage_error(doing, &self.path, error),
        }
    }

    /// Adds a young group and flushes it.
    pub(super) fn insert_young(&self, first: Seq, frame: Vec<u8>) -> Result<(), LogError> {
        self.young
            .insert(key(first), frame)
            .and_then(|_| self.db.flush())
            .map(drop)
            .map_err(|error| self.failed("write", &error))
    }

    /// The young groups, in order.
    pub(super) fn young(&self) -> Result<Vec<Stored>, LogError> {
        self.young.iter().map(|item| self.stored(item)).collect()
    }

    /// Removes the young groups up to `last`. Should a crash come first, they are found to be sealed already.
    pub(super) fn forget_young(&self, last: Seq) -> Result<(), LogError> {
        self.clear(&self.young, last)
    }

    /// Removes the ledger's chunks up to `last`.
    pub(super) fn forget_ledger(&self, last: Seq) -> Result<(), LogError> {
        self.clear(&self.ledger, last)
    }

    fn clear(&self, tree: &Tree, last: Seq) -> Result<(), LogError> {
        for item in tree.range(..=key(last)).keys() {
            item.and_then(|key| tree.remove(key))
                .map_err(|error| self.failed("write", &error))?;
        }
        Ok(())
    }

    /// Notes a sealed block.
    pub(super) fn insert_block(&self, first: Seq, block: &Block) -> Result<(), LogError> {
        let mut bytes = rmp_serde::to_vec(block)
            .expect("a block's entry holds only numbers and bytes, which always encode");
        bytes.extend_from_slice(&crc32fast::hash(&bytes).to_le_bytes());
        self.blocks
            .insert(key(first), bytes)
            .map(drop)
            .map_err(|error| self.failed("write", &error))
    }

    /// Forgets a sealed block.
    pub(super) fn remove_block(&self, first: Seq) -> Result<(), LogError> {
        self.blocks
            .remove(key(first))
            .map(drop)
            .map_err(|error| self.failed("write", &error))
    }

    /// The block that holds `seq`, or else the next one after it. Entries that fail their checksum are as if they were
    /// not there.
    pub(super) fn block_at_or_after(&self, seq: Seq) -> Result<Option<(Seq, Block)>, LogError> {
        let before = self.blocks.range(..=key(seq)).next_back();
        if let Some(found) = self.first_good(before.into_iter())?
            && found.1.summary.last >= seq
        {
            return Ok(Some(found));
        }
        self.first_good(self.blocks.range(key(seq.next())..))
    }

    /// The last block.
    pub(super) fn last_block(&self) -> Result<Option<(Seq, Block)>, LogError> {
        self.first_good(self.blocks.iter().rev())
    }

    /// The last block before a position.
    pub(super) fn block_before(&self, seq: Seq) -> Result<Option<(Seq, Block)>, LogError> {
        self.first_good(self.blocks.range(..key(seq)).rev())
    }

    fn first_good(
        &self,
        items: impl Iterator<Item = sled::Result<(IVec, IVec)>>,
    ) -> Result<Option<(Seq, Block)>, LogError> {
        for item in items {
            let (key, value) = item.map_err(|error| self.failed("read", &error))?;
            if let (Some(first), Some(block)) = (position(&key), block(&value)) {
                return Ok(Some((first, block)));
            }
        }
        Ok(None)
    }

    /// Adds a chunk of the ledger.
    pub(super) fn insert_ledger(&self, first: Seq, frame: Vec<u8>) -> Result<(), LogError> {
        self.ledger
            .insert(key(first), frame)
            .map(drop)
            .map_err(|error| self.failed("write", &error))
    }

    /// The chunk of the ledger that begins before `seq`, or else the next one.
    pub(super) fn ledger_at_or_after(&self, seq: Seq) -> Result<Option<Stored>, LogError> {
        let before = self.ledger.range(..=key(seq)).next_back();
        let found = before.or_else(|| self.ledger.range(key(seq)..).next());
        found.map(|item| self.stored(item)).transpose()
    }

    /// The chunk of the ledger after the one that begins at `seq`.
    pub(super) fn ledger_after(&self, seq: Seq) -> Result<Option<Stored>, LogError> {
        let found = self.ledger.range(key(seq.next())..).next();
        found.map(|item| self.stored(item)).transpose()
    }

    fn stored(&self, item: sled::Result<(IVec, IVec)>) -> Result<Stored, LogError> {
        let (key, value) = item.map_err(|error| self.failed("read", &error))?;
        Ok((position(&key).unwrap_or_default(), value))
    }

    /// Notes the newest head of a machine.
    pub(super) fn insert_head(&self, head: &PlacedHead) -> Result<(), LogError> {
        let bytes = rmp_serde::to_vec_named(head)
            .expect("a head holds only numbers and short strings, which always encode");
        self.heads
            .insert(head.head.service.token(), bytes)
            .map(drop)
            .map_err(|error| self.failed("write", &error))
    }

    /// The head of a machine as it was noted last.
    pub(super) fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError> {
        let bytes = self
            .heads
            .get(service.token())
            .map_err(|error| self.failed("read", &error))?;
        Ok(bytes.and_then(|bytes| rmp_serde::from_slice(&bytes).ok()))
    }

    /// Flushes everything.
    pub(super) fn flush(&self) -> Result<(), LogError> {
        self.db
            .flush()
            .map(drop)
            .map_err(|error| self.failed("write", &error))
    }
}

fn open_db(dir: &Path, path: &Path, cache_bytes: u64) -> Result<Db, LogError> {
    let config = Config::new()
        .path(path)
        .segment_size(SEGMENT)
        .cache_capacity(cache_bytes)
        .mode(Mode::LowSpace);
    for attempt in 1.. {
        remove_unfinished_snapshots(path).map_err(|error| storage_error("open", path, &error))?;
        match config.open() {
            Ok(db) => return Ok(db),
            Err(error) if !is_lock(&error) => return Err(open_error(path, &error)),
            Err(_) if attempt >= LOCK_ATTEMPTS => break,
            Err(_) => std::thread::sleep(LOCK_PAUSE),
        }
    }
    Err(LogError::Refused(format!(
        "the log in {} is open in another process; `headroom up` may be running: use its socket, or stop it first",
        dir.display()
    )))
}

/// sled takes a snapshot that a crash or a full disk left half written for its newest one, and then calls itself corrupt.
/// It is of no use to anyone: the one before it is removed only once the new one is whole.
fn remove_unfinished_snapshots(path: &Path) -> io::Result<()> {
    let Ok(db) = File::open(path.join("db")) else {
        return Ok(());
    };
    // Whoever has the log open may be writing one just now.
    if db.try_lock().is_err() {
        return Ok(());
    }
    for file in fs::read_dir(path)? {
        let file = file?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "generating")
        {
            fs::remove_file(file)?;
        }
    }
    Ok(())
}

fn is_lock(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(error) if error.to_string().contains("could not acquire lock"))
}

fn key(seq: Seq) -> [u8; 8] {
    seq.0.to_be_bytes()
}

fn position(key: &[u8]) -> Option<Seq> {
    Some(Seq(u64::from_be_bytes(key.try_into().ok()?)))
}

fn block(value: &[u8]) -> Option<Block> {
    let (bytes, checksum) = value.split_last_chunk()?;
    (crc32fast::hash(bytes) == u32::from_le_bytes(*checksum)).then_some(())?;
    rmp_serde::from_slice(bytes).ok()
}
