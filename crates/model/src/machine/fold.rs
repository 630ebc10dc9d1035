//! Folding a machine through history: each input, then the *recorded* outputs that name it as cause.
//!
//! What happened stays what it was, even if today's code would have answered otherwise. Outputs stand after their
//! inputs in the log, so an input waits until it is known that no more of them can come.

use super::answer::{as_own, difference, output_event};
use super::audit::{Audit, Difference};
use super::{Machine, Stepped};
use crate::codec::DecodeError;
use crate::{Checkpoint, Event, Head, Record, Seq, Through, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;

/// A machine on its way through history.
pub struct Fold<M> {
    stepped: Stepped<M>,
    start: Seq,
    seen: Seq,
    stamp: Timestamp,
    queue: VecDeque<Arc<Event>>,
    open: Option<Open>,
    newest: Option<(Seq, Head)>,
    closing: Option<Closing>,
    audit: Option<Audit>,
}

/// The input whose recorded outputs are being applied.
struct Open {
    input: Arc<Event>,
    answered: Vec<Event>,
    recorded: u32,
}

/// A commit whose outputs are still to come; what its head says holds after them.
struct Closing {
    through: Through,
    /// Where its last output stands: a commit is in the log side by side.
    end: Seq,
    behaviour: u32,
    checkpoint: Option<String>,
}

/// What is left when history ends: the machine, the input that is partly answered, and those that are not.
pub(super) struct Rest<M> {
    pub(super) stepped: Stepped<M>,
    pub(super) seen: Seq,
    pub(super) stamp: Timestamp,
    /// The newest head that was taken in.
    pub(super) newest: Option<(Seq, Head)>,
    /// The input that is partly answered, how many of its outputs are recorded, and the others.
    pub(super) partly: Option<(Event, u32, Vec<Event>)>,
    pub(super) unanswered: VecDeque<Arc<Event>>,
}

impl<M: Machine> Default for Fold<M> {
    fn default() -> Self {
        Self::from_state(Stepped::default(), Seq::ZERO)
    }
}

impl<M: Machine> Fold<M> {
    /// From a state that holds every input up to `start`.
    #[must_use]
    pub fn from_state(stepped: Stepped<M>, start: Seq) -> Self {
        Self {
            stepped,
            start,
            seen: start,
            stamp: Timestamp::EPOCH,
            queue: VecDeque::new(),
            open: None,
            newest: None,
            closing: None,
            audit: None,
        }
    }

    /// From a checkpoint.
    ///
    /// # Errors
    /// When its state cannot be read by this build.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Result<Self, String> {
        if checkpoint.service != M::SERVICE || checkpoint.version != M::STATE {
            return Err(format!(
                "the checkpoint at {} holds {} state version {}, and this build reads {} version {}; fold from an older position instead",
                checkpoint.through,
                checkpoint.service,
                checkpoint.version,
                M::SERVICE,
                M::STATE
            ));
        }
        let stepped = rmp_serde::from_slice(&checkpoint.state).map_err(|error| {
            format!(
                "the checkpoint at {} cannot be read: {error}; fold from an older position instead",
                checkpoint.through
            )
        })?;
        let mut fold = Self::from_state(stepped, checkpoint.through);
        fold.stamp = checkpoint.stamp;
        Ok(fold)
    }

    /// Also asks the machine for its own answers and compares them with the record.
    #[must_use]
    pub fn audited(mut self) -> Self {
        self.audit = Some(Audit::default());
        self
    }

    /// The position up to which entries were taken in.
    #[must_use]
    pub fn seen(&self) -> Seq {
        self.seen
    }

    /// The last position of the newest commit, if that was not reached yet: history does not end here.
    #[must_use]
    pub fn unfinished_commit(&self) -> Option<Seq> {
        self.closing.as_ref().map(|closing| closing.end)
    }

    /// The machine as folded so far. Inputs whose outputs may still come are not in it.
    #[must_use]
    pub fn machine(&self) -> &M {
        &self.stepped.machine
    }

    /// What the audit found so far.
    #[must_use]
    pub fn audit(&self) -> Option<&Audit> {
        self.audit.as_ref()
    }

    /// Takes in the next event. Others than inputs and own outputs are passed over.
    ///
    /// # Errors
    /// When the body of an input or own output cannot be read; the event is then passed over, by every reader alike.
    pub fn record(&mut self, record: &Record) -> Result<(), DecodeError> {
        let event = match self.wants(record) {
            true => Some(record.decode().map(Arc::new)),
            false => None,
        };
        let (event, result) = match event {
            None => (None, Ok(())),
            Some(Ok(event)) => (Some(event), Ok(())),
            Some(Err(error)) => (None, Err(error)),
        };
        self.event(record, event.as_ref());
        result
    }

    /// Whether the body of an event is needed: it is an input, or an own output.
    #[must_use]
    pub fn wants(&self, record: &Record) -> bool {
        let (seq, service) = (record.envelope.seq, record.envelope.producer.service);
        match service == M::SERVICE {
            true => self.follows(record),
            false => seq > self.start && M::is_input(service, &record.envelope.kind),
        }
    }

    /// Like [`Fold::record`], of an event that was decoded already; `None` when it cannot be, or need not.
    pub fn event(&mut self, record: &Record, event: Option<&Arc<Event>>) {
        let seq = record.envelope.seq;
        self.close_commit(Seq(seq.0.saturating_sub(1))); // should its last output be one that cannot be read
        self.seen = self.seen.max(seq);
        self.stamp = self.stamp.max(record.envelope.stamp);
        let own = record.envelope.producer.service == M::SERVICE;
        if self.wants(record)
            && let Some(event) = event
        {
            match own {
                true => self.own(record, event),
                false => self.queue.push_back(Arc::clone(event)),
            }
        }
        self.close_commit(seq);
    }

    /// Whether an own output follows from an input that is not in the state this began with.
    fn follows(&self, record: &Record) -> bool {
        let cause = record.envelope.cause;
        cause.is_some_and(|cause| cause.seq > self.start)
    }

    /// Takes in the head of a commit of this machine; its outputs come next.
    pub fn head(&mut self, seq: Seq, stamp: Timestamp, head: &Head) {
        if head.service != M::SERVICE {
            return;
        }
        self.close_commit(Seq(seq.0.saturating_sub(1)));
        self.seen = self.seen.max(seq);
        self.stamp = self.stamp.max(stamp);
        self.newest = Some((seq, head.clone()));
        self.closing = Some(Closing {
            through: head.through,
            end: Seq(seq.0 + u64::from(head.outputs)),
            behaviour: head.behaviour,
            checkpoint: head.checkpoint.clone(),
        });
        self.close_commit(seq);
    }

    /// What the newest head says holds once everything up to its last output was taken in.
    fn close_commit(&mut self, taken_in: Seq) {
        let Some(closing) = self.closing.take_if(|closing| closing.end <= taken_in) else {
            return;
        };
        let through = closing.through.seq;
        self.flush(through);
        if self
            .open
            .as_ref()
            .is_some_and(|open| open.input.envelope.seq <= through)
        {
            self.close();
        }
        if let (Some(hash), true) = (closing.checkpoint, through >= self.start) {
            self.check_checkpoint(through, &hash, closing.behaviour);
        }
    }

    /// Applies every waiting input up to `through`: no more outputs of theirs can come.
    fn flush(&mut self, through: Seq) {
        while self
            .queue
            .front()
            .is_some_and(|input| input.envelope.seq <= through)
        {
            self.open_next();
        }
    }

    /// Applies the next waiting input and gets ready for its outputs.
    fn open_next(&mut self) {
        self.close();
        if let Some(input) = self.queue.pop_front() {
            let answered = match self.stepped.input(&input) {
                true => self.answers(&input),
                false => Vec::new(),
            };
            if let Some(audit) = &mut self.audit {
                audit.inputs += 1;
            }
            self.open = Some(Open {
                input,
                answered,
                recorded: 0,
            });
        }
    }

    fn answers(&self, input: &Event) -> Vec<Event> {
        let nobody = Arc::default();
        self.stepped
            .machine
            .decide(input)
            .into_iter()
            .zip(0..)
            .map(|(output, index)| output_event::<M>(&input.envelope, index, output, &nobody))
            .collect()
    }

    /// The open input has had all its outputs.
    fn close(&mut self) {
        let (Some(open), Some(audit)) = (self.open.take(), &mut self.audit) else {
            return;
        };
        let recorded = usize::try_from(open.recorded).unwrap_or(usize::MAX);
        for missing in open.answered.iter().skip(recorded) {
            audit.differ(Difference::Missing {
                cause: open.input.envelope.seq,
                subject: missing.envelope.subject.clone(),
                kind: missing.envelope.kind.clone(),
            });
        }
    }

    fn own(&mut self, record: &Record, event: &Event) {
        let Some(cause) = record.envelope.cause else {
            return;
        };
        self.flush(Seq(cause.seq.0.saturating_sub(1)));
        if self
            .queue
            .front()
            .is_some_and(|input| input.envelope.seq == cause.seq)
        {
            self.open_next();
        }
        let found = self.compare(record, event, cause.seq);
        if let (Some(audit), Some(difference)) = (&mut self.audit, found) {
            audit.differ(difference);
        }
        let stamp = match &mut self.open {
            Some(open) if open.input.envelope.seq == cause.seq => {
                open.recorded += 1;
                open.input.envelope.stamp
            }
            _ => record.envelope.at,
        };
        self.stepped.machine.apply(&as_own(event.clone(), stamp));
    }

    fn compare(&mut self, record: &Record, event: &Event, cause: Seq) -> Option<Difference> {
        let audit = self.audit.as_mut()?;
        audit.outputs += 1;
        audit.heard_of(record.envelope.producer.behaviour, M::BEHAVIOUR);
        let seq = record.envelope.seq;
        let open = match &self.open {
            Some(open) if open.input.envelope.seq == cause => open,
            _ => return Some(Difference::Orphan { seq, cause }),
        };
        let index = usize::try_from(open.recorded).unwrap_or(usize::MAX);
        let Some(expected) = open.answered.get(index) else {
            return Some(Difference::Extra {
                seq,
                cause,
                kind: record.envelope.kind.clone(),
            });
        };
        difference(&expected.to_record(), record).map(|detail| Difference::Changed {
            seq,
            cause,
            detail,
            expected: Box::new(expected.body.clone()),
            recorded: Some(Box::new(event.body.clone())),
        })
    }

    fn check_checkpoint(&mut self, through: Seq, hash: &str, behaviour: u32) {
        let Some(audit) = &mut self.audit else { return };
        let ours = checkpoint_of(&self.stepped, through, self.stamp).hash();
        audit.checkpoints += 1;
        audit.heard_of(behaviour, M::BEHAVIOUR);
        if ours != hash {
            audit.differ(Difference::Checkpoint {
                through,
                recorded: hash.to_owned(),
                reproduced: ours,
            });
        }
    }

    /// Ends an audit. Inputs that the machine has not yet answered in the record are folded, and their answers are not
    /// held against it.
    #[must_use]
    pub fn finish(mut self) -> (M, Audit) {
        self.open = None;
        let mut audit = self.audit.take().unwrap_or_default();
        audit.unanswered = self.queue.len() as u64;
        (self.stepped.machine, audit)
    }

    /// Ends the fold, not amid a commit. What outputs under the newest head answered is answered as well.
    pub(super) fn rest(mut self, newest: Option<(Seq, Head)>) -> Rest<M> {
        let folded = self.newest.take();
        let seq_of = |head: &Option<(Seq, Head)>| head.as_ref().map(|(seq, _)| *seq);
        let newest = match seq_of(&folded) >= seq_of(&newest) {
            true => folded,
            false => newest, // it stands before what was folded, or cannot be read
        };
        let head = newest.as_ref().map(|(_, head)| head);
        let through = head.map_or(Seq::ZERO, |head| head.through.seq);
        self.flush(through);
        let partly = self
            .open
            .take()
            .filter(|open| open.input.envelope.seq > through)
            .map(|open| {
                let skip = usize::try_from(open.recorded).unwrap_or(usize::MAX);
                (
                    Arc::unwrap_or_clone(open.input),
                    open.recorded,
                    open.answered.into_iter().skip(skip).collect(),
                )
            });
        Rest {
            stepped: self.stepped,
            seen: self.seen,
            stamp: self.stamp,
            newest,
            partly,
            unanswered: self.queue,
        }
    }
}

/// The checkpoint of a machine whose state holds every input up to `through`.
pub(super) fn checkpoint_of<M: Machine>(
    stepped: &Stepped<M>,
    through: Seq,
    stamp: Timestamp,
) -> crate::Checkpoint {
    crate::Checkpoint {
        service: M::SERVICE,
        version: M::STATE,
        behaviour: M::BEHAVIOUR,
        through,
        stamp,
        state: rmp_serde::to_vec_named(stepped)
            .expect("machine states hold only data that MessagePack can encode"),
    }
}
