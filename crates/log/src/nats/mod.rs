//! The log on NATS JetStream, for services that run as processes of their own.
//!
//! - One stream `HEADROOM_<shard>` is the log: its sequence is [`Seq`], the server's time of a message is its stamp. Two
//!   leaders' clocks may differ, so a stamp can be a little before an earlier one; whoever folds takes the latest so far.
//!   (A reader could not do that for them: what it saw before depends on its filter, and no two may see other stamps.)
//! - `HEADROOM_<shard>_LEDGER` sources from it what is kept for a year; `HEADROOM_<shard>_CHECKPOINTS_<machine>` keeps
//!   the checkpoints of a machine.
//! - `HEADROOM_<shard>_HEADS` sources the newest head of each machine, for after the log has let it go.
//! - An event goes to `headroom.v1.<shard>.<producer>.<kind>.<namespace>.<name>`, a head to
//!   `headroom.v1.<shard>.<machine>.head`, in CloudEvents binary mode.
//!
//! The subject outranks the headers, since credentials guard subjects.

mod api;
mod append;
mod checkpoint;
mod commit;
mod connection;
mod envelope;
mod headers;
mod heads;
mod ledger;
mod publish;
mod reader;
mod settings;
mod stored;
mod streams;
mod subject;

pub use checkpoint::checkpoint_schema;
pub use connection::log_in;
pub use envelope::CONTENT_TYPE;
pub use settings::{Secret, Settings, Tls};

use crate::{
    Accepted, Bounds, Commit, CommitError, Committed, Entries, Filter, Log, LogError, PlacedHead,
};
use api::{Api, Failure};
use append::Appender;
use async_nats::jetstream::consumer::DeliverPolicy;
use async_trait::async_trait;
use futures::StreamExt as _;
use headroom_model::{Checkpoint, Record, Seq, Service, Timestamp};
use reader::{Plan, Reader, SKEW, Which};
use std::time::Duration;
use stored::Which as At;
use subject::Subjects;

/// So long the stream's leader may take to say that it is there. A new one is chosen within seconds.
const PROBE: Duration = Duration::from_secs(2);

/// One shard's log on a NATS server or cluster.
#[derive(Clone, Debug)]
pub struct NatsLog {
    api: Api,
    settings: Settings,
    subjects: Subjects,
    appender: Appender,
    single_outputs: bool,
}

impl NatsLog {
    /// Connects, checks the server, and makes the streams of `shard` unless they are there.
    ///
    /// `role` says what for (`planner`, `cli`): it names the connection, and answers come on `_INBOX.<role>.>`, so that
    /// permissions can keep them from other roles. A connection that is lost later is made again forever.
    ///
    /// # Errors
    /// [`LogError::Unavailable`] when no server can be reached; [`LogError::Refused`] when a setting is wrong, the server
    /// is older than 2.12.1 or has no JetStream, or a stream exists that cannot hold what the log promises.
    pub async fn connect(settings: Settings, shard: &str, role: &str) -> Result<Self, LogError> {
        let subjects = Subjects::new(shard)?;
        let api = connection::connect(&settings, shard, role).await?;
        let replicas = streams::ensure(&api, &settings, &subjects).await?;
        Ok(Self {
            // A server keeps a batch for a stream without replicas in files of its own, and flushes them, until it is whole.
            single_outputs: replicas <= 1,
            appender: Appender::new(api.clone(), subjects.clone()),
            api,
            settings,
            subjects,
        })
    }

    /// The connection beneath, for what travels beside the log: pushes.
    #[must_use]
    pub fn client(&self) -> async_nats::Client {
        self.api.client.clone()
    }

    /// Where a read begins. A time is only used when it is later than the position, and then with a margin.
    async fn start(&self, from: Seq, since: Option<Timestamp>) -> Result<DeliverPolicy, Failure> {
        let by_position = DeliverPolicy::ByStartSequence {
            start_sequence: from.0.max(1),
        };
        let Some(since) = since.map(|since| since.minus(SKEW)) else {
            return Ok(by_position);
        };
        let stream = self.subjects.log_stream();
        let there = stored::message(&self.api, &stream, &At::At(from.0.max(1))).await?;
        let late = there.is_some_and(|message| stored::stamp(message.time) >= since);
        let time = async_nats::datetime::from_nanos(i128::from(since.0) * 1_000_000);
        Ok(match time {
            Ok(start_time) if !late => DeliverPolicy::ByStartTime { start_time },
            _ => by_position,
        })
    }

