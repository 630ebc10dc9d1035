//! The messages: headers and payload of each.

use super::channels::producers;
use super::document::{CorrelationId, Message, Named, Reference};
use super::headers;
use crate::events;
use headroom_log::nats::CONTENT_TYPE;
use headroom_model::{Kind, Service};

/// The name of the message that carries bodies of this kind and version.
pub(super) fn name(kind: &Kind, version: u16) -> String {
    format!("{kind}.v{version}")
}

/// Every message, by name.
pub(super) fn messages() -> Named<Message> {
    let events = events::written().map(|(kind, version)| event(kind, version));
    let messages = events.chain(others());
    messages
        .map(|message| (message.name.clone(), message))
        .collect()
}

fn event(kind: &Kind, version: u16) -> Message {
    let name = name(kind, version);
    let schema = kind.schema().unwrap_or_default();
    let about = schema.get("description").and_then(|about| about.as_str());
    Message {
        summary: about.unwrap_or_default().to_owned(),
        content_type: CONTENT_TYPE,
        correlation_id: Some(CorrelationId {
            description: "The first event of the chain; absent when this is the first.",
            location: "$message.header#/ce-correlation",
        }),
        headers: Some(headers::of_event(
            &name,
            producers(kind).contains(&Service::Collector),
        )),
        payload: Some(Reference::to(events::path(kind, version))),
        name,
    }
}

/// What is no event.
fn others() -> impl Iterator<Item = Message> {
    let message = |name: &str, summary: &str, content_type, payload: Option<&str>| Message {
        name: name.to_owned(),
        summary: summary.to_owned(),
        content_type,
        correlation_id: None,
        headers: None,
        payload: payload.map(Reference::to),
    };
    let head = "What fences the commits of a machine, and how far it has answered.";
    let json = "application/json";
    [
        Message {
            headers: Some(headers::of_head()),
            ..message("head", head, CONTENT_TYPE, Some("head.v1.json"))
        },
        message(
            "checkpoint",
            "The chunks of a checkpoint.",
            CONTENT_TYPE,
            Some("checkpoint.json"),
        ),
        message(
            "checkpoint_chunk",
            "A part of a state, compressed.",
            "application/zstd",
            None,
        ),
        message("push", "A reading.", json, Some("push.v1.json")),
        message(
            "push_answer",
            "Whether the log has it.",
            json,
            Some("push_answer.v1.json"),
        ),
    ]
    .into_iter()
}
