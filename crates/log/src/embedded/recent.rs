//! Which collector facts came lately, so that doubled collectors write a scrape once.

use crate::memory::DUPLICATE_WINDOW;
use headroom_model::{EventId, Seq, Timestamp};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Ids in one generation at most, about 80 MB. At more than 16,000 facts a second the window is shorter than promised,
/// rather than memory without bound.
const MOST: usize = 2_000_000;

/// The ids of the last two to four minutes, in two generations: the older one is dropped as a whole.
#[derive(Debug, Default)]
pub(super) struct Recent {
    young: Generation,
    old: Generation,
    since: Timestamp,
}

type Generation = HashMap<EventId, Seq, BuildHasherDefault<IdHasher>>;

impl Recent {
    /// Where a fact stands that has come before.
    pub(super) fn find(&self, id: EventId) -> Option<Seq> {
        self.young.get(&id).or_else(|| self.old.get(&id)).copied()
    }

    /// Remembers a fact.
    pub(super) fn insert(&mut self, id: EventId, seq: Seq, stamp: Timestamp) {
        if stamp.since(self.since) > DUPLICATE_WINDOW || self.young.len() >= MOST {
            self.old = std::mem::take(&mut self.young);
            self.since = stamp;
        }
        self.young.insert(id, seq);
    }
}

/// Ids are made by a hash or at random, so their own bytes will do; SipHash would cost more than all the rest of an append.
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.0 = (self.0.rotate_left(23) ^ u64::from_le_bytes(word))
                .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        }
    }

    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::Span;

    #[test]
    fn a_fact_is_known_for_two_minutes_and_forgotten_after_four() {
        let id = |name: u64| EventId::named(&name.to_string());
        let mut recent = Recent::default();
        let start = Timestamp(1_000_000_000);
        for second in 0..600 {
            recent.insert(id(second), Seq(second), start.plus(Span::seconds(second)));
            let then = second.saturating_sub(120);
            assert_eq!(recent.find(id(then)), Some(Seq(then)), "after {second} s");
        }
        assert_eq!(recent.find(id(600 - 250)), None);
    }
}
