//! Small records to write into logs.

use headroom_log::{Commit, Entry, Log, PlacedHead};
use headroom_model::{
    Body, Event, EventId, Head, Kind, Producer, Record, Seq, Service, Through, Timestamp,
    WorkloadId,
    body::{Measured, Observed, Part, Reading, Ticked},
};
use uuid::Uuid;

/// Who writes in tests.
#[must_use]
pub fn producer(service: Service, instance: &str) -> Producer {
    Producer {
        service,
        instance: instance.into(),
        behaviour: 1,
    }
}

/// A workload `test/<name>`.
///
/// # Panics
/// When `name` cannot be a name.
#[must_use]
pub fn workload(name: &str) -> WorkloadId {
    WorkloadId::new("test", name).expect("tests use good names")
}

/// What a collector read: the same `name` and `number` are always the same event.
#[must_use]
pub fn observed(name: &str, number: u32) -> Record {
    let (subject, due) = (workload(name), Timestamp(i64::from(number) * 1000));
    let id = EventId::scraped("tests", &subject, due);
    let reading = Reading {
        metric: "load".to_owned(),
        at: due,
        measured: Measured::Total(f64::from(number)),
    };
    let body = Body::Observed(Observed {
        source: "tests".to_owned(),
        due,
        readings: vec![reading],
        fleet: None,
        part: Part::default(),
    });
    Event::fact(id, subject, due, producer(Service::Collector, name), body).to_record()
}

/// Number `number` of the observations, or of the outputs that [`commit`] made for it.
#[must_use]
pub fn number(record: &Record) -> i64 {
    record.envelope.at.0 / 1000
}

/// An output of a machine: small, and of a kind that is quick to make.
#[must_use]
pub fn output(service: Service, name: &str, number: u32) -> Record {
    let id = EventId::named(&format!("{service} {name} {number}"));
    let at = Timestamp(i64::from(number) * 1000);
    let body = Body::Ticked(Ticked {
        number: u64::from(number),
    });
    Event::fact(id, workload(name), at, producer(service, name), body).to_record()
}

/// A commit of `service` by `instance` upon the head `before`.
///
/// # Panics
/// When there are more than 2^32 outputs.
#[must_use]
pub fn commit(
    service: Service,
    instance: &str,
    before: Option<&PlacedHead>,
    outputs: Vec<Record>,
) -> Commit {
    let head = Head {
        service,
        instance: instance.to_owned(),
        epoch: 1,
        behaviour: 1,
        through: Through {
            seq: before.map_or(Seq::ZERO, |before| before.head.through.seq.next()),
            next_index: 0,
        },
        commit_id: Uuid::now_v7(),
        outputs: u32::try_from(outputs.len()).expect("tests commit little"),
        checkpoint: None,
        released: false,
    };
    Commit {
        expected: before.map_or(Seq::ZERO, |before| before.seq),
        head: Some(head),
        outputs,
    }
}

/// Everything that a log gives from the first position on.
///
/// # Panics
/// When it gives an error.
pub async fn everything(log: &dyn Log, filter: headroom_log::Filter) -> Vec<Entry> {
    use futures::TryStreamExt as _;
    let entries = log
        .read(Seq(1), filter)
        .await
        .expect("a log can be read")
        .try_collect::<Vec<_>>();
    let chunks = entries.await.expect("a log can be read to its end");
    chunks.concat()
}

/// The events among some entries.
#[must_use]
pub fn events(entries: &[Entry]) -> Vec<&Record> {
    entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Event(record) => Some(record),
            _ => None,
        })
        .collect()
}

/// A kind as its token.
#[must_use]
pub fn kind(token: &str) -> Kind {
    Kind::from_token(token)
}
