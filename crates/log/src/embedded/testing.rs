//! Entries for tests.

use crate::{Entry, PlacedHead};
use headroom_model::{
    Envelope, EventId, Head, Kind, Producer, Record, Seq, Service, Through, Timestamp, WorkloadId,
};
use proptest::collection::SizeRange;
use proptest::prelude::*;
use uuid::Uuid;

/// An event of any kind, as if a log had accepted it.
pub(crate) fn event(seq: u64, service: Service, kind: Kind, name: &str, body: Vec<u8>) -> Entry {
    let envelope = Envelope {
        id: EventId::named(&format!("{seq} {name}")),
        kind,
        version: 1,
        subject: WorkloadId::new("shop", name).unwrap(),
        at: Timestamp(1000),
        stamp: Timestamp(1000 + seq.cast_signed()),
        seq: Seq(seq),
        cause: None,
        correlation: None,
        producer: Producer {
            service,
            instance: "test".into(),
            behaviour: 0,
        },
    };
    Entry::Event(Record { envelope, body })
}

/// An observation.
pub(crate) fn observed(seq: u64, name: &str) -> Entry {
    let body = format!("observation {seq:06}").into_bytes();
    event(seq, Service::Collector, Kind::Observed, name, body)
}

/// An observation of so many bytes.
pub(crate) fn sized(seq: u64, bytes: usize) -> Entry {
    event(
        seq,
        Service::Collector,
        Kind::Observed,
        "web",
        vec![7; bytes],
    )
}

/// A planner's head.
pub(crate) fn head(seq: u64, outputs: u32) -> Entry {
    Entry::Head(PlacedHead {
        seq: Seq(seq),
        stamp: Timestamp(1000 + seq.cast_signed()),
        head: Head {
            service: Service::Planner,
            instance: "test".into(),
            epoch: 1,
            behaviour: 1,
            through: Through::default(),
            commit_id: Uuid::from_u128(u128::from(seq)),
            outputs,
            checkpoint: None,
            released: false,
        },
    })
}

/// Events and heads of all sorts, without gaps.
pub(crate) fn entries(count: impl Into<SizeRange>) -> impl Strategy<Value = Vec<Entry>> {
    let one = (
        0..Kind::ALL.len(),
        0..Service::ALL.len(),
        0..9_u32,
        any::<bool>(),
    );
    proptest::collection::vec(one, count).prop_map(|raw| {
        raw.into_iter()
            .zip(1..)
            .map(|((kind, service, name, is_head), seq)| {
                let (service, kind) = (Service::ALL[service], Kind::ALL[kind].clone());
                if is_head && name == 0 {
                    return head(seq, 0);
                }
                event(seq, service, kind, &format!("w{name}"), vec![1, 2, 3])
            })
            .collect()
    })
}
