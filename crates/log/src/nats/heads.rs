//! The newest head of a machine, which outlives its place in the log.

use super::{
    api::{Api, Failure},
    ledger,
    stored::{self, Which},
    subject::Subjects,
};
use crate::PlacedHead;
use async_nats::jetstream::message::StreamMessage;
use headroom_model::{Head, Seq, Service};

/// The newest head, from the log or, when retention took it there, from the shelf of heads.
pub(super) async fn newest(
    api: &Api,
    subjects: &Subjects,
    machine: Service,
) -> Result<Option<PlacedHead>, Failure> {
    let subject = subjects.head(machine);
    let last = Which::Last(&subject);
    if let Some(message) = stored::message(api, &subjects.log_stream(), &last).await? {
        return place(&message, Seq(message.sequence)).map(Some);
    }
    let Some(message) = stored::message(api, &subjects.heads_stream(), &last).await? else {
        return Ok(None);
    };
    match ledger::position(Some(&message.headers)) {
        Some(position) => place(&message, position).map(Some),
        None => Ok(None),
    }
}

/// Whether `expected` is the newest head and the log has let it go, so that its subject there is empty.
pub(super) async fn was_let_go(
    api: &Api,
    subjects: &Subjects,
    machine: Service,
    expected: Seq,
) -> Result<bool, Failure> {
    let subject = subjects.head(machine);
    let in_log = stored::message(api, &subjects.log_stream(), &Which::Last(&subject)).await?;
    if expected == Seq::ZERO || in_log.is_some() {
        return Ok(false);
    }
    let newest = newest(api, subjects, machine).await?;
    Ok(newest.is_some_and(|head| head.seq == expected))
}

fn place(message: &StreamMessage, seq: Seq) -> Result<PlacedHead, Failure> {
    let head = Head::decode(&message.payload)
        .map_err(|error| Failure::Impossible(format!("{} at {seq}: {error}", message.subject)))?;
    Ok(PlacedHead {
        seq,
        stamp: stored::stamp(message.time),
        head,
    })
}