    /// A reader of the log that has not begun.
    async fn reader(
        &self,
        from: Seq,
        subjects: Vec<String>,
        filter: Filter,
        ends: bool,
    ) -> Result<Reader, LogError> {
        let stream = self.subjects.log_stream();
        let end = match ends {
            true => Some(last_matching(&self.api, &stream, &subjects).await?),
            false => None,
        };
        let plan = Plan {
            which: Which::Log,
            start: self.start(from, filter.since).await?,
            stream,
            subjects,
            filter,
            after: Seq(from.0.saturating_sub(1)),
            end,
            before: Seq(u64::MAX),
        };
        let mut reader = Reader::new(&self.api, &self.subjects, plan);
        reader.open().await?;
        Ok(reader)
    }
}

/// The last position of a stream whose subject matches any of these; zero when there is none.
async fn last_matching(api: &Api, stream: &str, subjects: &[String]) -> Result<Seq, Failure> {
    let mut last = Seq::ZERO;
    for subject in subjects {
        let message = stored::message(api, stream, &At::Last(subject)).await?;
        last = last.max(message.map_or(Seq::ZERO, |message| Seq(message.sequence)));
    }
    Ok(last)
}

#[async_trait]
impl Log for NatsLog {
    async fn append(&self, facts: Vec<Record>) -> Result<Vec<Accepted>, LogError> {
        self.appender.append(&facts).await
    }

    async fn commit(&self, commit: Commit) -> Result<Committed, CommitError> {
        commit::commit(&self.api, &self.subjects, &commit).await
    }

    fn prefers_single_outputs(&self) -> bool {
        self.single_outputs
    }

    async fn id(&self) -> Result<Option<String>, LogError> {
        let stream = self.subjects.log_stream();
        let made = stored::info(&self.api, &stream).await?.created;
        // A stream that is made again under the same name counts from 1 again.
        Ok(Some(format!("{stream}@{}", made.unix_timestamp_nanos())))
    }

    async fn reachable(&self) -> Result<(), LogError> {
        let api = Api {
            timeout: self.api.timeout.min(PROBE),
            ..self.api.clone()
        };
        stored::info(&api, &self.subjects.log_stream()).await?;
        Ok(())
    }

    async fn head(&self, service: Service) -> Result<Option<PlacedHead>, LogError> {
        Ok(heads::newest(&self.api, &self.subjects, service).await?)
    }

    async fn read(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        let subjects = self.subjects.filters(&filter)?;
        Ok(self.reader(from, subjects, filter, true).await?.entries())
    }

    async fn follow(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        let subjects = self.subjects.filters(&filter)?;
        Ok(self.reader(from, subjects, filter, false).await?.entries())
    }

    async fn bounds(&self) -> Result<Bounds, LogError> {
        let info = stored::info(&self.api, &self.subjects.log_stream()).await?;
        let empty = info.state.messages == 0;
        let last = info.state.last_sequence;
        Ok(Bounds {
            first: Seq(if empty {
                last + 1
            } else {
                info.state.first_sequence
            }),
            last: Seq(last),
            last_stamp: match last {
                0 => Timestamp::EPOCH,
                _ => stored::stamp(info.state.last_timestamp),
            },
        })
    }

    async fn save_checkpoint(&self, checkpoint: Checkpoint) -> Result<(), LogError> {
        let machine = checkpoint.service;
        streams::ensure_checkpoints(&self.api, &self.settings, &self.subjects, machine).await?;
        let first = self.bounds().await?.first;
        checkpoint::Shelf::new(&self.api, &self.subjects, machine)
            .save(&checkpoint, first)
            .await
    }

    async fn checkpoint(
        &self,
        service: Service,
        not_after: Seq,
    ) -> Result<Option<Checkpoint>, LogError> {
        checkpoint::Shelf::new(&self.api, &self.subjects, service)
            .newest(not_after)
            .await
    }

    async fn ledger(&self, from: Seq, filter: Filter) -> Result<Entries, LogError> {
        let subjects = ledger::subjects(&self.subjects, &filter)?;
        if subjects.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let first = self.bounds().await?.first;
        let mut recent = self
            .reader(from, subjects.clone(), filter.clone(), true)
            .await?;
        if from >= first {
            return Ok(recent.entries());
        }
        // What the log still has is read there, since only there it has its own stamp; the rest lies before that.
        let chunk = recent.chunk().await?;
        let before = chunk.as_ref().and_then(|chunk| Some(chunk.first()?.seq()));
        let old = ledger::reader(
            &self.api,
            &self.subjects,
            subjects,
            filter,
            from,
            before.unwrap_or(Seq(u64::MAX)),
        );
        let chunk = futures::stream::iter(chunk.map(Ok));
        Ok(old
            .await?
            .entries()
            .chain(chunk)
            .chain(recent.entries())
            .boxed())
    }
}
