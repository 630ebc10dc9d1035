//! What is known of a block without reading it, so that a reader can pass it by.

use super::frame::Header;
use crate::{Entry, Filter, Place};
use headroom_model::{Kind, Seq, Service, Timestamp, WorkloadId};
use serde::{Deserialize, Serialize};

/// Bits a name gets in the bloom filter: with four probes, one name in forty passes by mistake.
const BITS_PER_NAME: usize = 8;
/// Probes of the bloom filter.
const PROBES: u32 = 4;
/// The bloom filter is never longer, or it would cost more than it saves.
const LONGEST_BLOOM: usize = 1024;

/// What is known of a block without reading it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    /// The position of the last entry.
    pub(super) last: Seq,
    /// The stamp of the first entry.
    pub(super) first_stamp: Timestamp,
    /// The stamp of the last entry.
    pub(super) last_stamp: Timestamp,
    /// Which kinds are there: a bit for each of [`Kind::ALL`], the highest one for all others.
    kinds: u32,
    /// Who wrote events: a bit for each of [`Service::ALL`].
    writers: u32,
    /// Whose heads are there.
    heads: u32,
    /// A bloom filter of the namespaces and workloads.
    #[serde(with = "headroom_model::codec::bytes")]
    bloom: Vec<u8>,
}

impl Summary {
    /// Looks at all entries of a block.
    pub(super) fn of<'a>(header: &Header, entries: impl Iterator<Item = &'a Entry>) -> Self {
        let (mut kinds, mut writers, mut heads) = (0, 0, 0);
        let mut names = Vec::new();
        let mut latest = None;
        for entry in entries {
            match entry {
                Entry::Event(record) => {
                    kinds |= kind_bit(&record.envelope.kind);
                    writers |= service_bit(record.envelope.producer.service);
                    let subject = &record.envelope.subject;
                    if latest != Some(subject) {
                        latest = Some(subject);
                        names.push(hash_workload(subject));
                        names.push(hash(0, subject.namespace()));
                    }
                }
                Entry::Head(head) => heads |= service_bit(head.head.service),
                Entry::Damaged { .. } => {}
            }
        }
        Self {
            last: header.last,
            first_stamp: header.first_stamp,
            last_stamp: header.last_stamp,
            kinds,
            writers,
            heads,
            bloom: bloom(names),
        }
    }

    /// Whether the block may hold something that passes; `false` is certain.
    pub(super) fn may_pass(&self, filter: &Filter) -> bool {
        let early = filter.until.is_some_and(|until| self.first_stamp >= until);
        let late = filter.since.is_some_and(|since| self.last_stamp < since);
        let machines = services(&filter.machines);
        let unfiltered =
            filter.place.is_none() && filter.kinds.is_empty() && filter.services.is_empty();
        !early
            && !late
            && (machines & (self.writers | self.heads) != 0
                || unfiltered
                || (filter.services.is_empty() || services(&filter.services) & self.writers != 0)
                    && (filter.kinds.is_empty() || self.has_kind_of(&filter.kinds))
                    && filter.place.as_ref().is_none_or(|place| self.has(place)))
    }

    /// Whether an event of one of these kinds is there. Kinds that this build does not know share a bit.
    pub(super) fn has_kind_of(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| kind_bit(kind) & self.kinds != 0)
    }

    /// Whether this machine has a head there.
    pub(super) fn has_head_of(&self, service: Service) -> bool {
        self.heads & service_bit(service) != 0
    }

    /// Whether this service wrote events there.
    pub(super) fn has_events_of(&self, service: Service) -> bool {
        self.writers & service_bit(service) != 0
    }

    fn has(&self, place: &Place) -> bool {
        let hash = match place {
            Place::Workload(workload) => hash_workload(workload),
            Place::Namespace(namespace) => hash(0, namespace),
        };
        !self.bloom.is_empty()
            && probes(hash, self.bloom.len()).all(|(byte, bit)| self.bloom[byte] & bit != 0)
    }
}

fn kind_bit(kind: &Kind) -> u32 {
    /// Kinds beyond this one share the last bit; it means "perhaps" for each of them.
    const OTHERS: usize = 31;
    let index = Kind::ALL.iter().position(|known| known == kind);
    1 << index.unwrap_or(OTHERS).min(OTHERS)
}

