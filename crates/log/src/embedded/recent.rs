//! Which collector facts came lately, so that doubled collectors write a scrape once.

use super::hash::Fast;
use crate::memory::DUPLICATE_WINDOW;
use headroom_model::{EventId, Seq, Timestamp};
use std::collections::HashMap;
use std::collections::hash_map::Entry;

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

type Generation = HashMap<EventId, Seq, Fast>;

impl Recent {
    /// Remembers that a fact stands at `seq`, unless it has come before: then that is where it stands.
    pub(super) fn note(&mut self, id: EventId, seq: Seq, stamp: Timestamp) -> Option<Seq> {
        if let Some(known) = self.old.get(&id) {
            return Some(*known);
        }
        if stamp.since(self.since) > DUPLICATE_WINDOW || self.young.len() >= MOST {
            if let Some(known) = self.young.get(&id) {
                return Some(*known);
            }
            self.old = std::mem::take(&mut self.young);
            self.since = stamp;
        }
        match self.young.entry(id) {
            Entry::Occupied(known) => Some(*known.get()),
            Entry::Vacant(place) => {
                place.insert(seq);
                None
            }
        }
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
            let now = start.plus(Span::seconds(second));
            assert_eq!(recent.note(id(second), Seq(second), now), None);
            let then = second.saturating_sub(120);
            let found = recent.note(id(then), Seq(9999), now);
            assert_eq!(found, Some(Seq(then)), "after {second} s");
        }
        let late = start.plus(Span::seconds(600));
        assert_eq!(recent.note(id(600 - 250), Seq(600), late), None);
    }
}
