//! A machine at work beside others like it: it answers, commits, stands by and takes over.
//!
//! Pure: the shell feeds it what it reads and what the log said to its commits, and tells it the time; it says what to
//! commit next. The log is the lock: a commit is taken only if no other head came between, so two live instances never
//! answer twice. An instance that is not the newest head's writer stands by: it steps everything, and matches its own
//! answers to those that appear in the log.

mod writing;

use super::answer::{as_own, difference, output_event};
use super::commit::{Committed, Moment, Proposal, Stop, Taken};
use super::fold::Fold;
use super::{Machine, Stepped};
use crate::head::LEASE;
use crate::{Event, EventId, Head, Record, Seq, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// An answer that is not known to be in the log.
struct Pending {
    record: Record,
    cause: Seq,
    index: u32,
    since: Moment,
}

/// A commit whose fate is not known yet.
struct InFlight {
    proposal: Proposal,
    outputs: Vec<EventId>,
    /// When it was first sent: a lease counts from here, never from the answer.
    since: Moment,
}

/// How an instance writes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Writer {
    /// The process.
    pub instance: Arc<str>,
    /// Differs from that of every earlier life of the same instance name.
    pub nonce: u64,
    /// The head is renewed every second: the lease of machines that act on the world.
    pub beats: bool,
    /// A few outputs go one by one under the head that stands, for a log where a batch costs much more than a message.
    pub one_by_one: bool,
}

/// A machine at work.
pub struct Live<M> {
    stepped: Stepped<M>,
    writer: Writer,
    commits: u64,
    pending: VecDeque<Pending>,
    in_flight: Option<InFlight>,
    /// An output that was sent under the head and never answered for.
    lost: Option<EventId>,
    /// How many outputs stand under the newest head besides its own.
    under_head: u64,
    head: Option<(Seq, Head)>,
    /// Where the newest head's outputs end.
    head_ends: Seq,
    head_seen: Moment,
    leading: bool,
    /// It led, and puts a new head before anything else, since it does not know what became of an output.
    retaking: bool,
    eager: bool,
    confirmed: Seq,
    seen: Seq,
    stamp: Timestamp,
    silent_inputs: u64,
    lease_from: Moment,
    acts_from: Moment,
    /// The first head of this leadership: once it was read back, the stamp is fresh and the backlog is behind.
    leading_since: Seq,
    /// Outputs may be sent once this is read.
    read_first: Seq,
}

impl<M: Machine> Live<M> {
    /// Goes live from the end of a fold. `head` is the newest head, should it stand before what was folded.
    #[must_use]
    pub fn start(fold: Fold<M>, head: Option<(Seq, Head)>, writer: Writer, now: Moment) -> Self {
        let instance = &*writer.instance;
        let rest = fold.rest(head);
        let head = rest.newest;
        let eager = head.as_ref().is_none_or(|(_, head)| {
            head.released || head.instance == instance || head.behaviour < M::BEHAVIOUR
        });
        let predecessor_may_live = head
            .as_ref()
            .is_some_and(|(_, head)| !head.released && head.instance != instance);
        let acts_from = if predecessor_may_live {
            now.plus(LEASE)
        } else {
            now
        };
        let confirmed =
            head.as_ref().map_or(
                Seq::ZERO,
                |(seq, head)| Seq(seq.0 + u64::from(head.outputs)),
            );
        let mut live = Self {
            stepped: rest.stepped,
            writer,
            commits: 0,
            pending: VecDeque::new(),
            in_flight: None,
            lost: None,
            under_head: 0,
            head,
            head_ends: Seq::ZERO,
            head_seen: now,
            leading: false,
            retaking: false,
            eager,
            confirmed,
            seen: rest.seen,
            stamp: rest.stamp,
            silent_inputs: 0,
            lease_from: now,
            acts_from,
            leading_since: Seq::ZERO,
            read_first: Seq::ZERO,
        };
        if let Some((input, first_index, answers)) = rest.partly {
            live.expect(input.envelope.seq, first_index, answers, now);
        }
        for input in rest.unanswered {
            live.step(&input, now);
        }
        live
    }