fn service_bit(service: Service) -> u32 {
    Service::ALL
        .iter()
        .position(|known| *known == service)
        .map_or(u32::MAX, |index| 1 << index)
}

fn services(services: &[Service]) -> u32 {
    services
        .iter()
        .fold(0, |bits, &service| bits | service_bit(service))
}

/// The filter of names, given by their hashes.
fn bloom(mut names: Vec<u64>) -> Vec<u8> {
    names.sort_unstable();
    names.dedup();
    if names.is_empty() {
        return Vec::new();
    }
    let bytes = (names.len() * BITS_PER_NAME / 8 + 8).min(LONGEST_BLOOM);
    let mut bloom = vec![0; bytes];
    for (byte, bit) in names.iter().flat_map(|&name| probes(name, bytes)) {
        bloom[byte] |= bit;
    }
    bloom
}

/// The bytes and bits where a hash is looked for; none when there are no bytes.
fn probes(hash: u64, bytes: usize) -> impl Iterator<Item = (usize, u8)> {
    let bits = bytes as u64 * 8;
    let step = (hash >> 32) | 1;
    (0..PROBES).filter_map(move |probe| {
        let place = hash.wrapping_add(step.wrapping_mul(u64::from(probe)));
        let place = place.checked_rem(bits)?;
        Some((usize::try_from(place / 8).ok()?, 1 << (place % 8)))
    })
}

fn hash_workload(workload: &WorkloadId) -> u64 {
    hash(hash(1, workload.namespace()), workload.name())
}

/// FNV-1a with a final mix. It is part of the stored form, so it must not change with the compiler.
fn hash(seed: u64, text: &str) -> u64 {
    let start = 0xcbf2_9ce4_8422_2325 ^ seed;
    let mut hash = text.bytes().fold(start, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::embedded::{columns, frame, testing};
    use proptest::prelude::*;

    fn summary(entries: &[Entry]) -> Summary {
        let bytes = columns::encode(entries, true);
        Summary::of(&frame::open(&bytes).unwrap().header, entries.iter())
    }

    fn filters() -> Vec<Filter> {
        let web = WorkloadId::new("shop", "w3").unwrap();
        let base = Filter::default();
        vec![
            base.clone(),
            Filter::workload(&web),
            Filter {
                place: Some(Place::Namespace("shop".into())),
                ..base.clone()
            },
            Filter::kinds([Kind::Decided]),
            Filter {
                machines: vec![Service::Planner],
                kinds: vec![Kind::Ticked],
                ..base.clone()
            },
            Filter {
                services: vec![Service::Clock],
                ..Filter::workload(&web)
            },
            Filter {
                since: Some(Timestamp(1030)),
                ..base.clone()
            },
            Filter {
                until: Some(Timestamp(1030)),
                ..base
            },
        ]
    }

    proptest! {
        #[test]
        fn a_block_is_never_passed_by_that_holds_something_wanted(entries in testing::entries(1..40)) {
            let summary = summary(&entries);
            for filter in filters() {
                if entries.iter().any(|entry| filter.passes_entry(entry)) {
                    prop_assert!(summary.may_pass(&filter), "{filter:?}");
                }
            }
        }
    }

    #[test]
    fn a_block_is_passed_by_when_it_says_nothing_of_the_matter() {
        let entries: Vec<_> = (1..=500)
            .map(|seq| testing::observed(seq, &format!("w{}", seq % 50)))
            .collect();
        let summary = summary(&entries);
        assert!(!summary.may_pass(&Filter::kinds([Kind::Decided])));
        assert!(!summary.may_pass(&Filter {
            machines: vec![Service::Planner],
            ..Filter::kinds([Kind::Ticked])
        }));
        let others = (0..1000).filter(|index| {
            summary.may_pass(&Filter::workload(
                &WorkloadId::new("shop", &format!("other-{index}")).unwrap(),
            ))
        });
        let mistaken = others.count();
        assert!(
            mistaken < 100,
            "{mistaken} of 1000 workloads that are not there seemed to be"
        );
    }
}
