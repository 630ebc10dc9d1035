//! Reading: sealed blocks from their files, young entries from memory, and damage by name.

use super::columns::{Interner, decode};
use super::index::{Block, Stored};
use super::shared::Shared;
use super::{frame, recover, sealing};
use crate::{Entries, Entry, Filter, LogError};
use futures::StreamExt as _;
use headroom_model::Seq;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

/// A chunk; `None` means that there is no more for now.
type Chunk = Result<Option<Vec<Entry>>, LogError>;

/// Something that is read chunk by chunk, on a thread that may block.
trait Chunks: Send + Sized + 'static {
    fn next_chunk(&mut self) -> Chunk;

    /// Begins to read the next chunk, so that it is decoded while the one before is looked at.
    fn start(mut self) -> JoinHandle<(Self, Chunk)> {
        spawn_blocking(move || {
            let next = self.next_chunk();
            (self, next)
        })
    }
}

/// Everything from `from` on that passes, up to the end as it is now.
pub(super) fn read(shared: Arc<Shared>, from: Seq, filter: Filter) -> Entries {
    let until = shared.bounds().last;
    stream(Cursor::new(shared, from, until, filter))
}

/// What the ledger has from `from` on that passes, up to the end as it is now.
pub(super) fn read_ledger(shared: Arc<Shared>, from: Seq, filter: Filter) -> Entries {
    let until = shared.bounds().last;
    stream(LedgerCursor {
        cursor: Cursor::new(shared, from, until, filter),
        chunk: None,
    })
}

fn stream(chunks: impl Chunks) -> Entries {
    futures::stream::unfold(Some(chunks.start()), |reading| async move {
        match reading?.await {
            Ok((_, Ok(None))) => None,
            Ok((chunks, Ok(Some(chunk)))) => Some((Ok(chunk), Some(chunks.start()))),
            Ok((_, Err(error))) => Some((Err(error), None)),
            Err(_) => Some((Err(closed()), None)),
        }
    })
    .boxed()
}

