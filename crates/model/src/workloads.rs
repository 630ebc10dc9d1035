//! What a machine remembers of each workload, found fast however many there are.

use crate::WorkloadId;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize, Serializer};
use std::hash::{BuildHasherDefault, Hasher};

/// Something for each of many workloads.
///
/// A search costs the same however many there are, which no ordered tree of names gives: each step of its search waits for
/// memory. In a checkpoint they stand in the order of their ids, so the same state has the same bytes.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub struct Workloads<T>(IndexMap<WorkloadId, T, BuildHasherDefault<AsGiven>>);

/// A [`WorkloadId`] has its hash already.
#[derive(Clone, Copy, Debug, Default)]
struct AsGiven(u64);

impl Hasher for AsGiven {
    fn write(&mut self, _: &[u8]) {
        unreachable!("a workload's id hashes to one number");
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

impl<T: Serialize> Serialize for Workloads<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sorted: Vec<_> = self.0.iter().collect();
        sorted.sort_unstable_by_key(|(id, _)| *id);
        serializer.collect_map(sorted)
    }
}

impl<T> Default for Workloads<T> {
    fn default() -> Self {
        Self(IndexMap::default())
    }
}

impl<T> Workloads<T> {
    /// What there is of a workload.
    #[must_use]
    pub fn get(&self, id: &WorkloadId) -> Option<&T> {
        self.0.get(id)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, id: &WorkloadId) -> Option<&mut T> {
        self.0.get_mut(id)
    }

    /// Forgets a workload.
    pub fn remove(&mut self, id: &WorkloadId) {
        self.0.swap_remove(id);
    }

    /// Every workload, in an order that follows from what happened, and from no hash, but means nothing.
    pub fn iter(&self) -> impl Iterator<Item = (&WorkloadId, &T)> {
        self.0.iter()
    }
}

impl<T: Default> Workloads<T> {
    /// What there is of a workload, which begins now if there is nothing.
    pub fn entry(&mut self, id: &WorkloadId) -> &mut T {
        self.0.entry(id.clone()).or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> WorkloadId {
        text.parse().unwrap()
    }

    fn names(workloads: &Workloads<u8>) -> Vec<String> {
        workloads.iter().map(|(id, _)| id.to_string()).collect()
    }

    #[test]
    fn the_order_follows_from_what_happened_and_the_bytes_from_the_state_alone() {
        let mut workloads = Workloads::default();
        for name in ["z/z", "a/a", "m/m", "b/b"] {
            *workloads.entry(&id(name)) += 1;
        }
        *workloads.entry(&id("a/a")) += 1;
        assert_eq!(names(&workloads), ["z/z", "a/a", "m/m", "b/b"]);
        workloads.remove(&id("z/z"));
        assert_eq!(names(&workloads), ["b/b", "a/a", "m/m"]);
        let bytes = rmp_serde::to_vec_named(&workloads).unwrap();
        let restored: Workloads<u8> = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(names(&restored), ["a/a", "b/b", "m/m"]);
        assert_eq!(rmp_serde::to_vec_named(&restored).unwrap(), bytes);
        assert_eq!(restored.get(&id("a/a")), Some(&2));
        assert_eq!(restored.get(&id("z/z")), None);
    }
}
