//! A machine at work beside others like it: it answers, commits, stands by and takes over.
//!
//! Pure: the shell feeds it what it reads and what the log said to its commits, and tells it the time; it says what to
//! commit next. The log is the lock: a commit is taken only if no other head came between, so two live instances never
//! answer twice. An instance that is not the newest head's writer stands by: it steps everything, and matches its own
//! answers to those that appear in the log.

use super::answer::{as_own, difference, output_event};
use super::commit::{Committed, Moment, Proposal, Stop};
use super::fold::{Fold, checkpoint_of};
use super::{Machine, Stepped};
use crate::head::{BATCH, HEARTBEAT, LEASE, TAKE_OVER_AFTER};
use crate::{Checkpoint, Event, EventId, Head, Record, Seq, Span, Through, Timestamp};
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

/// After so many inputs without an output a head is written all the same, so that a restart folds little.
const SILENT_INPUTS: u64 = 10_000;

/// A machine at work.
pub struct Live<M> {
    stepped: Stepped<M>,
    instance: Arc<str>,
    nonce: u64,
    commits: u64,
    pending: VecDeque<Pending>,
    in_flight: Option<InFlight>,
    head: Option<(Seq, Head)>,
    head_outputs_to_come: u32,
    head_seen: Moment,
    leading: bool,
    eager: bool,
    beats: bool,
    confirmed: Seq,
    seen: Seq,
    stamp: Timestamp,
    silent_inputs: u64,
    lease_from: Moment,
    acts_from: Moment,
    /// The first head of this leadership: once it was read back, the stamp is fresh and the backlog is behind.
    leading_since: Seq,
}

impl<M: Machine> Live<M> {
    /// Goes live from the end of a fold. `head` is the newest head, and the fold has taken in its outputs. `nonce` differs
    /// from that of every earlier life of the same instance name. With `beats` the head is renewed every second: the
    /// lease of machines that act on the world.
    #[must_use]
    pub fn start(
        fold: Fold<M>,
        head: Option<(Seq, Head)>,
        instance: &str,
        nonce: u64,
        beats: bool,
        now: Moment,
    ) -> Self {
        let rest = fold.rest(head.as_ref().map(|(_, head)| head));
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
            instance: instance.into(),
            nonce,
            commits: 0,
            pending: VecDeque::new(),
            in_flight: None,
            head,
            head_outputs_to_come: 0,
            head_seen: now,
            leading: false,
            eager,
            beats,
            confirmed,
            seen: rest.seen,
            stamp: rest.stamp,
            silent_inputs: 0,
            lease_from: now,
            acts_from,
            leading_since: Seq::ZERO,
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
        self.leading
    }

