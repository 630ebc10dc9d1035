//! All workloads, found fast however many there are.

use crate::workload::Workload;
use headroom_model::WorkloadId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The workloads by their ids. Their order is fixed and means nothing.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Workloads(BTreeMap<Key, Workload>);

impl Workloads {
    /// The state of a workload, if there is any.
    pub(crate) fn get(&self, id: &WorkloadId) -> Option<&Workload> {
        self.0.get(&Key::from(id.clone()))
    }

    /// The same, to change it.
    pub(crate) fn get_mut(&mut self, id: &WorkloadId) -> Option<&mut Workload> {
        self.0.get_mut(&Key::from(id.clone()))
    }

    /// The state of a workload, which begins now if there is none.
    pub(crate) fn entry(&mut self, id: &WorkloadId) -> &mut Workload {
        self.0.entry(Key::from(id.clone())).or_default()
    }

    /// Every workload.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&WorkloadId, &Workload)> {
        self.0.iter().map(|(key, workload)| (&key.id, workload))
    }
}

/// An id behind a number made of it. The number stands in the map itself, while an id is a pointer to text elsewhere: so a
/// search reads the text of one id, not of all that it passes, which is most of its time when they are many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "WorkloadId", into = "WorkloadId")]
struct Key {
    number: u64,
    id: WorkloadId,
}

impl From<WorkloadId> for Key {
    fn from(id: WorkloadId) -> Self {
        let name = id.name().bytes().chain(id.namespace().bytes());
        Self {
            number: fnv_1a(name),
            id,
        }
    }
}

impl From<Key> for WorkloadId {
    fn from(key: Key) -> Self {
        key.id
    }
}

/// Fowler, Noll and Vo's hash, 64 bits: the same on every machine. Ids that share one are told apart by their text.
fn fnv_1a(bytes: impl Iterator<Item = u8>) -> u64 {
    const BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    bytes.fold(BASIS, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workloads_are_told_apart_even_where_their_numbers_are_equal() {
        let id = |text: &str| text.parse::<WorkloadId>().unwrap();
        let alike = ["ab/c", "b/ca", "cab/x"].map(id);
        assert_eq!(
            Key::from(alike[0].clone()).number,
            Key::from(alike[1].clone()).number
        );
        let mut workloads = Workloads::default();
        for id in &alike {
            workloads.entry(id).queued = None;
        }
        assert_eq!(workloads.iter().count(), 3);
        assert!(workloads.get(&id("x/cab")).is_none());
    }

    #[test]
    fn the_number_is_the_published_hash() {
        assert_eq!(fnv_1a("foobar".bytes()), 0x8594_4171_f739_67e8);
    }
}
