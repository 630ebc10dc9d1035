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

/// Where [`Workloads`] keep one: found without its id, until any of them is removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(usize);

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

    /// The same, and where it is.
    pub fn find(&mut self, id: &WorkloadId) -> Option<(Place, &mut T)> {
        let (place, _, found) = self.0.get_full_mut(id)?;
        Some((Place(place), found))
    }

    /// What is at a place, to change it.
    pub fn at(&mut self, place: Place) -> Option<(&WorkloadId, &mut T)> {
        self.0.get_index_mut(place.0)
    }

    /// Every workload, with its place.
    pub fn places(&self) -> impl Iterator<Item = (Place, &T)> {
        let places = self.0.values().enumerate();
        places.map(|(place, found)| (Place(place), found))
    }

    /// Forgets a workload. Another may take its place.
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
        self.begin(id).1
    }

    /// The same, and where it is.
    pub fn begin(&mut self, id: &WorkloadId) -> (Place, &mut T) {
        let entry = self.0.entry(id.clone());
        (Place(entry.index()), entry.or_default())
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
    fn what_is_found_is_at_its_place() {
        let mut workloads = Workloads::default();
        for (name, number) in [("z/z", 1), ("a/a", 2), ("m/m", 3)] {
            let (place, found) = workloads.begin(&id(name));
            *found = number;
            assert_eq!(workloads.at(place), Some((&id(name), &mut { number })));
            assert_eq!(workloads.find(&id(name)), Some((place, &mut { number })));
            assert_eq!(workloads.begin(&id(name)).0, place);
        }
        assert!(workloads.find(&id("b/b")).is_none());
        let all: Vec<_> = workloads.places().map(|(_, number)| *number).collect();
        assert_eq!(all, [1, 2, 3]);
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
