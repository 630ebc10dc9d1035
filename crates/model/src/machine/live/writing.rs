//! What a live machine puts into the log, and what it makes of the log's answers.
//!
//! Outputs go in batches that a new head leads, or one by one under the head that stands; the log refuses both once
//! another head has come. A batch that was not answered for is sent again, since the log takes it only once. An output
//! under the head could then be there twice, so its writer puts a new head first, as one that takes over does: nothing
//! of what was sent before can come after that, and what came before it is read before anything else is sent.

use super::{InFlight, Live};
use crate::head::{BATCH, HEARTBEAT, TAKE_OVER_AFTER};
use crate::machine::Machine;
use crate::machine::commit::{Committed, Moment, Proposal, Stop, Unanswered};
use crate::machine::fold::checkpoint_of;
use crate::{Checkpoint, EventId, Head, Record, Seq, Span, Through};

/// After so many inputs without an output a head is written all the same, so that a restart folds little.
const SILENT_INPUTS: u64 = 10_000;

/// Beyond so many waiting outputs a batch is the faster way, however much it costs.
const ONE_BY_ONE: usize = 8;

impl<M: Machine> Live<M> {
    /// The commit to send now, if one is due: answers wait, or the head must be renewed, or another instance has been
    /// silent too long. It is in flight until [`Live::committed`], [`Live::refused`] or [`Live::unanswered`].
    pub fn next_commit(&mut self, now: Moment) -> Option<&Proposal> {
        if self.in_flight.is_some() || self.seen < self.head_ends || !self.due(now) {
            return None;
        }
        let outputs_wait = self.caught_up() && !self.pending.is_empty();
        if outputs_wait && self.goes_one_by_one() && !self.head_is_due(now) {
            return Some(self.propose_output(now));
        }
        Some(self.propose(None, false, now))
    }

    /// Whether what waits goes one by one: then it waits for a head that is due as well, rather than make a batch of it.
    fn goes_one_by_one(&self) -> bool {
        self.writer.one_by_one && self.pending.len() <= ONE_BY_ONE
    }

    /// Whether this instance leads and has read all that others may have written before it did.
    fn caught_up(&self) -> bool {
        self.leading && self.seen >= self.read_first
    }

    fn due(&self, now: Moment) -> bool {
        if self.leading {
            return self.caught_up() && !self.pending.is_empty() || self.head_is_due(now);
        }
        if self.eager {
            return true;
        }
        let missing = self
            .pending
            .front()
            .is_some_and(|oldest| now.since(oldest.since) >= TAKE_OVER_AFTER);
        missing || (self.writer.beats && now.since(self.head_seen) >= Span(2 * HEARTBEAT.0))
    }

    /// Whether a leader's head is too old: for its lease, or for what stands behind it.
    fn head_is_due(&self, now: Moment) -> bool {
        let renew = self.writer.beats || self.under_head > 0;
        (renew && now.since(self.head_seen) >= HEARTBEAT) || self.silent_inputs >= SILENT_INPUTS
    }

    /// The commit in flight, to be sent again when its fate is not known.
    #[must_use]
    pub fn in_flight(&self) -> Option<&Proposal> {
        self.in_flight.as_ref().map(|flight| &flight.proposal)
    }

    fn propose(&mut self, checkpoint: Option<String>, released: bool, now: Moment) -> &Proposal {
        let taken = match self.caught_up() && !self.goes_one_by_one() {
            true => self.pending.len().min(BATCH - 1),
            false => 0,
        };
        self.commits += 1;
        let (expected, epoch) = match &self.head {
            None => (Seq::ZERO, 1),
            Some((seq, head)) => (*seq, head.epoch + u64::from(!self.leading)),
        };
        let identity = format!(
            "{}\u{0}{}\u{0}{}\u{0}{expected}",
            self.writer.instance, self.writer.nonce, self.commits
        );
        let head = Head {
            service: M::SERVICE,
            instance: self.writer.instance.to_string(),
            epoch,
            behaviour: M::BEHAVIOUR,
            through: self.through(taken),
            commit_id: EventId::named(&identity).0,
            outputs: u32::try_from(taken).expect("a batch has at most a thousand"),
            checkpoint,
            released,
        };
        self.put_in_flight(expected, Some(head), taken, now)
    }

    /// The oldest waiting output, under the head that stands.
    fn propose_output(&mut self, now: Moment) -> &Proposal {
        let expected = self.head.as_ref().map_or(Seq::ZERO, |(seq, _)| *seq);
        self.put_in_flight(expected, None, 1, now)
    }

