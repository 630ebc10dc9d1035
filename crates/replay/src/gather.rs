//! Events of the log and of its ledger, as one story.

use futures::StreamExt as _;
use headroom_log::{Entry, Filter, Log, LogError};
use headroom_model::{Event, Seq};

/// Every event that passes, in order, each once: first what only the ledger still has, then what the log has. Events that
/// cannot be read, or of a kind or version of another build, are as they are: the caller sees [`headroom_model::Body::Unknown`], or nothing.
pub(crate) async fn story(log: &dyn Log, filter: Filter) -> Result<Vec<Event>, LogError> {
    let first = log.bounds().await?.first;
    let mut events = Vec::new();
    let mut before = log.ledger(Seq::ZERO, filter.clone()).await?;
    'ledger: while let Some(chunk) = before.next().await {
        for entry in chunk? {
            if entry.seq() >= first {
                break 'ledger;
            }
            events.extend(event(entry));
        }
    }
    let mut entries = log.read(first, filter).await?;
    while let Some(chunk) = entries.next().await {
        events.extend(chunk?.into_iter().filter_map(event));
    }
    Ok(events)
}

/// The event at a position, if the log still has it and it can be read.
pub(crate) async fn at(log: &dyn Log, seq: Seq, filter: Filter) -> Result<Option<Event>, LogError> {
    if seq < log.bounds().await?.first {
        return Ok(None);
    }
    let mut entries = log.read(seq, filter).await?;
    let first = entries.next().await.transpose()?.unwrap_or_default();
    let first = first.into_iter().find(|entry| entry.seq() >= seq);
    Ok(first.filter(|entry| entry.seq() == seq).and_then(event))
}

fn event(entry: Entry) -> Option<Event> {
    match entry {
        Entry::Event(record) => record.into_event().ok(),
        Entry::Head(_) | Entry::Damaged { .. } => None,
    }
}
