//! Observations that come in parts, until all are there.

use headroom_model::{Timestamp, body::Observed};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The parts of the newest observation of each source that came in parts.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Gathering(BTreeMap<String, Gathered>);

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Gathered {
    due: Timestamp,
    of: u32,
    parts: BTreeMap<u32, Observed>,
}

impl Gathering {
    /// Takes in a part, and gives the whole when it was the last that was missing. A part of an older observation than the
    /// newest is too late; what there is of an older one is given up.
    pub(crate) fn add(&mut self, part: &Observed) -> Option<Observed> {
        if !part.part.is_sound() {
            return None;
        }
        let begun = || Gathered {
            due: part.due,
            of: part.part.of,
            parts: BTreeMap::new(),
        };
        let gathered = self.0.entry(part.source.clone()).or_insert_with(begun);
        if part.due < gathered.due {
            return None;
        }
        if part.due > gathered.due || part.part.of != gathered.of {
            *gathered = begun();
        }
        gathered.parts.insert(part.part.number, part.clone());
        if gathered.parts.len() < usize::try_from(gathered.of).ok()? {
            return None;
        }
        let gathered = self.0.remove(&part.source)?;
        Observed::from_parts(gathered.parts.into_values())
    }
}