    /// The machine, with every input answered that was taken in.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.stepped.machine
    }

    /// The position up to which entries were taken in.
    #[must_use]
    pub fn seen(&self) -> Seq {
        self.seen
    }

    /// The newest stamp taken in: the machine's now.
    #[must_use]
    pub fn stamp(&self) -> Timestamp {
        self.stamp
    }

    /// Whether this instance wrote the newest head that is known.
    #[must_use]
    pub fn leading(&self) -> bool {
        self.leading || self.retaking
    }

    /// Whether this instance may act on the world now: it leads, its lease runs, and that of a predecessor that may still
    /// live has ended; and it has read all that stood in the log when it took over.
    #[must_use]
    pub fn may_act(&self, now: Moment) -> bool {
        self.leading()
            && now < self.may_act_until()
            && self.seen >= self.leading_since
            && now >= self.acts_from
    }

    /// Until when this instance may act on the world, should nothing more be committed.
    #[must_use]
    pub fn may_act_until(&self) -> Moment {
        self.lease_from.plus(LEASE)
    }

    /// How many answers are not known to be in the log.
    #[must_use]
    pub fn pending(&self) -> usize {
        self.pending.len()
    }

    /// Whether an answer is not known to be in the log.
    #[must_use]
    pub fn is_pending(&self, id: EventId) -> bool {
        self.pending
            .iter()
            .any(|pending| pending.record.envelope.id == id)
    }

    /// The newest head, and where it stands.
    #[must_use]
    pub fn head(&self) -> Option<&(Seq, Head)> {
        self.head.as_ref()
    }

    /// Takes in the next event.
    ///
    /// # Errors
    /// [`Stop`] when an own output in the log is not what this instance answers.
    pub fn record(&mut self, record: Record, now: Moment) -> Result<Taken, Stop> {
        let (seq, service) = (record.envelope.seq, record.envelope.producer.service);
        if seq <= self.seen {
            return Ok(Taken::In); // a repeated delivery
        }
        self.seen = seq;
        self.stamp = self.stamp.max(record.envelope.stamp);
        if service == M::SERVICE {
            self.own(&record)?;
            self.check_answered()?;
            return Ok(self.found(&record).map_or(Taken::In, Taken::Committed));
        }
        if M::is_input(service, &record.envelope.kind) {
            match record.into_event() {
                Ok(input) => self.step(&input, now),
                Err(error) => return Ok(Taken::Unreadable(error)),
            }
        }
        Ok(Taken::In)
    }

    fn step(&mut self, input: &Event, now: Moment) {
        let answers = match self.stepped.input(input) {
            true => self.stepped.machine.decide(input),
            false => Vec::new(),
        };
        if answers.is_empty() {
            self.silent_inputs += 1;
            return;
        }
        let answers = answers
            .into_iter()
            .zip(0..)
            .map(|(output, index)| {
                output_event::<M>(&input.envelope, index, output, &self.writer.instance)
            })
            .collect();
        self.expect(input.envelope.seq, 0, answers, now);
    }

    /// Applies answers at once and waits for them to be in the log.
    fn expect(&mut self, cause: Seq, first_index: u32, mut answers: Vec<Event>, now: Moment) {
        for answer in &mut answers {
            answer.envelope.producer.instance = Arc::clone(&self.writer.instance);
        }
        for (answer, index) in answers.into_iter().zip(first_index..) {
            let stamp = answer.envelope.stamp;
            self.pending.push_back(Pending {
                record: answer.to_record(),
                cause,
                index,
                since: now,
            });
            self.stepped.machine.apply(&as_own(answer, stamp));
        }
    }

    /// An own output in the log: ours come back, or another instance's in place of ours.
    fn own(&mut self, record: &Record) -> Result<(), Stop> {
        let seq = record.envelope.seq;
        if seq <= self.confirmed {
            return Ok(());
        }
        let theirs = record.envelope.producer.behaviour;
        let ours = M::BEHAVIOUR;
        let differs = match self.pending.front() {
            None => Some("an output that this machine does not give".to_owned()),
            Some(expected) => difference(&expected.record, record),
        };
        match differs {
            None => {
                self.pending.pop_front();
                Ok(())
            }
            Some(_) if theirs > ours => Err(Stop::Newer { theirs, ours }),
            Some(_) if theirs < ours || self.is_passed_over(record) => Err(Stop::FoldAgain { seq }),
            Some(detail) => Err(Stop::Defect { seq, detail }),
        }
    }

    /// Whether an output is an answer that others of ours stand before: those could not be read.
    fn is_passed_over(&self, record: &Record) -> bool {
        let expected = self.pending.iter().skip(1);
        expected
            .into_iter()
            .any(|pending| difference(&pending.record, record).is_none())
    }

    /// Takes in a head of this machine.
    ///
    /// # Errors
    /// [`Stop::Newer`] when it is of a newer behaviour version.
    pub fn on_head(
        &mut self,
        seq: Seq,
        stamp: Timestamp,
        head: &Head,
        now: Moment,
    ) -> Result<Option<Committed>, Stop> {
        if head.service != M::SERVICE || seq <= self.seen {
            return Ok(None);
        }
        self.seen = seq;
        self.stamp = self.stamp.max(stamp);
        if head.behaviour > M::BEHAVIOUR {
            return Err(Stop::Newer {
                theirs: head.behaviour,
                ours: M::BEHAVIOUR,
            });
        }
        if self.head.as_ref().is_some_and(|(known, _)| *known >= seq) {
            return Ok(None); // our own commit, whose ack was faster
        }
        if self
            .in_flight
            .as_ref()
            .is_some_and(|flight| flight.proposal.id() == head.commit_id)
        {
            return Ok(Some(self.committed(seq, now))); // our own commit, faster than its ack
        }
        self.leading = false;
        self.retaking = false;
        self.eager = head.released || head.behaviour < M::BEHAVIOUR;
        self.head = Some((seq, head.clone()));
        self.head_ends = Seq(seq.0 + u64::from(head.outputs));
        self.under_head = 0;
        self.head_seen = now;
        self.acts_from = if head.released { now } else { now.plus(LEASE) };
        self.check_answered()?;
        Ok(None)
    }

    /// What a head says is answered must have been read once its outputs were. An answer that did not come will not: its
    /// writer gave none, or it cannot be read.
    fn check_answered(&self) -> Result<(), Stop> {
        let Some((seq, head)) = self.head.as_ref().filter(|_| !self.leading()) else {
            return Ok(());
        };
        let through = head.through;
        let covered = self.pending.front().is_some_and(|pending| {
            pending.cause <= through.seq
                || (pending.cause == through.seq.next() && pending.index < through.next_index)
        });
        match covered && self.seen >= self.head_ends {
            true => Err(Stop::FoldAgain { seq: *seq }),
            false => Ok(()),
        }
    }
}
