//! From what a machine chose to the events that say so: ids, causes and bytes are derived, never invented.

use super::{Machine, Output};
use crate::{Cause, Envelope, Event, EventId, Producer, Record, Seq};
use std::sync::Arc;

/// The output number `index` in answer to `input`, as it enters the log.
#[must_use]
pub fn output_event<M: Machine>(
    input: &Envelope,
    index: u32,
    output: Output,
    instance: &Arc<str>,
) -> Event {
    let envelope = Envelope {
        id: EventId::derived(M::SERVICE, input.id, index),
        kind: output.body.kind(),
        version: output.body.version(),
        subject: output.subject,
        at: input.stamp,
        stamp: input.stamp,
        seq: Seq::ZERO,
        cause: Some(Cause {
            id: input.id,
            seq: input.seq,
        }),
        correlation: Some(input.correlation.unwrap_or(input.id)),
        producer: Producer {
            service: M::SERVICE,
            instance: Arc::clone(instance),
            behaviour: M::BEHAVIOUR,
        },
    };
    Event {
        envelope,
        body: output.body,
    }
}

/// An own output as the machine is shown it: with its cause's stamp, without a position and without the process that
/// wrote it, since live, standby and replay must see the same.
#[must_use]
pub fn as_own(mut event: Event, cause_stamp: crate::Timestamp) -> Event {
    event.envelope.stamp = cause_stamp;
    event.envelope.seq = Seq::ZERO;
    event.envelope.producer.instance = Arc::default();
    event
}

/// How a recorded output differs from what this machine answers; `None` when it does not. The process that wrote it,
/// its stamp and its position are not part of the answer.
#[must_use]
pub fn difference(expected: &Record, recorded: &Record) -> Option<String> {
    let (ours, theirs) = (&expected.envelope, &recorded.envelope);
    let fields = [
        ("id", ours.id == theirs.id),
        ("kind", ours.kind == theirs.kind),
        ("version", ours.version == theirs.version),
        ("subject", ours.subject == theirs.subject),
        ("at", ours.at == theirs.at),
        ("cause", ours.cause == theirs.cause),
        ("correlation", ours.correlation == theirs.correlation),
        ("body", expected.body == recorded.body),
    ];
    let differing: Vec<_> = fields
        .into_iter()
        .filter_map(|(name, same)| (!same).then_some(name))
        .collect();
    (!differing.is_empty()).then(|| format!("{} differs", differing.join(", ")))
}
