//! Messages that the log published, and a bare client that publishes them again.

use crate::servers::PATIENCE;
use anyhow::{Context as _, Result, ensure};
use async_nats::{Client, HeaderMap, Request, jetstream};
use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use serde_json::Value;
use tokio::task::JoinHandle;
use uuid::Uuid;

const BATCH_ID: &str = "Nats-Batch-Id";
const BATCH_SEQUENCE: &str = "Nats-Batch-Sequence";
const BATCH_COMMIT: &str = "Nats-Batch-Commit";

/// A message without what made it part of a batch.
#[derive(Clone, Debug)]
pub(super) struct Message {
    subject: String,
    headers: HeaderMap,
    payload: Bytes,
}

/// Messages of one atomic batch, or one that was published alone.
pub(super) type Batch = Vec<Message>;

/// What a subscriber of a shard's subjects heard, batch by batch.
#[derive(Debug, Default)]
pub(super) struct Overheard(Vec<(Option<String>, Batch)>);

impl Overheard {
    /// Listens until so many messages were heard.
    pub(super) async fn listen(
        client: Client,
        shard: &str,
        messages: usize,
    ) -> Result<JoinHandle<Result<Self>>> {
        let mut heard = client.subscribe(format!("headroom.v1.{shard}.>")).await?;
        // An answer to what is asked after it shows that the server knows of the subscription; a flush shows only that it
        // was sent, and what is published meanwhile would be missed.
        jetstream::new(client).query_account().await?;
        Ok(tokio::spawn(async move {
            let mut all = Self::default();
            for number in 0..messages {
                let message = tokio::time::timeout(PATIENCE, heard.next())
                    .await
                    .ok()
                    .flatten()
                    .with_context(|| {
                        format!("nothing was heard after {number} of {messages} messages")
                    })?;
                all.add(message)?;
            }
            Ok(all)
        }))
    }

    fn add(&mut self, message: async_nats::Message) -> Result<()> {
        let headers = message.headers.context("the log publishes with headers")?;
        let batch = headers.get(BATCH_ID).map(ToString::to_string);
        let ours = |name: &str| ![BATCH_ID, BATCH_SEQUENCE, BATCH_COMMIT].contains(&name);
        let mut kept = HeaderMap::new();
        for (name, values) in headers.iter().filter(|(name, _)| ours(name.as_ref())) {
            for value in values {
                kept.append(name.clone(), value.clone());
            }
        }
        let message = Message {
            subject: message.subject.to_string(),
            headers: kept,
            payload: message.payload,
        };
        match self.0.last_mut() {
            Some((id, messages)) if batch.is_some() && *id == batch => messages.push(message),
            _ => self.0.push((batch, vec![message])),
        }
        Ok(())
    }

    /// The batches, as they would be published into another shard.
    pub(super) fn renamed(&self, from: &str, to: &str) -> Vec<Batch> {
        let (from, to) = (format!("headroom.v1.{from}."), format!("headroom.v1.{to}."));
        let rename = |message: &Message| Message {
            subject: message.subject.replacen(&from, &to, 1),
            ..message.clone()
        };
        self.0
            .iter()
            .map(|(_, batch)| batch.iter().map(rename).collect())
            .collect()
    }
}

/// Publishes batches, so many at a time, and waits for every ack.
pub(super) async fn publish_batches(
    client: Client,
    batches: Vec<Batch>,
    in_flight: usize,
) -> Result<()> {
    let publishing = futures::stream::iter(batches).map(|batch| publish_batch(&client, batch));
    publishing
        .buffered(in_flight)
        .try_for_each(async |()| Ok(()))
        .await
}

async fn publish_batch(client: &Client, batch: Batch) -> Result<()> {
    let id = Uuid::now_v7().simple().to_string();
    let last = batch.len();
    for (number, mut message) in (1..).zip(batch) {
        message.headers.insert(BATCH_ID, id.as_str());
        message
            .headers
            .insert(BATCH_SEQUENCE, number.to_string().as_str());
        if number < last {
            client
                .publish_with_headers(message.subject, message.headers, message.payload)
                .await?;
            continue;
        }
        message.headers.insert(BATCH_COMMIT, "1");
        let request = Request::new()
            .headers(message.headers)
            .payload(message.payload);
        let answer = client.send_request(message.subject, request).await?;
        let ack: Value = serde_json::from_slice(&answer.payload)?;
        ensure!(
            ack.get("error").is_none(),
            "the server refused a batch: {ack}"
        );
    }
    Ok(())
}

/// Publishes every message by itself, with so many acks outstanding, and waits for every ack.
pub(super) async fn publish_singles(
    client: Client,
    batches: Vec<Batch>,
    in_flight: usize,
) -> Result<()> {
    let context = jetstream::new(client);
    let publishing = futures::stream::iter(batches.into_iter().flatten()).map(async |message| {
        let sent = context
            .publish_with_headers(message.subject, message.headers, message.payload)
            .await?;
        sent.await?;
        anyhow::Ok(())
    });
    publishing
        .buffered(in_flight)
        .try_for_each(async |()| Ok(()))
        .await
}
