//! The first of the writer's three threads: puts requests in order and gives positions and stamps.
//!
//! While one thread flushes a group and another encodes the next, the requests that arrive meanwhile become the one after,
//! so that many appends share a flush, and ordering and encoding hide behind the disk.

use super::recent::Recent;
use super::shared::Shared;
use super::stamps::Stamps;
use crate::{Accepted, Commit, CommitError, Committed, Entry, LogError, PlacedHead};
use headroom_model::{Record, Seq, Service};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use tokio::sync::{mpsc, oneshot};

/// Entries after which a group takes no further request: a few milliseconds of encoding. Shorter groups keep all three
/// threads at work when many appends wait; longer ones would share a flush among more.
const GROUP: usize = 5_000;
/// The longest body. NATS takes 1 MB; a log that took more could never be moved there.
const LONGEST_BODY: usize = 1 << 20;

/// What is asked of the writer.
pub(super) enum Request {
    /// Add facts.
    Append(
        Vec<Record>,
        oneshot::Sender<Result<Vec<Accepted>, LogError>>,
    ),
    /// Add a head and its outputs.
    Commit(Box<Commit>, oneshot::Sender<Result<Committed, CommitError>>),
}

/// Tells whoever asked how it went: `Err` says why the group could not be written.
pub(super) type Reply = Box<dyn FnOnce(Result<(), &str>) + Send>;

/// What was taken together, in order.
pub(super) struct Ordered {
    /// With positions and stamps; none when all were duplicates and refusals.
    pub(super) entries: Vec<Entry>,
    /// The heads among them.
    pub(super) heads: Vec<PlacedHead>,
    /// Whom to tell.
    pub(super) replies: Vec<Reply>,
}

/// Gives positions and stamps.
pub(super) struct Sequencer {
    shared: Arc<Shared>,
    next: Seq,
    stamps: Stamps,
    heads: BTreeMap<Service, PlacedHead>,
    recent: Recent,
    entries: Vec<Entry>,
    new_heads: Vec<PlacedHead>,
    replies: Vec<Reply>,
}

impl Sequencer {
    /// Goes on where the log ends.
    pub(super) fn new(shared: Arc<Shared>, stamps: Stamps, recent: Recent) -> Self {
        let young = shared.young();
        let (next, heads) = (young.last.next(), young.heads.clone());
        drop(young);
        Self {
            shared,
            next,
            stamps,
            heads,
            recent,
            entries: Vec::new(),
            new_heads: Vec::new(),
            replies: Vec::new(),
        }
    }

    /// Works until no one can ask any more, or the thread that encodes is gone.
    pub(super) fn run(
        mut self,
        mut requests: mpsc::Receiver<Request>,
        taken: &SyncSender<Ordered>,
    ) {
        while let Some(request) = requests.blocking_recv() {
            self.take(request);
            while self.entries.len() < GROUP
                && let Ok(request) = requests.try_recv()
            {
                self.take(request);
            }
            if taken.send(self.ordered()).is_err() {
                return;
            }
        }
    }

    fn take(&mut self, request: Request) {
        let failed = self.shared.check_failed();
        match request {
            Request::Append(facts, reply) => {
                match failed.and_then(|()| check_facts(&facts)) {
                    Ok(()) => self.append(facts, reply),
                    Err(error) => drop(reply.send(Err(error))),
                };
            }
            Request::Commit(commit, reply) => {
                match failed
                    .and_then(|()| check_facts(&commit.outputs))
                    .and_then(|()| commit.service())
                {
                    Ok(service) => self.commit(service, *commit, reply),
                    Err(error) => drop(reply.send(Err(error.into()))),
                };
            }
        }
    }

    fn append(
        &mut self,
        facts: Vec<Record>,
        reply: oneshot::Sender<Result<Vec<Accepted>, LogError>>,
    ) {
        let stamp = self.stamps.now();
        let mut accepted = Vec::with_capacity(facts.len());
        for fact in facts {
            let envelope = &fact.envelope;
            let known = (envelope.producer.service == Service::Collector)
                .then(|| self.recent.note(envelope.id, self.next, stamp))
                .flatten();
            accepted.push(Accepted {
                seq: known.unwrap_or(self.next),
                duplicate: known.is_some(),
            });
            if known.is_none() {
                self.push(fact, stamp);
            }
        }
        self.replies.push(Box::new(move |outcome| {
            let outcome = outcome.map_err(|why| LogError::Storage(why.to_owned()));
            // Whoever asked may have stopped waiting; the facts are in the log all the same.
            let _ = reply.send(outcome.map(|()| accepted));
        }));
    }

    fn push(&mut self, mut record: Record, stamp: headroom_model::Timestamp) {
        record.envelope.seq = self.next;
        record.envelope.stamp = stamp;
        self.entries.push(Entry::Event(record));
        self.next = self.next.next();
    }

    fn commit(
        &mut self,
        service: Service,
        commit: Commit,
        reply: oneshot::Sender<Result<Committed, CommitError>>,
    ) {
        let newest = self.heads.get(&service);
        let answer = if newest.map_or(Seq::ZERO, |head| head.seq) == commit.expected {
            Some(self.accept(commit))
        } else {
            None
        };
        // A conflict is told in its turn as well: only then is the head that came first to be seen.
        self.replies.push(Box::new(move |outcome| {
            let _ = reply.send(match (outcome, answer) {
                (Ok(()), Some(at)) => Ok(Committed { at }),
                (Ok(()), None) => Err(CommitError::Conflict),
                (Err(why), _) => Err(CommitError::Unknown(why.to_owned())),
            });
        }));
    }

    fn accept(&mut self, commit: Commit) -> Seq {
        let stamp = self.stamps.now();
        let at = self.next;
        if let Some(head) = commit.head {
            let placed = PlacedHead {
                seq: at,
                stamp,
                head,
            };
            self.next = self.next.next();
            self.heads.insert(placed.head.service, placed.clone());
            self.new_heads.push(placed.clone());
            self.entries.push(Entry::Head(placed));
        }
        for output in commit.outputs {
            self.push(output, stamp);
        }
        at
    }

    /// What was taken so far.
    fn ordered(&mut self) -> Ordered {
        // The next group will be about as long.
        let room = Vec::with_capacity(self.entries.len());
        Ordered {
            entries: std::mem::replace(&mut self.entries, room),
            heads: std::mem::take(&mut self.new_heads),
            replies: std::mem::take(&mut self.replies),
        }
    }
}

fn check_facts(facts: &[Record]) -> Result<(), LogError> {
    let Some(long) = facts.iter().find(|fact| fact.body.len() > LONGEST_BODY) else {
        return Ok(());
    };
    Err(LogError::Refused(format!(
        "{} about {} has a body of {} bytes; {LONGEST_BODY} is the most, so split it",
        long.envelope.kind,
        long.envelope.subject,
        long.body.len()
    )))
}
