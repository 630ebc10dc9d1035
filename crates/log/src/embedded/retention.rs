//! What may be forgotten, and when.

use super::high_water::HighWater;
use super::shared::Shared;
use super::{frame, storage_error};
use crate::LogError;
use headroom_model::{Seq, Service, Span, Timestamp};
use std::time::{Duration, Instant};

/// How often retention looks; what is a minute too old does no harm.
const PERIOD: Duration = Duration::from_secs(60);
/// Blocks forgotten in one go, so that appends never wait long.
const AT_ONCE: usize = 256;

/// The machines with a state: each restarts from its newest checkpoint, and from the beginning while it has none.
const WITH_STATE: [Service; 3] = [Service::Evaluator, Service::Planner, Service::Actuator];

/// What may be forgotten, and when. Ages are measured by stamps: a log that nobody writes to forgets nothing.
///
/// Whatever its age, what a machine needs to start again stays: all after its newest checkpoint, or all there is while a
/// machine that has committed anything has no checkpoint. One is taken every hour and at each stop, so that is soon over.
/// A log on which no machine has ever worked goes by age alone.
#[derive(Debug)]
pub(super) struct Retention {
    max_age: Span,
    ledger_age: Span,
    next: Option<Instant>,
}

impl Retention {
    /// Forgets events after `max_age` and the ledger after `ledger_age`.
    pub(super) fn new(max_age: Span, ledger_age: Span) -> Self {
        Self {
            max_age,
            ledger_age,
            next: None,
        }
    }

    /// Forgets what is too old, unless that was done within the last minute.
    pub(super) fn run(&mut self, shared: &Shared, high_water: &HighWater) -> Result<(), LogError> {
        // A short age, as in tests, is looked at more often.
        let period = PERIOD.min(self.max_age.duration() / 10);
        if self.next.is_some_and(|next| Instant::now() < next) {
            return Ok(());
        }
        self.next = Some(Instant::now() + period);
        let now = shared.young().last_stamp;
        if forget_blocks(shared, high_water, now.minus(self.max_age))? {
            self.next = None;
        }
        forget_ledger(shared, now.minus(self.ledger_age))
    }
}

/// Forgets blocks whose last stamp lies before `before`; whether there may be more of them.
fn forget_blocks(
    shared: &Shared,
    high_water: &HighWater,
    before: Timestamp,
) -> Result<bool, LogError> {
    let failed = |error: std::io::Error| storage_error("write", &shared.dir, &error);
    let old = old_blocks(shared, before)?;
    let Some((_, last)) = old.last() else {
        return Ok(false);
    };
    // Said before it is done, so that what is forgotten is never taken for damage.
    shared.raise_first(last.next());
    high_water.note(shared.bounds()).map_err(failed)?;
    for (first, _) in &old {
        shared.index.remove_block(*first)?;
    }
    let files = shared.files.list().map_err(failed)?;
    for pair in files.windows(2) {
        if pair[1] <= shared.first() {
            shared.files.remove(pair[0]).map_err(failed)?;
        }
    }
    shared.checkpoints.forget_before(shared.first());
    Ok(old.len() == AT_ONCE)
}

/// First and last positions of blocks that may go. The newest block stays whatever its age: it says where the log goes on.
fn old_blocks(shared: &Shared, before: Timestamp) -> Result<Vec<(Seq, Seq)>, LogError> {
    let heads = shared.young().heads.clone();
    let at_work = WITH_STATE
        .into_iter()
        .filter(|service| heads.contains_key(service));
    let limit = shared.checkpoints.not_needed(at_work);
    let newest = shared.index.last_block()?.map(|(first, _)| first);
    let mut old = Vec::new();
    let mut at = Seq::ZERO;
    while old.len() < AT_ONCE
        && let Some((first, block)) = shared.index.block_at_or_after(at)?
        && block.summary.last_stamp < before
        && newest != Some(first)
        && limit.is_none_or(|limit| block.summary.last <= limit)
    {
        old.push((first, block.summary.last));
        at = block.summary.last.next();
    }
    Ok(old)
}

/// Forgets the chunks of the ledger whose last stamp lies before `before`.
fn forget_ledger(shared: &Shared, before: Timestamp) -> Result<(), LogError> {
    for _ in 0..AT_ONCE {
        let Some((first, bytes)) = shared.index.ledger_at_or_after(Seq::ZERO)? else {
            break;
        };
        if frame::header(&bytes).is_ok_and(|header| header.last_stamp >= before) {
            break;
        }
        shared.index.forget_ledger(first)?;
    }
    Ok(())
}
