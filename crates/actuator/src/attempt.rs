//! What to do with an attempt: at its beginning, and after a crash left it without an outcome.

use crate::job::Job;
use headroom_model::{
    EventId, Generation, Replicas, Span, Timestamp,
    body::{Outcome, Refusal},
};

/// A plan that was not begun within this span of its decision, or of its `actuation_started`, is not begun any more: after
/// an outage no old action is carried out.
pub const MAX_AGE: Span = Span::seconds(60);

/// Whether this process wrote the `actuation_started` and so knows that nothing was done yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// It did: nothing was done yet.
    Fresh,
    /// Another did, or an earlier life: anything may have been done.
    Inherited,
}

/// What the target was found to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The count.
    pub replicas: Replicas,
    /// The generation it last took, where it keeps one.
    pub generation: Option<Generation>,
}

/// The next thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Look at the target first.
    Read,
    /// Tell the target.
    Set,
    /// It is over.
    Report(Outcome),
}

/// How an attempt goes on when it is taken up. `now` is the log's time.
#[must_use]
pub fn take_up(job: &Job, origin: Origin, now: Timestamp) -> Next {
    match origin {
        Origin::Inherited => Next::Read,
        Origin::Fresh => moot(job, now).map_or(Next::Set, Next::Report),
    }
}

/// How an inherited attempt goes on once the target was looked at. `repeatable`: telling the target twice does no harm.
/// `found` is `None` when the target cannot be asked: then nobody knows whether the attempt was carried out, and it is not
/// said that it was not.
#[must_use]
pub fn after_read(job: &Job, found: Option<Found>, repeatable: bool, now: Timestamp) -> Next {
    let order = job.order();
    match found {
        Some(Found {
            generation: Some(theirs),
            ..
        }) if theirs > order.generation => {
            return Next::Report(Outcome::Refused {
                reason: Refusal::OlderGeneration,
            });
        }
        Some(Found {
            generation: Some(theirs),
            replicas,
        }) if theirs == order.generation && replicas == order.to => {
            return Next::Report(Outcome::Adopted);
        }
        Some(Found {
            generation: None,
            replicas,
        }) if replicas == order.to => {
            return Next::Report(Outcome::Adopted);
        }
        _ => {}
    }
    match moot(job, now) {
        _ if !repeatable => Next::Report(Outcome::Unknown),
        None => Next::Set,
        Some(_) if found.is_none() => Next::Report(Outcome::Unknown),
        Some(outcome) => Next::Report(outcome),
    }
}

/// Why an attempt that has done nothing yet should not begin any more: a newer plan waits, the policy has changed or is
/// gone, or too much time has passed.
fn moot(job: &Job, now: Timestamp) -> Option<Outcome> {
    let Job::Perform {
        started_at,
        newer,
        refusal,
        ..
    } = job
    else {
        return None;
    };
    let superseded = newer.map(|by: EventId| Outcome::Superseded { by });
    let refused = || refusal.map(|reason| Outcome::Refused { reason });
    let too_old = || {
        (now.since(*started_at) > MAX_AGE).then_some(Outcome::Refused {
            reason: Refusal::TooOld,
        })
    };
    superseded.or_else(refused).or_else(too_old)
}
