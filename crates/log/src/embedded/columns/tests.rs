use super::super::frame;
use super::*;
use crate::{Entry, Filter, PlacedHead};
use headroom_model::{
    Cause, Envelope, EventId, Head, Kind, Producer, Record, Seq, Service, Timestamp, WorkloadId,
};
use proptest::prelude::*;
use uuid::Uuid;

const ALL: (Seq, Seq) = (Seq::ZERO, Seq(u64::MAX));

fn read(bytes: &[u8], range: (Seq, Seq), filter: &Filter) -> Vec<Entry> {
    let frame = frame::open(bytes).unwrap();
    decode(&frame, range, filter, &mut Interner::default()).unwrap()
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        (0..Kind::ALL.len()).prop_map(|index| Kind::ALL[index].clone()),
        "[a-z]{0,12}".prop_map(|token| Kind::from_token(&token)),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    // Bodies that are alike, as scrapes are, and bodies that are not.
    prop_oneof![
        (any::<u8>(), any::<u8>()).prop_map(|(low, high)| {
            let mut body = b"a body that is always much the same: 0000".to_vec();
            body[37] = low;
            body[38] = high;
            body
        }),
        proptest::collection::vec(any::<u8>(), 0..40),
    ]
}

prop_compose! {
    fn event()(
        id: u128, kind in kind(), version: u16, name in "[a-z]{1,3}", at: i64, cause: Option<(u128, u64)>,
        correlation in prop_oneof![Just(None), Just(Some(None)), any::<u128>().prop_map(|id| Some(Some(id)))],
        service in 0..Service::ALL.len(), instance in "[a-c]{0,2}", behaviour in 0..3_u32, body in body(),
    ) -> Record {
        let cause = cause.map(|(id, seq)| Cause { id: EventId(Uuid::from_u128(id)), seq: Seq(seq) });
        Record {
            envelope: Envelope {
                id: EventId(Uuid::from_u128(id)), kind, version,
                subject: WorkloadId::new("shop", &name).unwrap(),
                at: Timestamp(at), stamp: Timestamp::EPOCH, seq: Seq::ZERO, cause,
                correlation: correlation.and_then(|other| {
                    other.map_or(cause.map(|cause| cause.id), |id| Some(EventId(Uuid::from_u128(id))))
                }),
                producer: Producer { service: Service::ALL[service], instance: instance.into(), behaviour },
            },
            body,
        }
    }
}

fn head(outputs: u32, commit_id: u128) -> Head {
    Head {
        service: Service::Planner,
        instance: "one".into(),
        epoch: 3,
        behaviour: 1,
        through: headroom_model::Through::default(),
        commit_id: Uuid::from_u128(commit_id),
        outputs,
        checkpoint: None,
        released: false,
    }
}

prop_compose! {
    /// Entries with positions and stamps as a log gives them; some are caused by the entry before them.
    fn entries()(
        raw in proptest::collection::vec(
            (prop_oneof![4 => event().prop_map(Some), 1 => Just(None)], 1..4_u64, 0..3_i64, any::<bool>()), 1..60),
        first in 1..1_000_000_u64, stamp: i32,
    ) -> Vec<Entry> {
        let (mut seq, mut stamp) = (first, i64::from(stamp));
        let mut before: Option<(EventId, Seq)> = None;
        let mut entries = Vec::new();
        for (event, gap, later, caused) in raw {
            (seq, stamp) = (seq + gap, stamp + later);
            entries.push(match event {
                None => Entry::Head(PlacedHead { seq: Seq(seq), stamp: Timestamp(stamp), head: head(7, u128::from(seq)) }),
                Some(mut record) => {
                    let envelope = &mut record.envelope;
                    (envelope.seq, envelope.stamp) = (Seq(seq), Timestamp(stamp));
                    if let (true, Some((id, seq))) = (caused, before) {
                        envelope.cause = Some(Cause { id, seq });
                    }
                    before = Some((envelope.id, envelope.seq));
                    Entry::Event(record)
                }
            });
        }
        entries
    }
}

proptest! {
    #[test]
    fn entries_survive_byte_for_byte(entries in entries(), packed: bool) {
        let bytes = encode(&entries, packed);
        let header = frame::open(&bytes).unwrap().header;
        prop_assert_eq!(header.first, entries[0].seq());
        prop_assert_eq!(header.last, entries[entries.len() - 1].seq());
        prop_assert_eq!(read(&bytes, ALL, &Filter::default()), entries);
    }

    #[test]
    fn a_filter_and_a_range_give_what_they_would_give_of_all(
        entries in entries(), from in 0..60_usize, until in 0..60_usize, place in "[a-c]", service in 0..Service::ALL.len(),
    ) {
        let bytes = encode(&entries, true);
        let seq = |index: usize| entries[index.min(entries.len() - 1)].seq();
        let filters = [
            Filter::workload(&WorkloadId::new("shop", &place).unwrap()),
            Filter::kinds([Kind::Decided, Kind::Observed]),
            Filter { machines: vec![Service::ALL[service]], kinds: vec![Kind::Ticked], ..Filter::default() },
        ];
        for filter in filters {
            let want: Vec<_> = entries.iter()
                .filter(|entry| (seq(from)..=seq(until)).contains(&entry.seq()) && filter.passes_entry(entry))
                .cloned().collect();
            prop_assert_eq!(read(&bytes, (seq(from), seq(until)), &filter), want);
        }
    }

    #[test]
    fn columns_that_make_no_sense_are_an_error_and_never_a_panic(
        entries in entries(), at: prop::sample::Index, byte: u8, cut in 0..3_usize,
    ) {
        // The checksum would notice; here it is told to be right, so that the decoder meets the damage.
        let bytes = encode(&entries, false);
        let frame = frame::open(&bytes).unwrap();
        let mut columns = frame.columns.to_vec();
        let at = at.index(columns.len());
        columns[at] = byte;
        columns.truncate(columns.len() - cut);
        let frame = frame::Frame { header: frame.header, ids: frame.ids, columns: &columns };
        let _ = decode(&frame, ALL, &Filter::default(), &mut Interner::default());
    }
}

#[test]
fn a_thousand_scrapes_are_small() {
    let producer = Producer {
        service: Service::Collector,
        instance: "host-1".into(),
        behaviour: 0,
    };
    let entries: Vec<_> = (0..1000_u64)
        .map(|index| {
            let mut body = b"source prometheus, due 0000, requests 00000000".to_vec();
            body[23..25].copy_from_slice(&(index * 15).to_be_bytes()[6..]);
            body[38..46]
                .copy_from_slice(&(index.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_be_bytes());
            let envelope = Envelope {
                id: EventId::named(&index.to_string()),
                kind: Kind::Observed,
                version: 1,
                subject: WorkloadId::new("shop", &format!("web-{index:04}")).unwrap(),
                at: Timestamp(1_790_000_000_000 + index.cast_signed() * 15),
                stamp: Timestamp(1_790_000_000_003 + index.cast_signed() * 15),
                seq: Seq(1 + index),
                cause: None,
                correlation: None,
                producer: producer.clone(),
            };
            Entry::Event(Record { envelope, body })
        })
        .collect();
    let bytes = encode(&entries, true);
    assert_eq!(read(&bytes, ALL, &Filter::default()), entries);
    assert!(bytes.len() < 35 * 1000, "{} bytes", bytes.len());
}
