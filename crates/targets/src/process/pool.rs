//! What is remembered of a pool. Pure: who lives is asked elsewhere.

use super::procfs::Identity;
use headroom_model::{Generation, Replicas};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use uuid::Uuid;

/// The version of `pool.json` that this build writes. It reads 1 as well, which names no log.
pub(super) const VERSION: u32 = 2;

/// The contents of `pool.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pool {
    /// [`VERSION`].
    pub(super) version: u32,
    /// The log that the newest order came from; `None` when that is not known.
    #[serde(default)]
    pub(super) log: Option<String>,
    /// The newest order that was begun: a position in that log.
    pub(super) generation: Generation,
    /// Its count.
    pub(super) wanted: Replicas,
    /// Whether it was finished. While it was not, there may be children that are not listed here.
    pub(super) settled: bool,
    /// The boot of the machine that the children belong to.
    pub(super) boot: String,
    /// The children, oldest first. Dead ones stay until an order has cleaned up after them.
    pub(super) children: Vec<Child>,
}

/// One child process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Child {
    /// Its number in the pool; no two living children share one.
    pub(super) index: u32,
    /// What it is marked with, never used again.
    pub(super) id: Uuid,
    /// The process.
    pub(super) process: Identity,
    /// Where it listens, if anywhere.
    pub(super) port: Option<u16>,
    /// Whether it was seen ready once.
    pub(super) was_ready: bool,
    /// Whether it was asked to stop: from then on it is not capacity any more, however long it takes.
    pub(super) leaving: bool,
}

impl Pool {
    /// A pool that nobody has ordered anything of.
    pub(super) fn new(boot: String) -> Self {
        Self {
            version: VERSION,
            log: None,
            generation: Generation::default(),
            wanted: Replicas::ZERO,
            settled: false,
            boot,
            children: Vec::new(),
        }
    }

    /// Takes in a child that was started or found.
    pub(super) fn add(&mut self, child: Child) {
        self.children.push(child);
        self.children.sort_by_key(Child::age_rank);
    }
}

impl Child {
    /// Older ones first; children of the same clock tick (10 ms) by their number.
    pub(super) fn age_rank(&self) -> (Identity, u32) {
        let by_tick = Identity {
            pid: 0,
            ..self.process
        };
        (by_tick, self.index)
    }
}

/// Which of the `living` stay when `wanted` are to be left: the oldest, and of two with one number the older, but nobody
/// who was asked to stop. The second list, newest first, leaves.
pub(super) fn divide(living: Vec<Child>, wanted: Replicas) -> (Vec<Child>, Vec<Child>) {
    let mut living = living;
    living.sort_by_key(Child::age_rank);
    let (mut staying, mut leaving) = (Vec::new(), Vec::new());
    let mut taken = BTreeSet::new();
    let room = usize::try_from(wanted.0).unwrap_or(usize::MAX);
    for child in living {
        if !child.leaving && staying.len() < room && taken.insert(child.index) {
            staying.push(child);
        } else {
            leaving.push(child);
        }
    }
    leaving.reverse();
    (staying, leaving)
}

/// The numbers to give to new children, so that there are `wanted`: the lowest free ones.
pub(super) fn missing(staying: &[Child], wanted: Replicas) -> Vec<u32> {
    let taken: BTreeSet<u32> = staying.iter().map(|child| child.index).collect();
    let short = usize::try_from(wanted.0)
        .unwrap_or(usize::MAX)
        .saturating_sub(staying.len());
    (0..u32::MAX)
        .filter(|index| !taken.contains(index))
        .take(short)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn child(index: u32, started_ticks: u64, pid: i32) -> Child {
        Child {
            index,
            id: Uuid::from_u128(u128::from(pid.unsigned_abs())),
            process: Identity { started_ticks, pid },
            port: None,
            was_ready: false,
            leaving: false,
        }
    }

    fn indices(children: &[Child]) -> Vec<u32> {
        children.iter().map(|child| child.index).collect()
    }

    #[test]
    fn the_newest_leave_first() {
        let cases = [
            // name                                 (index, started)                 wanted  staying     leaving
            (
                "nobody leaves",
                vec![(0, 10), (1, 20)],
                2,
                vec![0, 1],
                vec![],
            ),
            ("more are wanted", vec![(0, 10)], 5, vec![0], vec![]),
            (
                "the newest two leave",
                vec![(0, 10), (1, 20), (2, 30)],
                1,
                vec![0],
                vec![2, 1],
            ),
            (
                "a restarted one is new",
                vec![(1, 20), (2, 30), (0, 40)],
                2,
                vec![1, 2],
                vec![0],
            ),
            (
                "of one tick the higher number leaves",
                vec![(1, 10), (0, 10)],
                1,
                vec![0],
                vec![1],
            ),
            ("all leave", vec![(0, 10), (1, 20)], 0, vec![], vec![1, 0]),
            (
                "of a doubled number the newer leaves",
                vec![(0, 10), (0, 20)],
                2,
                vec![0],
                vec![0],
            ),
        ];
        for (name, living, wanted, stay, leave) in cases {
            let living = living
                .into_iter()
                .zip(100..)
                .map(|((index, started), pid)| child(index, started, pid));
            let (staying, leaving) = divide(living.collect(), Replicas(wanted));
            assert_eq!(
                (indices(&staying), indices(&leaving)),
                (stay, leave),
                "{name}"
            );
        }
    }

    #[test]
    fn nobody_who_was_asked_to_stop_stays() {
        let mut asked = child(0, 10, 100);
        asked.leaving = true;
        let (staying, leaving) = divide(vec![asked, child(1, 20, 101)], Replicas(2));
        assert_eq!((indices(&staying), indices(&leaving)), (vec![1], vec![0]));
    }

    proptest! {
        #[test]
        fn after_every_order_the_count_and_the_numbers_are_right(
            living in prop::collection::vec((0_u32..12, 0_u64..50), 0..12),
            wanted in 0_u32..12,
        ) {
            let living: Vec<Child> =
                living.into_iter().zip(100..).map(|((index, started), pid)| child(index, started, pid)).collect();
            let count = living.len();
            let (staying, leaving) = divide(living, Replicas(wanted));
            prop_assert_eq!(staying.len() + leaving.len(), count);
            let mut all = indices(&staying);
            all.extend(missing(&staying, Replicas(wanted)));
            prop_assert_eq!(all.len(), wanted as usize);
            all.sort_unstable();
            all.dedup();
            prop_assert_eq!(all.len(), wanted as usize, "no number twice");
        }
    }
}
