//! Reading a stream in order from a position, whatever happens to connections, consumers and leaders.
//!
//! Every consumer is short-lived: at the first doubt (a gap, a missed heartbeat, an error) it is given up, and a new one
//! starts after the last position that was handed out. So nothing is lost or doubled.

use super::{
    api::{Api, Failure, chain},
    envelope::Stored,
    stored::stamp,
    subject::Subjects,
};
use crate::{Entries, Entry, Filter, LogError};
use async_nats::jetstream::{
    Context, Message,
    consumer::{
        AckPolicy, DeliverPolicy,
        pull::{Config, Stream as Messages},
    },
    stream::ConsumerErrorKind,
};
use futures::{FutureExt as _, StreamExt as _};
use headroom_model::{Seq, Span, Timestamp};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// How many messages a consumer sends ahead, and a chunk holds at most.
const CHUNK: usize = 1000;
/// How often a silent consumer shows that it lives. It is given up after two beats.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// How long the server keeps a consumer that nobody asks.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);
/// The pauses between attempts to make a consumer.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How far the clocks of two leaders may be apart: so much earlier and later than a time filter is looked.
pub(super) const SKEW: Span = Span::seconds(60);

/// Which stream is read, and where its messages stand in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    /// The log itself: positions are the stream's.
    Log,
    /// The ledger: positions are in a header that sourcing leaves.
    Ledger,
}

/// What to read.
pub(super) struct Plan {
    pub(super) which: Which,
    pub(super) stream: String,
    /// Subjects that hold everything that can pass.
    pub(super) subjects: Vec<String>,
    pub(super) filter: Filter,
    /// Where to begin in the stream.
    pub(super) start: DeliverPolicy,
    /// Only what stands after this position of the log.
    pub(super) after: Seq,
    /// The last position of the log that matches; `None` to go on forever.
    pub(super) end: Option<Seq>,
    /// Only what stands before this position of the log.
    pub(super) before: Seq,
}

pub(super) struct Reader {
    api: Api,
    context: Context,
    names: Subjects,
    plan: Plan,
    consumer: Option<Consumer>,
}

struct Consumer {
    messages: Messages,
    /// The number of its messages so far; the next one has one more, or some got lost.
    count: u64,
}

impl Reader {
    pub(super) fn new(api: &Api, names: &Subjects, plan: Plan) -> Self {
        Self {
            api: api.clone(),
            context: async_nats::jetstream::context::ContextBuilder::new()
                .timeout(api.timeout)
                .build(api.client.clone()),
            names: names.clone(),
            plan,
            consumer: None,
        }
    }

    /// Makes the first consumer, so that what cannot work fails before the first entry.
    pub(super) async fn open(&mut self) -> Result<(), LogError> {
        if !self.is_over() {
            self.subscribe().await?;
        }
        Ok(())
    }

    /// The rest of the entries, in chunks. After an error there is nothing more.
    pub(super) fn entries(self) -> Entries {
        futures::stream::unfold(Some(self), |reader| async {
            let mut reader = reader?;
            match reader.chunk().await {
                Ok(Some(chunk)) => Some((Ok(chunk), Some(reader))),
                Ok(None) => None,
                Err(error) => Some((Err(error), None)),
            }
        })
        .boxed()
    }

    fn is_over(&self) -> bool {
        self.plan.end.is_some_and(|end| self.plan.after >= end)
    }

    /// The next entries that pass; `None` at the end.
    pub(super) async fn chunk(&mut self) -> Result<Option<Vec<Entry>>, LogError> {
        let mut failures = Failures::default();
        while !self.is_over() {
            match self.messages().await {
                Ok(messages) => {
                    failures = Failures::default();
                    let chunk = self.take(&messages);
                    if !chunk.is_empty() {
                        return Ok(Some(chunk));
                    }
                }
                Err(failure) => {
                    self.consumer = None;
                    failures
                        .wait(failure, self.plan.end.is_some(), self.api.timeout)
                        .await?;
                    self.draw_end_nearer().await;
                }
            }
        }
        Ok(None)
    }

    /// What a bounded read waits for may have been taken by retention meanwhile.
    async fn draw_end_nearer(&mut self) {
        if let (Which::Log, Some(end)) = (self.plan.which, self.plan.end) {
            let last =
                super::last_matching(&self.api, &self.plan.stream, &self.plan.subjects).await;
            self.plan.end = Some(last.map_or(end, |last| end.min(last)));
        }
    }

