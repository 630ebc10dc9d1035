//! What people say, as facts for the log; and what they said before.

use anyhow::Context as _;
use futures::TryStreamExt as _;
use headroom_log::{Accepted, Entries, Entry, Filter, Log, LogError};
use headroom_model::{Body, Event, EventId, Producer, Seq, Service, WorkloadId};
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
        .map_err(|error| match error {
            LogError::Unavailable(_) => anyhow::Error::new(error).context(
                "nobody knows whether the log has it; look with `headroom history`, and say it again if it is not there",
            ),
            LogError::Refused(_) | LogError::Storage(_) => {
                anyhow::Error::new(error).context("the log did not take it; nothing was changed")
            }
        })?;
    accepted
        .into_iter()
        .next()
        .context("the log took it and did not say where; see `headroom history`")
}

/// Hands over every readable event that the ledger keeps and the filter passes, in order, and holds one chunk of them at
/// a time: a year of decisions need not fit into memory.
pub(crate) async fn ledger(
    log: &dyn Log,
    filter: Filter,
    take: impl FnMut(Event),
) -> anyhow::Result<()> {
    let entries = log.ledger(Seq(1), filter).await?;
    Ok(each(entries, take).await?)
}

async fn each(mut entries: Entries, mut take: impl FnMut(Event)) -> Result<(), LogError> {
    while let Some(chunk) = entries.try_next().await? {
        for entry in chunk {
            if let Entry::Event(record) = entry
                && let Ok(event) = record.into_event()
            {
                take(event);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::StreamExt as _;
    use headroom_model::body::Ticked;
    use std::cell::Cell;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    fn tick(number: u64) -> Entry {
        let producer = Producer {
            service: Service::Clock,
            instance: "test".into(),
            behaviour: 0,
        };
        let id = EventId::named(&number.to_string());
        let body = Body::Ticked(Ticked { number });
        let event = Event::fact(
            id,
            WorkloadId::system("clock"),
            wall_clock(),
            producer,
            body,
        );
        Entry::Event(event.to_record())
    }

    #[tokio::test]
    async fn the_ledger_is_read_a_chunk_at_a_time() {
        let read = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&read);
        let chunks = (0..100).map(move |chunk| {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok((0..10).map(|number| tick(chunk * 10 + number)).collect())
        });
        let taken = Cell::new(0);
        let ahead = Cell::new(0);
        each(futures::stream::iter(chunks).boxed(), |_| {
            ahead.set(
                ahead
                    .get()
                    .max(read.load(Ordering::Relaxed) - taken.get() / 10),
            );
            taken.set(taken.get() + 1);
        })
        .await
        .unwrap();
        assert_eq!((taken.get(), ahead.get()), (1000, 1));
    }
}
