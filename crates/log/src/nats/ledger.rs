//! The ledger: a stream that sources what is kept for a year, and knows where each of its messages stood in the log.
//!
//! A sourced message has the time of its copy, usually some milliseconds after its stamp in the log.

use super::{
    api::{Api, Failure},
    headers::STREAM_SOURCE,
    reader::{Plan, Reader, Which},
    stored::{self, Which as At},
    subject::Subjects,
};
use crate::{Filter, LogError, memory::LEDGER_KINDS};
use async_nats::{HeaderMap, jetstream::consumer::DeliverPolicy};
use headroom_model::Seq;

/// Where a sourced message stood: the second word of the header that sourcing leaves.
pub(super) fn position(headers: Option<&HeaderMap>) -> Option<Seq> {
    let source = headers?.get(STREAM_SOURCE)?.as_str();
    source.split(' ').nth(1)?.parse().ok().map(Seq)
}

/// Subjects that hold everything of the ledger that `filter` can pass.
pub(super) fn subjects(names: &Subjects, filter: &Filter) -> Result<Vec<String>, LogError> {
    let mut narrow = filter.clone();
    if filter.kinds.is_empty() || !filter.machines.is_empty() {
        narrow.kinds = LEDGER_KINDS.to_vec();
    } else {
        narrow.kinds.retain(|kind| LEDGER_KINDS.contains(kind));
    }
    if !filter.machines.is_empty() {
        // Machines pass beside place and services, so only the kinds can be left to the server.
        narrow.place = None;
        narrow.services.clear();
        narrow.machines.clear();
    }
    if narrow.kinds.is_empty() {
        return Ok(Vec::new());
    }
    names.filters(&narrow)
}

/// A reader of what stands from `from` to just before `before` in the log, whether the log still has it or not.
pub(super) async fn reader(
    api: &Api,
    names: &Subjects,
    subjects: Vec<String>,
    filter: Filter,
    from: Seq,
    before: Seq,
) -> Result<Reader, LogError> {
    let plan = Plan {
        which: Which::Ledger,
        stream: names.ledger_stream(),
        start: start(api, names, from).await?,
        after: Seq(from.0.saturating_sub(1)),
        end: Some(last(api, names, &subjects).await?),
        before,
        subjects,
        filter,
    };
    let mut reader = Reader::new(api, names, plan);
    reader.open().await?;
    Ok(reader)
}

/// Where in the ledger stream the first message stands that is not before `from` in the log.
async fn start(api: &Api, names: &Subjects, from: Seq) -> Result<DeliverPolicy, Failure> {
    let stream = names.ledger_stream();
    let state = stored::info(api, &stream).await?.state;
    let (mut low, mut high) = (state.first_sequence.max(1), state.last_sequence + 1);
    while low < high {
        let middle = low + (high - low) / 2;
        let message = stored::message(api, &stream, &At::At(middle)).await?;
        let before = message
            .and_then(|message| position(Some(&message.headers)))
            .is_none_or(|position| position < from);
        if before {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(DeliverPolicy::ByStartSequence {
        start_sequence: low,
    })
}

/// The position in the log of the last message of the ledger that matches any of the subjects.
async fn last(api: &Api, names: &Subjects, subjects: &[String]) -> Result<Seq, Failure> {
    let mut last = Seq::ZERO;
    for subject in subjects {
        let message = stored::message(api, &names.ledger_stream(), &At::Last(subject)).await?;
        let found = message.and_then(|message| position(Some(&message.headers)));
        last = last.max(found.unwrap_or(Seq::ZERO));
    }
    Ok(last)
}