/// Like [`read`], and goes on with what comes.
pub(super) fn follow(shared: Arc<Shared>, from: Seq, filter: Filter) -> Entries {
    let last = shared.last.clone();
    let cursor = Cursor::new(shared, from, Seq::ZERO, filter);
    futures::stream::unfold(Some((cursor, last)), |following| async move {
        let (mut cursor, mut last) = following?;
        match next_of(&mut cursor, &mut last).await {
            Ok(chunk) => Some((Ok(chunk), Some((cursor, last)))),
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

/// Waits until something passes. What is young is in memory, so that a follower who keeps up costs no other thread.
async fn next_of(
    cursor: &mut Cursor,
    last: &mut watch::Receiver<Seq>,
) -> Result<Vec<Entry>, LogError> {
    loop {
        cursor.until = *last.borrow_and_update();
        let chunk = if cursor.at_young_entries() {
            cursor.next_chunk()?
        } else {
            let (read, chunk) = cursor.take().start().await.map_err(|_| closed())?;
            *cursor = read;
            chunk?
        };
        if let Some(chunk) = chunk {
            return Ok(chunk);
        }
        last.changed().await.map_err(|_| closed())?;
    }
}

fn closed() -> LogError {
    LogError::Unavailable("it was closed; open it again".into())
}

/// A place in the log, and what is wanted from there on.
struct Cursor {
    shared: Arc<Shared>,
    from: Seq,
    until: Seq,
    /// The last position that was looked for in the files, since the index lacked it.
    searched: Option<Seq>,
    filter: Filter,
    names: Interner,
}

impl Cursor {
    fn new(shared: Arc<Shared>, from: Seq, until: Seq, filter: Filter) -> Self {
        Self {
            shared,
            from,
            until,
            searched: None,
            filter,
            names: Interner::default(),
        }
    }

    /// Moves the cursor out, to be put back by the caller.
    fn take(&mut self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            filter: self.filter.clone(),
            names: std::mem::take(&mut self.names),
            ..*self
        }
    }

    /// Whether what comes next is in memory.
    fn at_young_entries(&self) -> bool {
        self.from >= self.shared.young().first
    }

    /// The young entries that are wanted, if the cursor is among them; otherwise the position of the first.
    fn young(&self) -> Result<Vec<Entry>, Seq> {
        let young = self.shared.young();
        if self.from < young.first {
            return Err(young.first);
        }
        let entries = young.groups.iter().flat_map(|group| group.iter());
        Ok(entries
            .filter(|entry| self.from <= entry.seq() && entry.seq() <= self.until)
            .filter(|entry| self.filter.passes_entry(entry))
            .cloned()
            .collect())
    }

    /// What passes of a block; the cursor is behind it afterwards.
    fn block(&mut self, first: Seq, block: &Block) -> Vec<Entry> {
        // A block may be longer than what this reads up to: it was sealed since then. The rest is read the next time.
        let end = block.summary.last.min(self.until);
        let from = std::mem::replace(&mut self.from, end.next());
        if self
            .filter
            .until
            .is_some_and(|until| block.summary.first_stamp >= until)
        {
            // Stamps never fall, so nothing that comes later can pass.
            self.from = self.from.max(self.until.next());
        }
        if !block.summary.may_pass(&self.filter) {
            return Vec::new();
        }
        self.decode(from, block).unwrap_or_else(|detail| {
            if block.summary.last < self.shared.first() {
                return Vec::new();
            }
            let place = block.place;
            vec![Entry::Damaged {
                first: from.max(first),
                last: block.summary.last,
                detail: format!(
                    "the block at byte {} of blocks/{:020}.blocks {detail}",
                    place.offset, place.file.0
                ),
            }]
        })
    }

    fn decode(&mut self, from: Seq, block: &Block) -> Result<Vec<Entry>, String> {
        let bytes = self
            .shared
            .files
            .read(block.place)
            .map_err(|error| format!("cannot be read: {error}"))?;
        frame::open(&bytes)
            .and_then(|frame| decode(&frame, (from, self.until), &self.filter, &mut self.names))
            .map_err(std::borrow::Cow::into_owned)
    }

    /// Positions up to `end` that should be there and are not. If a block was lost from the index alone, it is found in
    /// its file; otherwise the gap is named, and the cursor goes on behind it.
    fn gap(&mut self, end: Seq) -> Result<Option<Entry>, LogError> {
        if self.from < self.shared.first() {
            return Ok(None);
        }
        // Once for each position, whatever the files hold: reading must end.
        let again = self.searched.replace(self.from) == Some(self.from);
        if !again && recover::fill_gap(&self.shared, self.from, end)? {
            return Ok(None);
        }
        let first = std::mem::replace(&mut self.from, end.next());
        Ok(Some(Entry::Damaged {
            first,
            last: end,
            detail: "the store lost these positions; the disk or its file system damaged it, or its power failed".into(),
        }))
    }
}

impl Chunks for Cursor {
    fn next_chunk(&mut self) -> Chunk {
        loop {
            self.from = self.from.max(self.shared.first());
            if self.from > self.until {
                return Ok(None);
            }
            let young_first = match self.young() {
                Ok(entries) => {
                    self.from = self.until.next();
                    return Ok((!entries.is_empty()).then_some(entries));
                }
                Err(first) => first,
            };
            // Blocks are indexed before the young entries in them go, so up to `young_first` all of them are there.
            let entries = match self.shared.index.block_at_or_after(self.from)? {
                Some((first, block)) if first <= self.from => self.block(first, &block),
                later => {
                    let next = later.map_or(young_first, |(first, _)| first.min(young_first));
                    self.gap(Seq(next.0 - 1))?.into_iter().collect()
                }
            };
            if !entries.is_empty() {
                return Ok(Some(entries));
            }
        }
    }
}

/// A place in the ledger, and what is wanted from there on.
struct LedgerCursor {
    cursor: Cursor,
    /// The chunk that was read last.
    chunk: Option<Seq>,
}

impl LedgerCursor {
    fn next_stored(&self) -> Result<Option<Stored>, LogError> {
        let index = &self.cursor.shared.index;
        match self.chunk {
            None => index.ledger_at_or_after(self.cursor.from),
            Some(chunk) => index.ledger_after(chunk),
        }
    }

    fn chunk(&mut self, first: Seq, bytes: &[u8]) -> Vec<Entry> {
        self.chunk = Some(first);
        let Cursor {
            from,
            until,
            filter,
            names,
            ..
        } = &mut self.cursor;
        let decoded =
            frame::open(bytes).and_then(|frame| decode(&frame, (*from, *until), filter, names));
        decoded.unwrap_or_else(|detail| {
            vec![Entry::Damaged {
                first,
                last: frame::header(bytes).map_or(first, |header| header.last.max(first)),
                detail: format!("a chunk of the ledger {detail}"),
            }]
        })
    }
}

impl Chunks for LedgerCursor {
    fn next_chunk(&mut self) -> Chunk {
        if self.cursor.from > self.cursor.until {
            return Ok(None);
        }
        loop {
            let young_first = self.cursor.shared.young().first;
            if let Some((first, bytes)) = self.next_stored()? {
                let entries = self.chunk(first, &bytes);
                if entries.is_empty() {
                    continue;
                }
                return Ok(Some(entries));
            }
            let young = self.cursor.shared.young();
            if young.first != young_first {
                continue; // They were sealed meanwhile, so there is another chunk.
            }
            let entries = young.groups.iter().flat_map(|group| group.iter());
            let entries: Vec<_> = entries
                .filter(|entry| sealing::in_ledger(entry))
                .filter(|entry| self.cursor.from <= entry.seq() && entry.seq() <= self.cursor.until)
                .filter(|entry| self.cursor.filter.passes_entry(entry))
                .cloned()
                .collect();
            drop(young);
            self.cursor.from = self.cursor.until.next();
            return Ok((!entries.is_empty()).then_some(entries));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Log as _;
    use crate::embedded::{EmbeddedLog, Settings, testing};

    #[tokio::test]
    async fn what_was_sealed_after_the_end_was_looked_up_is_read_the_next_time() {
        let dir = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(dir.path(), &Settings::default()).unwrap();
        let record = |seq| match testing::observed(seq, "web") {
            Entry::Event(record) => record,
            other => panic!("{other:?} is no event"),
        };
        let facts = (1..=1500).map(record).collect();
        log.append(facts).await.unwrap();
        assert!(log.shared.young().first > Seq(700), "it is sealed");
        let mut cursor = Cursor::new(Arc::clone(&log.shared), Seq(1), Seq(700), Filter::default());
        let mut seqs = Vec::new();
        for until in [700, 1500] {
            cursor.until = Seq(until);
            while let Some(chunk) = cursor.next_chunk().unwrap() {
                seqs.extend(chunk.iter().map(|entry| entry.seq().0));
            }
        }
        assert!(seqs.into_iter().eq(1..=1500), "nothing is left out");
    }

    #[tokio::test]
    async fn a_block_that_the_index_lost_and_nobody_can_read_is_named_and_passed() {
        let dir = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(dir.path(), &Settings::default()).unwrap();
        let record = |seq| match testing::observed(seq, "web") {
            Entry::Event(record) => record,
            other => panic!("{other:?} is no event"),
        };
        for part in [1..=1500, 1501..=3000] {
            log.append(part.map(record).collect()).await.unwrap();
        }
        drop(log);
        let files = std::fs::read_dir(dir.path().join("blocks")).unwrap();
        let path = files.map(|file| file.unwrap().path()).min().unwrap();
        let bytes = std::fs::read(&path).unwrap();
        let header = frame::header(&bytes).unwrap();
        // Whole by its checksum, and nonsense.
        let (ids, rest) = bytes[frame::HEADER..].split_at(header.entries as usize * frame::ID);
        let columns = vec![0xff; header.frame() - frame::HEADER - ids.len()];
        let nonsense = frame::Header {
            packed: false,
            columns: u32::try_from(columns.len()).unwrap(),
            ..header
        };
        let mut damaged = frame::seal(&nonsense, ids, &columns);
        damaged.extend_from_slice(&rest[columns.len()..]);
        std::fs::write(&path, damaged).unwrap();
        std::fs::remove_dir_all(dir.path().join("index")).unwrap();
        let log = EmbeddedLog::open(dir.path(), &Settings::default()).unwrap();
        for from in [1, 700] {
            let reading = log.read(Seq(from), Filter::default()).await.unwrap();
            let chunks = reading.map(Result::unwrap).collect::<Vec<_>>();
            let chunks = tokio::time::timeout(std::time::Duration::from_secs(20), chunks);
            let entries = chunks.await.expect("reading ends").concat();
            let lost = header.last;
            assert!(
                matches!(entries[0], Entry::Damaged { first, last, .. } if (first, last) == (Seq(from), lost)),
                "{:?}",
                entries[0]
            );
            let rest = entries[1..].iter().map(|entry| entry.seq().0);
            assert!(rest.eq(lost.0 + 1..=3000), "what follows is read");
        }
    }
}
