//! The second of the writer's three threads: encodes groups, young ones as they are and many entries as sealed blocks.

use super::columns;
use super::sealing::{self, Sealed};
use super::sequencer::{Ordered, Reply};
use crate::{Entry, PlacedHead};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender};

/// A group, ready to be written.
pub(super) struct Group {
    /// How it is to be written.
    pub(super) write: Write,
    /// The heads in it.
    pub(super) heads: Vec<PlacedHead>,
    /// Whom to tell.
    pub(super) replies: Vec<Reply>,
}

/// How a group is to be written.
pub(super) enum Write {
    /// There is nothing to write: only duplicates and refusals.
    Nothing,
    /// As a young group of these entries, encoded as this frame.
    Young(Arc<Vec<Entry>>, Vec<u8>),
    /// Together with all that is young, as sealed blocks.
    Sealed(Vec<Sealed>),
}

/// Encodes groups in the order in which they come.
pub(super) struct Sealer {
    young: Vec<Arc<Vec<Entry>>>,
}

impl Sealer {
    /// Goes on after the groups that are young.
    pub(super) fn new(young: Vec<Arc<Vec<Entry>>>) -> Self {
        Self { young }
    }

    /// Works until one of the other two threads is gone.
    pub(super) fn run(mut self, ordered: &Receiver<Ordered>, groups: &SyncSender<Group>) {
        for Ordered {
            entries,
            heads,
            replies,
        } in ordered
        {
            let group = Group {
                write: self.encode(entries),
                heads,
                replies,
            };
            if groups.send(group).is_err() {
                return;
            }
        }
    }

    fn encode(&mut self, entries: Vec<Entry>) -> Write {
        if entries.is_empty() {
            return Write::Nothing;
        }
        let young = self.young.iter().flat_map(|group| group.iter());
        let all: Vec<&Entry> = young.chain(&entries).collect();
        let bytes: usize = all.iter().map(|entry| sealing::weight(entry)).sum();
        if all.len() >= sealing::ENTRIES || bytes >= sealing::BYTES {
            let sealed = sealing::seal(&all);
            self.young.clear();
            return Write::Sealed(sealed);
        }
        let frame = columns::encode(&entries, false);
        let group = Arc::new(entries);
        self.young.push(Arc::clone(&group));
        Write::Young(group, frame)
    }
}
