//! Adding facts from outside.

use super::{
    api::{Api, Failure},
    envelope,
    publish::{self, Ack, Outgoing},
    subject::Subjects,
};
use crate::{Accepted, LogError};
use async_nats::jetstream::ErrorCode;
use futures::{StreamExt as _, TryStreamExt as _};
use headroom_model::{EventId, Record, Seq, Service, head::BATCH};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::Semaphore;

/// Batches in flight from one process. A stream takes 50 at a time from everyone; six services and some tools fit in.
const BATCHES_IN_FLIGHT: usize = 6;
/// Messages whose acks are awaited together where they need no order among themselves.
const ACKS_IN_FLIGHT: usize = 256;
/// The most bytes that one batch carries when it need not carry more: servers hold it in memory until it is complete.
const BATCH_BYTES: usize = 8 << 20;
/// How soon a fact is tried again that another writer is just storing.
const TRY_AGAIN: Duration = Duration::from_millis(10);

/// Adds facts in order, as atomic batches: single messages in flight could lose one in the middle when a leader goes.
#[derive(Clone, Debug)]
pub(super) struct Appender {
    api: Api,
    subjects: Subjects,
    permits: Arc<Semaphore>,
}

/// One fact on its way.
struct Fact {
    /// Its place among the facts of the call.
    index: usize,
    message: Outgoing,
}

impl Appender {
    pub(super) fn new(api: Api, subjects: Subjects) -> Self {
        Self {
            api,
            subjects,
            permits: Arc::new(Semaphore::new(BATCHES_IN_FLIGHT)),
        }
    }

    /// See [`crate::Log::append`].
    pub(super) async fn append(&self, facts: &[Record]) -> Result<Vec<Accepted>, LogError> {
        let mut accepted: Vec<Option<Accepted>> = vec![None; facts.len()];
        let mut twins = Vec::new();
        let mut first_of: BTreeMap<EventId, usize> = BTreeMap::new();
        let mut fresh = Vec::with_capacity(facts.len());
        for (index, fact) in facts.iter().enumerate() {
            let id = fact.envelope.id;
            if !is_collected(fact) {
                fresh.push(self.prepare(index, fact)?);
            } else if let Some(first) = first_of.get(&id) {
                twins.push((index, *first));
            } else {
                first_of.insert(id, index);
                fresh.push(self.prepare(index, fact)?);
            }
        }
        for chunk in chunks(fresh) {
            for (index, place) in self.append_chunk(chunk).await? {
                accepted[index] = Some(place);
            }
        }
        for (index, first) in twins {
            accepted[index] = accepted[first].map(|place| Accepted {
                duplicate: true,
                ..place
            });
        }
        accepted
            .into_iter()
            .map(|place| Ok(place.expect("every fact was sent or is the twin of one that was")))
            .collect()
    }

    fn prepare(&self, index: usize, fact: &Record) -> Result<Fact, LogError> {
        let mut headers = envelope::encode(fact, &self.subjects);
        if is_collected(fact) {
            headers.insert("Nats-Msg-Id", fact.envelope.id.to_string().as_str());
        }
        let message = Outgoing {
            subject: self.subjects.event(&fact.envelope)?,
            headers,
            payload: fact.body.clone().into(),
        };
        message.check_size(&self.api)?;
        Ok(Fact { index, message })
    }

    /// Adds at most a batch. When the stream has some of the facts already, asks which, and adds the others, in smaller
    /// batches while another writer of the same facts keeps overtaking. A single fact cannot be overtaken.
    async fn append_chunk(&self, facts: Vec<Fact>) -> Result<Vec<(usize, Accepted)>, LogError> {
        let mut places = Vec::with_capacity(facts.len());
        let mut size = facts.len();
        let mut rest = facts;
        let mut since = Instant::now();
        while !rest.is_empty() {
            let later = rest.split_off(size.min(rest.len()));
            match self.store(&rest).await {
                Ok(stored) => {
                    places.extend(stored);
                    rest = later;
                    size *= 2;
                    since = Instant::now();
                }
                Err(Failure::Server(error))
                    if error.err_code == ErrorCode::ATOMIC_PUBLISH_CONTAINS_DUPLICATE_MESSAGE =>
                {
                    let (had, new) = self.sort_out(rest).await?;
                    places.extend(had);
                    rest = new;
                    rest.extend(later);
                    size = (size / 2).max(1);
                }
                Err(failure) => {
                    self.wait_for_twin(failure, since).await?;
                    rest.extend(later);
                }
            }
        }
        Ok(places)
    }

