//! Writing to a stream: single messages, many of them at once, and atomic batches, which async-nats 0.51 has no publisher
//! for.

use super::api::{Api, Failure, NOBODY, chain, read};
use async_nats::{HeaderMap, Message, Request, StatusCode};
use bytes::Bytes;
use futures::StreamExt as _;
use serde::Deserialize;
use uuid::Uuid;

/// A message that is ready to go.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) subject: String,
    pub(super) headers: HeaderMap,
    pub(super) payload: Bytes,
}

/// The server's word that it has a message or a batch.
#[derive(Debug, Deserialize)]
pub(super) struct Ack {
    /// The position of the message; of a batch, of its last one.
    pub(super) seq: u64,
    /// It had the message before.
    #[serde(default)]
    pub(super) duplicate: bool,
}

impl Outgoing {
    /// The bytes that count towards the server's `max_payload`, with room for the headers of a batch.
    pub(super) fn size(&self) -> usize {
        // "Nats-Batch-Id", "Nats-Batch-Sequence" and "Nats-Batch-Commit" with their values.
        const BATCH_HEADERS: usize = 128;
        let names = self.headers.iter();
        let headers: usize = names
            .flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
            // ": " and the line end.
            .map(|(name, value)| AsRef::<str>::as_ref(name).len() + value.as_str().len() + 4)
            .sum();
        "NATS/1.0\r\n\r\n".len() + headers + BATCH_HEADERS + self.payload.len()
    }

    /// Refuses what the server would not take.
    pub(super) fn check_size(&self, api: &Api) -> Result<(), Failure> {
        let (size, most) = (self.size(), api.client.max_payload());
        if size <= most {
            return Ok(());
        }
        Err(Failure::Impossible(format!(
            "an event of {size} bytes for {} does not fit the NATS server's max_payload of {most}; raise it there",
            self.subject
        )))
    }
}

/// Sends one message and waits until it is stored.
pub(super) async fn one(api: &Api, message: Outgoing) -> Result<Ack, Failure> {
    let request = Request::new()
        .payload(message.payload)
        .headers(message.headers);
    api.send(message.subject, request).await
}

/// Sends messages without waiting for each other's acks, in order; the answers are in the same order. Should the log fail
/// in between, any of them may have been stored.
pub(super) async fn each(
    api: &Api,
    messages: Vec<Outgoing>,
) -> Result<Vec<Result<Ack, Failure>>, Failure> {
    api.reachable()?;
    let lost = |error: &dyn std::error::Error| Failure::Unreached(chain(error));
    let inbox = api.client.new_inbox();
    let subscribed = api.client.subscribe(format!("{inbox}.*")).await;
    let mut answers = subscribed.map_err(|error| lost(&error))?;
    let unanswered = || {
        Err(Failure::Unanswered(
            "NATS did not answer in time".to_owned(),
        ))
    };
    let mut results: Vec<_> = messages.iter().map(|_| unanswered()).collect();
    let mut awaited = messages.len();
    for (number, message) in messages.into_iter().enumerate() {
        let reply = format!("{inbox}.{number}");
        api.client
            .publish_with_reply_and_headers(
                message.subject,
                reply,
                message.headers,
                message.payload,
            )
            .await
            .map_err(|error| lost(&error))?;
    }
    while awaited > 0 {
        let Ok(Some(answer)) = tokio::time::timeout(api.timeout, answers.next()).await else {
            break;
        };
        let number = answer.subject.rsplit('.').next();
        let number = number.and_then(|number| number.parse::<usize>().ok());
        if let Some(result) = number.and_then(|number| results.get_mut(number)) {
            *result = ack(&answer);
            awaited -= 1;
        }
    }
    Ok(results)
}

fn ack(answer: &Message) -> Result<Ack, Failure> {
    if answer.status == Some(StatusCode::NO_RESPONDERS) {
        return Err(Failure::Unreached(NOBODY.to_owned()));
    }
    read("an event", &answer.payload)
}

/// Sends messages that are stored all together, one after the other, or not at all. The ack is that of the last one.
/// One alone needs no batch.
///
/// Every call is a batch of its own, so that what is left of one that got lost cannot mix with the next.
pub(super) async fn together(api: &Api, mut messages: Vec<Outgoing>) -> Result<Ack, Failure> {
    api.reachable()?;
    if messages.len() == 1 {
        return one(api, messages.remove(0)).await;
    }
    let id = Uuid::now_v7().simple().to_string();
    let last = messages.len();
    for (number, mut message) in (1..).zip(messages) {
        message.headers.insert("Nats-Batch-Id", id.as_str());
        message
            .headers
            .insert("Nats-Batch-Sequence", number.to_string().as_str());
        if number == last {
            message.headers.insert("Nats-Batch-Commit", "1");
            return one(api, message).await;
        }
        api.client
            .publish_with_headers(message.subject, message.headers, message.payload)
            .await
            .map_err(|error| Failure::Unreached(chain(&error)))?;
    }
    Err(Failure::Impossible("a batch needs a message".to_owned()))
}
