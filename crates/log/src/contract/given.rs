//! What the cases say about a log, in few words.

use crate::{Accepted, Commit, CommitError, Committed, Entries, Entry, Filter, Log, PlacedHead};
use futures::StreamExt as _;
use headroom_model::{
    Body, Cause, Event, EventId, Head, Kind, Producer, Record, Seq, Service, Through, Timestamp,
    WorkloadId, body::Ticked,
};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// Longer than any log may take for anything asked of it here.
const PATIENCE: Duration = Duration::from_secs(30);

/// A log to try something on.
#[derive(Clone)]
pub struct Given(pub(super) Arc<dyn Log>);

/// A workload of the name space `shop`.
pub(super) fn workload(name: &str) -> WorkloadId {
    WorkloadId::new("shop", name).expect("the cases use names that are names")
}

/// A fact of any service and kind, with a body of no meaning.
pub(super) fn fact(service: Service, kind: Kind, name: &str, id: &str) -> Record {
    let body = Body::from(Ticked { number: 1 });
    let producer = Producer {
        service,
        instance: "contract".into(),
        behaviour: 0,
    };
    let at = Timestamp(1_790_000_000_000);
    let mut record =
        Event::fact(EventId::named(id), workload(name), at, producer, body).to_record();
    record.envelope.kind = kind;
    record.body = format!("body of {id}").into_bytes();
    record
}

/// An observation of a collector.
pub(super) fn observed(name: &str, id: &str) -> Record {
    fact(Service::Collector, Kind::Observed, name, id)
}

/// Observations with the ids `label 0`, `label 1` and so on.
pub(super) fn observations(label: &str, count: usize) -> Vec<Record> {
    (0..count)
        .map(|index| observed(&format!("web-{}", index % 7), &format!("{label} {index}")))
        .collect()
}

/// A commit of `service` with outputs caused by the event at position 1.
pub(super) fn commit(service: Service, expected: Seq, label: &str, outputs: usize) -> Commit {
    let outputs: Vec<_> = (0..outputs)
        .map(|index| {
            let mut output = fact(
                service,
                Kind::Decided,
                "web",
                &format!("{label} output {index}"),
            );
            output.envelope.producer.behaviour = 3;
            let cause = EventId::named(label);
            output.envelope.cause = Some(Cause {
                id: cause,
                seq: Seq(1),
            });
            output.envelope.correlation = Some(cause);
            output
        })
        .collect();
    let head = Head {
        service,
        instance: "contract".into(),
        epoch: 1,
        behaviour: 3,
        through: Through {
            seq: Seq(1),
            next_index: 0,
        },
        commit_id: Uuid::from_u128(u128::from_be_bytes(*EventId::named(label).0.as_bytes())),
        outputs: u32::try_from(outputs.len()).expect("a batch is short"),
        checkpoint: Some("a hash".into()),
        released: false,
    };
    Commit {
        expected,
        head: Some(head),
        outputs,
    }
}

/// An entry's event.
pub(super) fn event(entry: &Entry) -> &Record {
    match entry {
        Entry::Event(record) => record,
        other => panic!("an event should be here, not {other:?}"),
    }
}

/// The ids of events; heads are left out.
pub(super) fn ids(entries: &[Entry]) -> Vec<EventId> {
    entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Event(record) => Some(record.envelope.id),
            _ => None,
        })
        .collect()
}

/// The ids that [`observations`] gives.
pub(super) fn named(label: &str, range: std::ops::Range<usize>) -> Vec<EventId> {
    range
        .map(|index| EventId::named(&format!("{label} {index}")))
        .collect()
}

impl Given {
    /// Appends, and expects it to be taken.
    pub(super) async fn append(&self, facts: Vec<Record>) -> Vec<Accepted> {
        self.0.append(facts).await.expect("an append is taken")
    }

    /// Appends a single fact.
    pub(super) async fn append_one(&self, fact: Record) -> Accepted {
        self.append(vec![fact]).await[0]
    }

    /// Everything that is there and passes.
    pub(super) async fn read(&self, from: Seq, filter: Filter) -> Vec<Entry> {
        let entries = self.0.read(from, filter).await.expect("a read begins");
        drain(entries).await
    }

    /// Everything that is there.
    pub(super) async fn everything(&self) -> Vec<Entry> {
        self.read(Seq(1), Filter::default()).await
    }

    /// What the ledger has.
    pub(super) async fn ledger(&self, from: Seq, filter: Filter) -> Vec<Entry> {
        let entries = self.0.ledger(from, filter).await;
        drain(entries.expect("a read of the ledger begins")).await
    }

    /// Everything that passes, and what comes.
    pub(super) async fn follow(&self, from: Seq, filter: Filter) -> Followed {
        let entries = self.0.follow(from, filter).await;
        Followed {
            entries: entries.expect("following begins"),
            ahead: Vec::new(),
        }
    }

    /// The newest head of a machine.
    pub(super) async fn head(&self, service: Service) -> Option<PlacedHead> {
        self.0.head(service).await.expect("a head can be asked for")
    }

    /// The last position.
    pub(super) async fn last(&self) -> Seq {
        self.0.bounds().await.expect("bounds can be asked for").last
    }

    /// Commits, and asks again as long as nobody knows what became of it. `None` when another came first.
    pub(super) async fn settle(&self, commit: &Commit) -> Option<Committed> {
        loop {
            match self.0.commit(commit.clone()).await {
                Ok(committed) => return Some(committed),
                Err(CommitError::Conflict) => {
                    let ours = commit.head.as_ref()?;
                    let newest = self.head(ours.service).await?;
                    let is_ours = newest.head.commit_id == ours.commit_id;
                    return is_ours.then_some(Committed { at: newest.seq });
                }
                Err(CommitError::Unknown(_)) => {}
                Err(CommitError::Log(error)) => panic!("a commit is refused: {error}"),
            }
        }
    }

    /// Commits, and expects to be the first.
    pub(super) async fn commit(&self, commit: &Commit) -> Committed {
        self.settle(commit).await.expect("nobody else commits")
    }
}

/// A stream that goes on, read as far as wanted.
pub(super) struct Followed {
    entries: Entries,
    ahead: Vec<Entry>,
}

impl Followed {
    /// The next `count` entries.
    pub(super) async fn next(&mut self, count: usize) -> Vec<Entry> {
        while self.ahead.len() < count {
            let chunk = tokio::time::timeout(PATIENCE, self.entries.next())
                .await
                .unwrap_or_else(|_| panic!("{} of {count} entries came", self.ahead.len()))
                .expect("following does not end")
                .expect("following does not fail");
            assert!(!chunk.is_empty(), "chunks are never empty");
            self.ahead.extend(chunk);
        }
        self.ahead.drain(..count).collect()
    }
}

async fn drain(mut entries: Entries) -> Vec<Entry> {
    let mut all = Vec::new();
    while let Some(chunk) = tokio::time::timeout(PATIENCE, entries.next())
        .await
        .expect("a read ends")
    {
        let chunk = chunk.expect("a read does not fail");
        assert!(!chunk.is_empty(), "chunks are never empty");
        all.extend(chunk);
    }
    all
}