    /// At least one message, and those that are there already.
    async fn messages(&mut self) -> Result<Vec<Message>, Failure> {
        if self.consumer.is_none() {
            self.subscribe().await?;
        }
        let patience = self.plan.end.map(|_| self.api.timeout);
        let consumer = self.consumer.as_mut().expect("it was just made");
        let first = match patience {
            None => consumer.messages.next().await,
            Some(patience) => tokio::time::timeout(patience, consumer.messages.next())
                .await
                .map_err(|_| {
                    Failure::Unanswered(format!(
                        "stream {} gives nothing, though there is more",
                        self.plan.stream
                    ))
                })?,
        };
        let mut messages = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next {
            let message = message
                .ok_or_else(|| Failure::Unanswered("a consumer ended".to_owned()))?
                .map_err(|error| Failure::Unanswered(chain(&error)));
            match message.and_then(|message| consumer.count(message)) {
                Ok(message) => messages.push(message),
                // What came before the failure is good; the next call meets the failure again as a gap or silence.
                Err(failure) if messages.is_empty() => return Err(failure),
                Err(_) => {
                    self.consumer = None;
                    return Ok(messages);
                }
            }
            next = if messages.len() < CHUNK {
                consumer.messages.next().now_or_never()
            } else {
                None
            };
        }
        Ok(messages)
    }

    /// Decodes what is wanted of some messages and moves on past them.
    fn take(&mut self, messages: &[Message]) -> Vec<Entry> {
        let mut chunk = Vec::with_capacity(messages.len());
        for message in messages {
            let Ok(info) = message.info() else { continue };
            let accepted = stamp(info.published);
            self.plan.start = DeliverPolicy::ByStartSequence {
                start_sequence: info.stream_sequence + 1,
            };
            let seq = match self.plan.which {
                Which::Log => Seq(info.stream_sequence),
                Which::Ledger => super::ledger::position(message.headers.as_ref())
                    .unwrap_or(self.plan.after.next()),
            };
            if self.is_past(seq, accepted) {
                self.plan.end = Some(self.plan.after);
                break;
            }
            if seq <= self.plan.after {
                continue;
            }
            self.plan.after = seq;
            let stored = Stored {
                subject: message.subject.as_str(),
                headers: message.headers.as_ref(),
                payload: &message.payload,
                seq,
                stamp: accepted,
                sourced: self.plan.which == Which::Ledger,
            };
            let entry = stored.decode(&self.names);
            if self.plan.filter.passes_entry(&entry) {
                chunk.push(entry);
            }
        }
        chunk
    }

    /// Whether a bounded read is at its end.
    fn is_past(&self, seq: Seq, stamp: Timestamp) -> bool {
        let until = self.plan.filter.until;
        let late = until.is_some_and(|until| stamp >= until.plus(SKEW));
        self.plan.end.is_some_and(|end| seq > end || late) || seq >= self.plan.before
    }

    async fn subscribe(&mut self) -> Result<(), Failure> {
        self.api.reachable()?;
        let config = Config {
            // Permissions guard the creation of consumers by subjects that end in a name.
            name: Some(format!("read-{}", Uuid::now_v7().simple())),
            deliver_policy: self.plan.start,
            filter_subjects: self.plan.subjects.clone(),
            ack_policy: AckPolicy::None,
            memory_storage: true,
            num_replicas: 1,
            inactive_threshold: FORGOTTEN_AFTER,
            ..Config::default()
        };
        let consumer = self
            .context
            .create_consumer_on_stream(config, &self.plan.stream)
            .await
            .map_err(|error| match error.kind() {
                ConsumerErrorKind::JetStream(error) => {
                    Failure::Server(super::api::ServerError::from(&error))
                }
                _ => Failure::Unanswered(format!(
                    "reading stream {}: {}",
                    self.plan.stream,
                    chain(&error)
                )),
            })?;
        let messages = consumer
            .stream()
            .max_messages_per_batch(CHUNK)
            .heartbeat(HEARTBEAT)
            .messages()
            .await
            .map_err(|error| Failure::Unanswered(chain(&error)))?;
        self.consumer = Some(Consumer { messages, count: 0 });
        Ok(())
    }
}

impl Consumer {
    /// Lets a message pass if it is the next one.
    fn count(&mut self, message: Message) -> Result<Message, Failure> {
        let number = message
            .info()
            .map_err(|error| Failure::Unanswered(error.to_string()))?
            .consumer_sequence;
        if number != self.count + 1 {
            return Err(Failure::Unanswered(format!(
                "message {} of a consumer came after {}",
                number, self.count
            )));
        }
        self.count = number;
        Ok(message)
    }
}

/// Attempts that failed since something was read.
#[derive(Default)]
struct Failures {
    count: u32,
    since: Option<Instant>,
}

impl Failures {
    /// Waits before the next attempt. A follower never gives up; a bounded read does when nothing came for a few time-outs,
    /// or when waiting cannot help.
    async fn wait(
        &mut self,
        failure: Failure,
        bounded: bool,
        timeout: Duration,
    ) -> Result<(), LogError> {
        const PATIENCE: u32 = 4;
        let error = LogError::from(failure);
        let since = *self.since.get_or_insert_with(Instant::now);
        let hopeless = !matches!(error, LogError::Unavailable(_));
        if bounded && (hopeless || since.elapsed() > timeout * PATIENCE) {
            return Err(error);
        }
        if self.count == 5 {
            tracing::warn!(%error, "reading the log fails; trying on");
        }
        let pause = PAUSE.0.saturating_mul(2_u32.saturating_pow(self.count));
        tokio::time::sleep(pause.min(PAUSE.1)).await;
        self.count += 1;
        Ok(())
    }
}