    fn put_in_flight(
        &mut self,
        expected: Seq,
        head: Option<Head>,
        taken: usize,
        now: Moment,
    ) -> &Proposal {
        let waiting = self.pending.iter().take(taken);
        let outputs: Vec<_> = waiting.map(|pending| pending.record.clone()).collect();
        let ids = outputs.iter().map(|output| output.envelope.id).collect();
        let proposal = Proposal {
            expected,
            head,
            outputs,
        };
        let flight = InFlight {
            proposal,
            outputs: ids,
            since: now,
        };
        &self.in_flight.insert(flight).proposal
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

    /// The commit in flight is in the log and begins `at` there.
    ///
    /// # Panics
    /// Never in a correct shell: only when no commit is in flight.
    pub fn committed(&mut self, at: Seq, now: Moment) -> Committed {
        let InFlight {
            proposal,
            outputs,
            since,
        } = self
            .in_flight
            .take()
            .expect("only a commit in flight can have been taken");
        self.lost = self.lost.filter(|lost| !outputs.contains(lost));
        for id in &outputs {
            if self
                .pending
                .front()
                .is_some_and(|pending| pending.record.envelope.id == *id)
            {
                self.pending.pop_front();
            }
        }
        match proposal.head {
            None => {
                self.under_head += 1;
                self.confirmed = self.confirmed.max(at);
            }
            Some(head) => {
                if !outputs.is_empty() {
                    self.confirmed = self.confirmed.max(Seq(at.0 + outputs.len() as u64));
                }
                self.under_new_head(at, head, now);
                self.lease_from = since;
            }
        }
        Committed { at, outputs }
    }

    fn under_new_head(&mut self, at: Seq, head: Head, now: Moment) {
        if !self.leading {
            self.read_first = at;
        }
        if !self.leading() {
            self.leading_since = at;
        }
        self.leading = !head.released;
        self.retaking = false;
        self.eager = false;
        self.silent_inputs = 0;
        self.under_head = 0;
        self.head = Some((at, head));
        self.head_ends = Seq::ZERO;
        self.head_seen = now;
    }

    /// An own output was read: perhaps the one whose ack has not come, or never came.
    pub(super) fn found(&mut self, record: &Record) -> Option<Committed> {
        let id = record.envelope.id;
        let alone = |flight: &InFlight| flight.proposal.head.is_none() && flight.outputs == [id];
        let in_flight = self.in_flight.as_ref().is_some_and(alone);
        let ours = record.envelope.producer.instance == self.writer.instance;
        if !ours || !(in_flight || self.lost == Some(id)) {
            return None;
        }
        if in_flight {
            self.in_flight = None;
        }
        self.lost = None;
        self.under_head += 1;
        Some(Committed {
            at: record.envelope.seq,
            outputs: vec![id],
        })
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
            if head.commit_id == proposal.id() {
                return Ok(Some(self.committed(seq, now)));
            }
            if head.behaviour > M::BEHAVIOUR {
                return Err(Stop::Newer {
                    theirs: head.behaviour,
                    ours: M::BEHAVIOUR,
                });
            }
        }
        let known = self.head.as_ref().map(|(seq, _)| *seq);
        let still_ours = newest.map(|(seq, _)| seq) == known;
        if let Some((seq, head)) = newest
            && Some(seq) > known
            && seq <= self.seen
        {
            self.head = Some((seq, head.clone())); // it was passed over, since it cannot be read
            self.head_ends = Seq(seq.0 + u64::from(head.outputs));
        }
        self.in_flight = None;
        self.eager = self.leading && still_ours; // the log let our head go
        self.leading = false;
        self.retaking = false;
        self.head_seen = now;
        for pending in &mut self.pending {
            pending.since = now;
        }
        Ok(None)
    }

    /// No answer came to the commit in flight: it may be in the log, or on its way there, or lost.
    pub fn unanswered(&mut self) -> Unanswered {
        let Some(InFlight {
            proposal, outputs, ..
        }) = &self.in_flight
        else {
            return Unanswered::GoOn;
        };
        if proposal.head.is_some() {
            return Unanswered::SendAgain;
        }
        self.lost = outputs.first().copied();
        self.in_flight = None;
        self.eager = self.leading; // else another leads already
        self.retaking = self.leading;
        self.leading = false;
        Unanswered::GoOn
    }

    /// Whether this instance leads and everything is answered and in the log.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.caught_up()
            && self.pending.is_empty()
            && self.in_flight.is_none()
            && self.seen >= self.head_ends
    }

    /// Takes a checkpoint and puts the commit that names it in flight; save the checkpoint once that is in the log.
    /// `None` while the machine is not [`Live::settled`].
    pub fn checkpoint(&mut self, now: Moment) -> Option<(Checkpoint, &Proposal)> {
        if !self.settled() {
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
