//! Observations that come in parts, until all are there.

use headroom_model::{EventId, Timestamp, body::Observed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Of so many observations of one source and instant parts are kept: of those of two collectors, and of one that was
/// killed and started again in between.
const MOST: usize = 4;
/// Parts of so many sources are kept; a workload has a few.
const MOST_SOURCES: usize = 16;

/// The parts of the newest observations of each source that came in parts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Gathering(BTreeMap<String, Instant>);

/// What a source said of one instant.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Instant {
    due: Timestamp,
    /// By what names the whole.
    parts: BTreeMap<EventId, BTreeMap<u32, Observed>>,
}

impl Gathering {
    /// Takes in a part, and gives the whole when it was the last that was missing. A part of an older instant than the
    /// newest is too late; what there is of an older one is given up.
    pub(crate) fn add(&mut self, part: &Observed) -> Option<Observed> {
        if !part.part.is_sound() {
            return None;
        }
        let begun = || Instant {
            due: part.due,
            parts: BTreeMap::new(),
        };
        self.make_room(&part.source);
        let instant = self.0.entry(part.source.clone()).or_insert_with(begun);
        if part.due > instant.due {
            *instant = begun();
        }
        let whole = part.part.whole;
        let room = instant.parts.len() < MOST || instant.parts.contains_key(&whole);
        if part.due < instant.due || !room {
            return None;
        }
        let parts = instant.parts.entry(whole).or_default();
        parts.insert(part.part.number, part.clone());
        if parts.len() < usize::try_from(part.part.of).ok()? {
            return None;
        }
        let parts = instant.parts.remove(&whole)?;
        Observed::from_parts(parts.into_values())
    }
    /// Gives up what the source that was silent for longest began, where another one more would be too many.
    fn make_room(&mut self, source: &str) {
        if self.0.len() < MOST_SOURCES || self.0.contains_key(source) {
            return;
        }
        let oldest = self.0.iter().min_by_key(|(_, instant)| instant.due);
        if let Some(name) = oldest.map(|(name, _)| name.clone()) {
            self.0.remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::body::Part;

    #[test]
    fn however_many_sources_begin_only_the_newest_are_kept() {
        let part = |source: i64, number: u32| Observed {
            source: format!("s{source}"),
            due: Timestamp(source),
            readings: Vec::new(),
            fleet: None,
            part: Part {
                number,
                of: 2,
                whole: EventId::named(&format!("whole {source}")),
            },
        };
        let mut gathering = Gathering::default();
        for source in 0..1000 {
            assert_eq!(gathering.add(&part(source, 1)), None);
        }
        assert_eq!(gathering.0.len(), MOST_SOURCES);
        assert!(gathering.add(&part(999, 2)).is_some());
        assert_eq!(
            gathering.add(&part(983, 2)),
            None,
            "its first part was given up"
        );
    }
}