    async fn store(&self, facts: &[Fact]) -> Result<Vec<(usize, Accepted)>, Failure> {
        let _permit = self
            .permits
            .acquire()
            .await
            .expect("this semaphore is never closed");
        match facts {
            [] => Ok(Vec::new()),
            [fact] => {
                let ack = publish::one(&self.api, fact.message.clone()).await?;
                Ok(vec![(fact.index, place(&ack))])
            }
            _ => {
                let messages = facts.iter().map(|fact| fact.message.clone()).collect();
                let ack = publish::batch(&self.api, messages).await?;
                let first = (ack.seq + 1).saturating_sub(facts.len() as u64);
                let places = facts.iter().zip(first..).map(|(fact, seq)| {
                    let accepted = Accepted {
                        seq: Seq(seq),
                        duplicate: false,
                    };
                    (fact.index, accepted)
                });
                Ok(places.collect())
            }
        }
    }

    /// Parts the facts that the stream has from those that it has not.
    async fn sort_out(
        &self,
        facts: Vec<Fact>,
    ) -> Result<(Vec<(usize, Accepted)>, Vec<Fact>), LogError> {
        let answers: Vec<_> = futures::stream::iter(facts)
            .map(|fact| async {
                let had = self.find(&fact).await?;
                Ok::<_, LogError>((fact, had))
            })
            .buffered(ACKS_IN_FLIGHT)
            .try_collect()
            .await?;
        let (mut known, mut new) = (Vec::new(), Vec::new());
        for (fact, had) in answers {
            match had {
                Some(place) => known.push((fact.index, place)),
                None => new.push(fact),
            }
        }
        Ok((known, new))
    }

    /// Waits a moment when another writer of the same fact is just storing it: then it is an ordinary duplicate.
    async fn wait_for_twin(&self, failure: Failure, since: Instant) -> Result<(), LogError> {
        match failure {
            Failure::Server(error)
                if error.err_code == ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT
                    && since.elapsed() < self.api.timeout =>
            {
                tokio::time::sleep(TRY_AGAIN).await;
                Ok(())
            }
            other => Err(other.into()),
        }
    }

    /// Where the stream has a fact. Writes nothing: the server looks for duplicates before it looks at rollups, and this one
    /// is both forbidden in our streams and of no kind that any stream would take.
    ///
    /// Demanding a wrong `Nats-Expected-Last-Msg-Id` would say the same, but a clustered stream of nats-server 2.15.1 answers
    /// nothing any more after that.
    async fn find(&self, fact: &Fact) -> Result<Option<Accepted>, LogError> {
        let mut question = Outgoing {
            payload: bytes::Bytes::new(),
            ..fact.message.clone()
        };
        question
            .headers
            .insert("Nats-Rollup", "none, only a question");
        let since = Instant::now();
        loop {
            match publish::one(&self.api, question.clone()).await {
                Ok(ack) => return Ok(Some(place(&ack))),
                Err(Failure::Server(error))
                    if error.err_code == ErrorCode::STREAM_ROLLUP_FAILED =>
                {
                    return Ok(None);
                }
                Err(failure) => self.wait_for_twin(failure, since).await?,
            }
        }
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

/// Cuts facts into batches.
fn chunks(facts: Vec<Fact>) -> Vec<Vec<Fact>> {
    let mut chunks = Vec::new();
    let (mut chunk, mut bytes) = (Vec::new(), 0);
    for fact in facts {
        let size = fact.message.size();
        if chunk.len() == BATCH || (bytes + size > BATCH_BYTES && !chunk.is_empty()) {
            chunks.push(std::mem::take(&mut chunk));
            bytes = 0;
        }
        bytes += size;
        chunk.push(fact);
    }
    chunks.push(chunk);
    chunks
}
