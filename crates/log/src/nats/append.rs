//! Adding facts from outside.

use super::{
    api::{Api, Failure},
    envelope, headers,
    publish::{self, Ack, Outgoing},
    subject::Subjects,
};
use crate::{Accepted, LogError};
use async_nats::jetstream::ErrorCode;
use headroom_model::{Record, Seq, Service, head::BATCH};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Facts of collectors on their way from one process, and those of one append that are sent before their acks are awaited.
const COLLECTED_IN_FLIGHT: usize = 2048;
const AT_ONCE: usize = 512;
/// Batches in flight from one process. A stream takes 50 at a time from everyone; six services and some tools fit in.
const BATCHES_IN_FLIGHT: usize = 6;
/// Up to so many facts that need their order are sent one after the other; beyond, a batch is faster.
const ONE_BY_ONE: usize = 8;
/// The most bytes that one batch carries when it need not carry more: servers hold it in memory until it is complete.
const BATCH_BYTES: usize = 8 << 20;
/// How soon a fact is tried again that another writer is just storing.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// Adds facts. Those of collectors are sent without waiting for each other: when the log fails in between, one that was
/// lost comes later, as late samples may. All others keep their order: one after the other, or in atomic batches.
#[derive(Clone, Debug)]
pub(super) struct Appender {
    api: Api,
    subjects: Subjects,
    collected: Arc<Semaphore>,
    batches: Arc<Semaphore>,
}

impl Appender {
    pub(super) fn new(api: Api, subjects: Subjects) -> Self {
        Self {
            api,
            subjects,
            collected: Arc::new(Semaphore::new(COLLECTED_IN_FLIGHT)),
            batches: Arc::new(Semaphore::new(BATCHES_IN_FLIGHT)),
        }
    }

    /// See [`crate::Log::append`].
    pub(super) async fn append(&self, facts: &[Record]) -> Result<Vec<Accepted>, LogError> {
        let mut accepted = Vec::with_capacity(facts.len());
        for alike in facts.chunk_by(|one, next| is_collected(one) == is_collected(next)) {
            if is_collected(&alike[0]) {
                for some in alike.chunks(AT_ONCE) {
                    accepted.extend(self.collected(some).await?);
                }
                continue;
            }
            let messages = self.messages(alike)?;
            if messages.len() <= ONE_BY_ONE {
                for message in messages {
                    accepted.push(place(&publish::one(&self.api, message).await?));
                }
            } else {
                for batch in batches(messages) {
                    accepted.extend(self.batch(batch).await?);
                }
            }
        }
        Ok(accepted)
    }

    fn messages(&self, facts: &[Record]) -> Result<Vec<Outgoing>, LogError> {
        facts.iter().map(|fact| self.message(fact)).collect()
    }

    fn message(&self, fact: &Record) -> Result<Outgoing, LogError> {
        let mut headers = envelope::encode(fact, &self.subjects);
        if is_collected(fact) {
            headers.insert(headers::MESSAGE_ID, fact.envelope.id.to_string());
        }
        let message = Outgoing {
            subject: self.subjects.event(&fact.envelope)?,
            headers,
            payload: fact.body.clone().into(),
        };
        message.check_size(&self.api)?;
        Ok(message)
    }

    /// Adds at most [`AT_ONCE`] facts that another writer may be adding as well: the second is told where the first one
    /// stands, though not while that is still on its way.
    async fn collected(&self, facts: &[Record]) -> Result<Vec<Accepted>, LogError> {
        let count = u32::try_from(facts.len()).unwrap_or(u32::MAX);
        let _permits = self
            .collected
            .acquire_many(count)
            .await
            .expect("this semaphore is never closed");
        let since = Instant::now();
        let mut accepted = Vec::with_capacity(facts.len());
        let results = publish::each(&self.api, self.messages(facts)?).await?;
        for (fact, mut result) in facts.iter().zip(results) {
            while let Err(Failure::Server(error)) = &result
                && error.err_code == ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT
                && since.elapsed() < self.api.timeout
            {
                tokio::time::sleep(TRY_AGAIN).await;
                result = publish::one(&self.api, self.message(fact)?).await;
            }
            accepted.push(place(&result?));
        }
        Ok(accepted)
    }

    async fn batch(&self, messages: Vec<Outgoing>) -> Result<Vec<Accepted>, LogError> {
        let _permit = self
            .batches
            .acquire()
            .await
            .expect("this semaphore is never closed");
        let count = messages.len() as u64;
        let last = publish::together(&self.api, messages).await?.seq;
        let seqs = (last + 1).saturating_sub(count)..=last;
        Ok(seqs
            .map(|seq| Accepted {
                seq: Seq(seq),
                duplicate: false,
            })
            .collect())
    }
}

fn is_collected(fact: &Record) -> bool {
    fact.envelope.producer.service == Service::Collector
}

fn place(ack: &Ack) -> Accepted {
    Accepted {
        seq: Seq(ack.seq),
        duplicate: ack.duplicate,
    }
}

/// Cuts messages into batches.
fn batches(messages: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let mut batches = Vec::new();
    let (mut batch, mut bytes) = (Vec::new(), 0);
    for message in messages {
        let size = message.size();
        if batch.len() == BATCH || (bytes + size > BATCH_BYTES && !batch.is_empty()) {
            batches.push(std::mem::take(&mut batch));
            bytes = 0;
        }
        bytes += size;
        batch.push(message);
    }
    batches.push(batch);
    batches
}