    /// Whether this instance may act on the world now: it leads, its lease runs, and that of a predecessor that may still
    /// live has ended; and it has read all that stood in the log when it took over.
    #[must_use]
    pub fn may_act(&self, now: Moment) -> bool {
        self.leading
            && now < self.lease_from.plus(LEASE)
            && self.seen >= self.leading_since
            && now >= self.acts_from
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
    /// [`Stop`] when an own output in the log is not what this instance answers. A body that cannot be read is told and
    /// passed over.
    pub fn record(
        &mut self,
        record: Record,
        now: Moment,
    ) -> Result<Option<crate::codec::DecodeError>, Stop> {
        let (seq, service) = (record.envelope.seq, record.envelope.producer.service);
        if seq <= self.seen {
            return Ok(None); // a repeated delivery
        }
        self.seen = seq;
        self.stamp = self.stamp.max(record.envelope.stamp);
        if service == M::SERVICE {
            return self.own(&record).map(|()| None);
        }
        if M::is_input(service, &record.envelope.kind) {
            match record.into_event() {
                Ok(input) => self.step(&input, now),
                Err(error) => return Ok(Some(error)),
            }
        }
        Ok(None)
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
                output_event::<M>(&input.envelope, index, output, &self.instance)
            })
            .collect();
        self.expect(input.envelope.seq, 0, answers, now);
    }

    /// Applies answers at once and waits for them to be in the log.
    fn expect(&mut self, cause: Seq, first_index: u32, mut answers: Vec<Event>, now: Moment) {
        for answer in &mut answers {
            answer.envelope.producer.instance = Arc::clone(&self.instance);
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
        self.head_outputs_to_come = self.head_outputs_to_come.saturating_sub(1);
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
            Some(_) if theirs < ours => Err(Stop::FoldAgain { seq }),
            Some(detail) => Err(Stop::Defect { seq, detail }),
        }
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
            .is_some_and(|flight| flight.proposal.head.commit_id == head.commit_id)
        {
            return Ok(Some(self.committed(seq, now))); // our own commit, faster than its ack
        }
        self.leading = false;
        self.eager = head.released || head.behaviour < M::BEHAVIOUR;
        self.head = Some((seq, head.clone()));
        self.head_outputs_to_come = head.outputs;
        self.head_seen = now;
        self.acts_from = if head.released { now } else { now.plus(LEASE) };
        Ok(None)
    }

    /// The commit to send now, if one is due: answers wait, or the lease must be renewed, or another instance has been
    /// silent too long. It is in flight until [`Live::committed`] or [`Live::refused`].
    pub fn next_commit(&mut self, now: Moment) -> Option<&Proposal> {
        if self.in_flight.is_some() || self.head_outputs_to_come > 0 || !self.due(now) {
            return None;
        }
        Some(self.propose(None, false, now))
    }

    fn due(&self, now: Moment) -> bool {
        if self.leading || self.eager {
            let lease = self.beats && now.since(self.head_seen) >= HEARTBEAT;
            return !self.pending.is_empty()
                || lease
                || self.silent_inputs >= SILENT_INPUTS
                || (self.eager && !self.leading);
        }
        let missing = self
            .pending
            .front()
            .is_some_and(|oldest| now.since(oldest.since) >= TAKE_OVER_AFTER);
        missing || (self.beats && now.since(self.head_seen) >= Span(2 * HEARTBEAT.0))
    }

    /// The commit in flight, to be sent again when its fate is not known.
    #[must_use]
    pub fn in_flight(&self) -> Option<&Proposal> {
        self.in_flight.as_ref().map(|flight| &flight.proposal)
    }

    fn propose(&mut self, checkpoint: Option<String>, released: bool, now: Moment) -> &Proposal {
        let taken = self.pending.len().min(BATCH - 1);
        let outputs: Vec<_> = self
            .pending
            .iter()
            .take(taken)
            .map(|pending| pending.record.clone())
            .collect();
        self.commits += 1;
        let (expected, epoch) = match &self.head {
            None => (Seq::ZERO, 1),
            Some((seq, head)) => (*seq, head.epoch + u64::from(!self.leading)),
        };
        let identity = format!(
            "{}\u{0}{}\u{0}{}\u{0}{expected}",
            self.instance, self.nonce, self.commits
        );
        let head = Head {
            service: M::SERVICE,
            instance: self.instance.to_string(),
            epoch,
            behaviour: M::BEHAVIOUR,
            through: self.through(taken),
            commit_id: EventId::named(&identity).0,
            outputs: u32::try_from(taken).expect("a batch has at most a thousand"),
            checkpoint,
            released,
        };
        let ids = outputs.iter().map(|output| output.envelope.id).collect();
        let proposal = Proposal {
            expected,
            head,
            outputs,
        };
        &self
            .in_flight
            .insert(InFlight {
                proposal,
                outputs: ids,
                since: now,
            })
            .proposal
    }

    /// How far inputs are answered once the first `taken` pending answers are in the log.
    fn through(&self, taken: usize) -> Through {
        let before = |seq: Seq| Seq(seq.0.saturating_sub(1));
        match self.pending.get(taken) {
            None => Through {
                seq: self.seen,
                next_index: 0,
            },
            Some(next) => Through {
                seq: before(next.cause),
                next_index: next.index,
            },
        }
    }

    /// The commit in flight is in the log, its head at `seq`.
    ///
    /// # Panics
    /// Never in a correct shell: only when no commit is in flight.
    pub fn committed(&mut self, seq: Seq, now: Moment) -> Committed {
        let InFlight {
            proposal,
            outputs,
            since,
        } = self
            .in_flight
            .take()
            .expect("only a commit in flight can have been taken");
        for id in &outputs {
            if self
                .pending
                .front()
                .is_some_and(|pending| pending.record.envelope.id == *id)
            {
                self.pending.pop_front();
            }
        }
        self.confirmed = self.confirmed.max(Seq(seq.0 + outputs.len() as u64));
        if !self.leading {
            self.leading_since = seq;
        }
        self.leading = !proposal.head.released;
        self.eager = false;
        self.silent_inputs = 0;
        self.head = Some((seq, proposal.head));
        self.head_outputs_to_come = 0;
        self.head_seen = now;
        self.lease_from = since;
        Committed { head: seq, outputs }
    }

    /// The log refused the commit in flight; `newest` is the newest head as read afterwards. If it is our own, the ack
    /// was lost; else this instance stands by until it has read what the other wrote.
    ///
    /// # Errors
    /// [`Stop::Newer`] when the other is of a newer behaviour version.
    pub fn refused(
        &mut self,
        newest: Option<(Seq, &Head)>,
        now: Moment,
    ) -> Result<Option<Committed>, Stop> {
        let Some(InFlight { proposal, .. }) = &self.in_flight else {
            return Ok(None);
        };
        if let Some((seq, head)) = newest {
            if head.commit_id == proposal.head.commit_id {
                return Ok(Some(self.committed(seq, now)));
            }
            if head.behaviour > M::BEHAVIOUR {
                return Err(Stop::Newer {
                    theirs: head.behaviour,
                    ours: M::BEHAVIOUR,
                });
            }
        }
        self.in_flight = None;
        self.leading = false;
        self.eager = false;
        self.head_seen = now;
        for pending in &mut self.pending {
            pending.since = now;
        }
        Ok(None)
    }

    /// Whether this instance leads and everything is answered and in the log.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.leading
            && self.pending.is_empty()
            && self.in_flight.is_none()
            && self.head_outputs_to_come == 0
    }

    /// Takes a checkpoint and puts the commit that names it in flight; save the checkpoint once that is in the log.
    /// `None` while the machine is not [`Live::settled`], or has seen nothing that would be worth one.
    pub fn checkpoint(&mut self, now: Moment) -> Option<(Checkpoint, &Proposal)> {
        if !self.settled() || self.seen == Seq::ZERO {
            return None;
        }
        let checkpoint = checkpoint_of(&self.stepped, self.seen, self.stamp);
        let hash = checkpoint.hash();
        Some((checkpoint, self.propose(Some(hash), false, now)))
    }

    /// Puts a commit in flight that gives the machine up, so that a successor need not wait. `None` while the machine is
    /// not [`Live::settled`]: a successor then waits a little longer.
    pub fn release(&mut self, now: Moment) -> Option<&Proposal> {
        self.settled().then(|| self.propose(None, true, now))
    }
}
