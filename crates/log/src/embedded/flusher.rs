//! The last of the writer's three threads: writes groups, flushes them, and only then tells anyone.

use super::blocks;
use super::high_water::HighWater;
use super::index::Block;
use super::retention::Retention;
use super::sealer::{Group, Write};
use super::sealing::Sealed;
use super::shared::Shared;
use super::storage_error;
use crate::{Bounds, Entry, LogError, PlacedHead};
use headroom_model::{Seq, Timestamp};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use tokio::sync::watch;

/// Writes groups in the order in which they come.
pub(super) struct Flusher {
    /// What readers see.
    pub(super) shared: Arc<Shared>,
    /// The end of the newest file of blocks.
    pub(super) blocks: blocks::Writer,
    /// Where the highest acknowledged position is noted.
    pub(super) high_water: HighWater,
    /// What may be forgotten.
    pub(super) retention: Retention,
    /// Wakes those who follow.
    pub(super) last: watch::Sender<Seq>,
}

impl Flusher {
    /// Works until the sealer is gone. After a failure nothing is written any more, and everyone is told why: what is
    /// on disk then is only known once the log is opened again.
    pub(super) fn run(mut self, groups: &Receiver<Group>) {
        for group in groups {
            let written = self
                .shared
                .check_failed()
                .and_then(|()| self.write(group.write, group.heads));
            if let Err(error) = &written {
                self.fail(error);
            }
            let why = self.shared.failed.get().map(String::as_str);
            for reply in group.replies {
                reply(why.map_or(Ok(()), Err));
            }
            if written.is_ok()
                && let Err(error) = self.retention.run(&self.shared, &self.high_water)
            {
                self.fail(&error);
            }
        }
    }

    fn fail(&self, error: &LogError) {
        let why = match error {
            LogError::Storage(why) | LogError::Unavailable(why) | LogError::Refused(why) => why,
        };
        if self.shared.failed.set(why.clone()).is_ok() {
            tracing::error!(dir = %self.shared.dir.display(), %error, "the log stopped taking events");
        }
    }

    fn write(&mut self, write: Write, heads: Vec<PlacedHead>) -> Result<(), LogError> {
        match write {
            Write::Nothing => Ok(()),
            Write::Young(entries, frame) => self.write_young(entries, frame, heads),
            Write::Sealed(blocks) => self.write_sealed(blocks, heads),
        }
    }

    fn write_young(
        &mut self,
        entries: Arc<Vec<Entry>>,
        frame: Vec<u8>,
        heads: Vec<PlacedHead>,
    ) -> Result<(), LogError> {
        let Some((first, last)) = entries.first().zip(entries.last()) else {
            return Ok(());
        };
        let (last, stamp) = (last.seq(), stamp(last));
        self.count(true, frame.len());
        self.shared.index.insert_young(first.seq(), frame)?;
        self.raise(last, stamp)?;
        let mut young = self.shared.young_mut();
        young.groups.push(entries);
        (young.last, young.last_stamp) = (last, stamp);
        young.heads.extend(by_service(heads));
        drop(young);
        self.last.send_replace(last);
        Ok(())
    }

    fn write_sealed(
        &mut self,
        sealed: Vec<Sealed>,
        heads: Vec<PlacedHead>,
    ) -> Result<(), LogError> {
        let Some((first, last)) = sealed.first().zip(sealed.last()) else {
            return Ok(());
        };
        let (first, last, stamp) = (first.first, last.summary.last, last.summary.last_stamp);
        let frames: Vec<_> = sealed.iter().map(|block| block.frame.clone()).collect();
        self.count(false, frames.iter().map(Vec::len).sum());
        let dir = self.shared.dir.clone();
        let places = self
            .blocks
            .append(first, &frames)
            .map_err(|error| storage_error("write", &dir, &error))?;
        self.raise(last, stamp)?;
        let index = &self.shared.index;
        for (block, place) in sealed.into_iter().zip(places) {
            if let Some((first, frame)) = block.ledger {
                index.insert_ledger(first, frame)?;
            }
            let summary = block.summary;
            index.insert_block(block.first, &Block { place, summary })?;
        }
        let newest = {
            let mut young = self.shared.young_mut();
            young.groups.clear();
            young.first = last.next();
            (young.last, young.last_stamp) = (last, stamp);
            young.heads.extend(by_service(heads));
            young.heads.clone()
        };
        self.last.send_replace(last);
        newest
            .values()
            .try_for_each(|head| index.insert_head(head))?;
        index.forget_young(last)
    }

    fn raise(&self, last: Seq, last_stamp: Timestamp) -> Result<(), LogError> {
        let first = self.shared.first();
        self.high_water
            .note(Bounds {
                first,
                last,
                last_stamp,
            })
            .map_err(|error| storage_error("write", &self.shared.dir, &error))
    }

    fn count(&self, young: bool, bytes: usize) {
        let written = &self.shared.written;
        let groups = if young {
            &written.young_groups
        } else {
            &written.sealed_groups
        };
        groups.fetch_add(1, Ordering::Relaxed);
        written.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }
}

fn by_service(
    heads: Vec<PlacedHead>,
) -> impl Iterator<Item = (headroom_model::Service, PlacedHead)> {
    heads.into_iter().map(|head| (head.head.service, head))
}

fn stamp(entry: &Entry) -> Timestamp {
    match entry {
        Entry::Event(record) => record.envelope.stamp,
        Entry::Head(head) => head.stamp,
        Entry::Damaged { .. } => Timestamp::EPOCH,
    }
}
