//! Which attempts this process has in hand, and what comes next for each: the part of the actuator's shell that is worth
//! testing. It calls nothing itself; the shell makes the calls and brings back the answers.

use crate::attempt::{Found, Next, Origin, after_read, take_up};
use crate::job::Job;
use headroom_model::{
    Event, EventId, Producer, Replicas, Span, Timestamp,
    body::{Actuated, Body, Drifted, Outcome, Verified},
};
use std::collections::{BTreeMap, BTreeSet};

use crate::job::Watched;

/// Attempts in hand, by their `actuation_started`.
#[derive(Debug, Default)]
pub struct Hands {
    in_hand: BTreeMap<EventId, Job>,
    /// Attempts whose outcome is on its way into the log: still outstanding until it is read back.
    reported: BTreeSet<EventId>,
}

/// What the shell must do next.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Ask the target, then call [`Hands::read`].
    Read {
        /// The `actuation_started`.
        started: EventId,
        /// The attempt.
        job: Job,
    },
    /// Tell the target, then call [`Hands::set`].
    Set {
        /// The `actuation_started`.
        started: EventId,
        /// The attempt.
        job: Job,
    },
    /// Append this fact.
    Report(Box<Event>),
}

impl Hands {
    /// Takes up what is outstanding and not yet in hand, and takes note of what has changed about what is: an attempt whose
    /// target is still being asked may have been replaced or forbidden meanwhile. `fresh` says whether this process wrote
    /// an `actuation_started`; `now` is the log's time.
    pub fn take_up(
        &mut self,
        outstanding: &[Job],
        fresh: impl Fn(EventId) -> bool,
        now: Timestamp,
        producer: &Producer,
    ) -> Vec<Act> {
        let mut acts = Vec::new();
        if !self.reported.is_empty() {
            let started = |job: &Job| match job {
                Job::Perform { started, .. } => Some(*started),
                Job::Verify { .. } => None,
            };
            let still: BTreeSet<EventId> = outstanding.iter().filter_map(started).collect();
            self.reported.retain(|id| still.contains(id));
        }
        for job in outstanding {
            let Job::Perform { started, .. } = job else {
                continue;
            };
            if let Some(held) = self.in_hand.get_mut(started) {
                held.clone_from(job);
                continue;
            }
            if self.reported.contains(started) {
                continue;
            }
            self.in_hand.insert(*started, job.clone());
            let origin = if fresh(*started) {
                Origin::Fresh
            } else {
                Origin::Inherited
            };
            acts.push(self.act(*started, job, take_up(job, origin, now), now, producer));
        }
        acts
    }

    /// The target was asked; `found` is `None` when it cannot say.
    pub fn read(
        &mut self,
        started: EventId,
        found: Option<Found>,
        repeatable: bool,
        now: Timestamp,
        producer: &Producer,
    ) -> Option<Act> {
        let job = self.in_hand.get(&started)?.clone();
        Some(self.act(
            started,
            &job,
            after_read(&job, found, repeatable, now),
            now,
            producer,
        ))
    }

    /// The target was told, and this is how it ended.
    pub fn set(
        &mut self,
        started: EventId,
        outcome: Outcome,
        now: Timestamp,
        producer: &Producer,
    ) -> Option<Event> {
        let job = self.in_hand.remove(&started)?;
        self.reported.insert(started);
        Some(result(started, &job, outcome, now, producer))
    }

    /// Lets go of every attempt, as when the lease is lost. The calls under way must be ended by the shell; outcomes that
    /// were reported stay reported.
    pub fn let_go(&mut self) {
        self.in_hand.clear();
    }

    /// Whether an attempt is in hand.
    #[must_use]
    pub fn holds(&self, started: EventId) -> bool {
        self.in_hand.contains_key(&started)
    }

    /// A call ended and nobody knows what it did: the attempt is taken up again, as after a crash.
    pub fn crashed(&mut self, started: EventId) {
        self.in_hand.remove(&started);
    }

    /// The log refused a fact. If it was the outcome of an attempt, that is taken up again, as after a crash, and this is
    /// its `actuation_started`.
    pub fn refused(&mut self, fact: EventId) -> Option<EventId> {
        let told = |started: &&EventId| EventId::job_result(**started, 0) == fact;
        let started = self.reported.iter().find(told).copied()?;
        self.reported.remove(&started);
        Some(started)
    }

    /// How many attempts are in hand.
    #[must_use]
    pub fn len(&self) -> usize {
        self.in_hand.len()
    }

    /// Whether nothing is in hand.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.in_hand.is_empty()
    }

    fn act(
        &mut self,
        started: EventId,
        job: &Job,
        next: Next,
        now: Timestamp,
        producer: &Producer,
    ) -> Act {
        match next {
            Next::Read => Act::Read {
                started,
                job: job.clone(),
            },
            Next::Set => Act::Set {
                started,
                job: job.clone(),
            },
            Next::Report(outcome) => {
                self.in_hand.remove(&started);
                self.reported.insert(started);
                Act::Report(Box::new(result(started, job, outcome, now, producer)))
            }
        }
    }
}

/// The fact that an attempt ended. Its id follows from the attempt, so a second result is the same event.
fn result(
    started: EventId,
    job: &Job,
    outcome: Outcome,
    now: Timestamp,
    producer: &Producer,
) -> Event {
    let order = job.order();
    let body = Body::from(Actuated {
        decision: order.decision,
        generation: order.generation,
        attempt: order.attempt,
        to: order.to,
        outcome,
    });
    let id = EventId::job_result(started, 0);
    Event::fact(id, job.workload().clone(), now, producer.clone(), body)
}

/// The fact that a target has become what its plan said; `None` while it has not.
#[must_use]
pub fn verified(
    job: &Job,
    replicas: Replicas,
    ready: Option<Replicas>,
    now: Timestamp,
    producer: &Producer,
) -> Option<Event> {
    let Job::Verify {
        workload,
        started_at,
        order,
    } = job
    else {
        return None;
    };
    let ready = ready.unwrap_or(replicas);
    if replicas != order.to || ready < order.to {
        return None;
    }
    let took: Span = now.since(*started_at);
    let body = Body::from(Verified {
        decision: order.decision,
        generation: order.generation,
        replicas,
        ready,
        took,
    });
    let id = EventId::named(&format!(
        "verified\u{0}{}\u{0}{}",
        order.decision, order.attempt
    ));
    Some(Event::fact(
        id,
        workload.clone(),
        now,
        producer.clone(),
        body,
    ))
}

/// The fact that a target is not what the log last said; `None` when it is, or while an attempt is under way. `id` is new
/// for each fact from outside.
#[must_use]
pub fn drifted(
    watched: &Watched,
    replicas: Replicas,
    ready: Option<Replicas>,
    id: EventId,
    now: Timestamp,
    producer: &Producer,
) -> Option<Event> {
    let same_ready = ready.is_none() || ready == watched.ready;
    if watched.busy || (watched.known == Some(replicas) && same_ready) {
        return None;
    }
    let body = Body::from(Drifted {
        expected: watched.known,
        replicas,
        ready,
    });
    Some(Event::fact(
        id,
        watched.workload.clone(),
        now,
        producer.clone(),
        body,
    ))
}
