//! Observations that come in parts, until all are there.

use headroom_model::{EventId, Timestamp, body::Observed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Of so many observations of one source and instant parts are kept: of those of two collectors, and of one that was
/// killed and started again in between.
const MOST: usize = 4;

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
}
