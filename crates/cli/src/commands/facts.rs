//! What people say, as facts for the log; and what they said before.

use anyhow::Context as _;
use futures::TryStreamExt as _;
use headroom_log::{Accepted, Entry, Filter, Log, LogError};
use headroom_model::{Body, Event, EventId, Kind, Producer, Seq, Service, WorkloadId};
use headroom_runtime::identity::wall_clock;
use uuid::Uuid;

/// Writes one fact about a workload.
pub(crate) async fn say(
    log: &dyn Log,
    workload: &WorkloadId,
    body: Body,
) -> anyhow::Result<Accepted> {
    let producer = Producer {
        service: Service::Operator,
        instance: "cli".into(),
        behaviour: 0,
    };
    let fact = Event::fact(
        EventId(Uuid::now_v7()),
        workload.clone(),
        wall_clock(),
        producer,
        body,
    );
    let accepted = log
        .append(vec![fact.to_record()])
        .await
        .context("the log did not take it; nothing was changed")?;
    accepted
        .into_iter()
        .next()
        .context("the log took it and did not say where; see `headroom history`")
}

/// Every readable event of these kinds that the ledger keeps, in order.
pub(crate) async fn ledger(log: &dyn Log, kinds: &[Kind]) -> anyhow::Result<Vec<Event>> {
    let mut entries = log
        .ledger(Seq(1), Filter::kinds(kinds.iter().cloned()))
        .await?;
    let mut events = Vec::new();
    while let Some(chunk) = next(&mut entries).await? {
        events.extend(chunk.into_iter().filter_map(|entry| match entry {
            Entry::Event(record) => record.into_event().ok(),
            _ => None,
        }));
    }
    Ok(events)
}

async fn next(entries: &mut headroom_log::Entries) -> Result<Option<Vec<Entry>>, LogError> {
    entries.try_next().await
}
