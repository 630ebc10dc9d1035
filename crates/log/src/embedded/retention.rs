//! What may be forgotten, and when.

use super::shared::Shared;
use super::{frame, storage_error};
use crate::LogError;
use headroom_model::{Seq, Span, Timestamp};
use std::time::{Duration, Instant};

/// How often retention looks; what is a minute too old does no harm.
const PERIOD: Duration = Duration::from_secs(60);
/// Blocks forgotten in one go, so that appends never wait long.
const AT_ONCE: usize = 256;

/// What may be forgotten, and when. Ages are measured by stamps: a log that nobody writes to forgets nothing.
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
    pub(super) fn run(&mut self, shared: &Shared) -> Result<(), LogError> {
        // A short age, as in tests, is looked at more often.
        let period = PERIOD.min(self.max_age.duration() / 10);
        if self.next.is_some_and(|next| Instant::now() < next) {
            return Ok(());
        }
        self.next = Some(Instant::now() + period);
        let now = shared.young().last_stamp;
        if self.forget_blocks(shared, now.minus(self.max_age))? {
            self.next = None;
        }
        self.forget_ledger(shared, now.minus(self.ledger_age))
    }

    /// Whether there is more to forget.
    fn forget_blocks(&self, shared: &Shared, before: Timestamp) -> Result<bool, LogError> {
        let limit = shared.checkpoints.oldest_of_the_newest();
        let newest = shared.index.last_block()?.map(|(first, _)| first);
        let mut forgotten = 0;
        while forgotten < AT_ONCE
            && let Some((first, block)) = shared.index.block_at_or_after(Seq::ZERO)?
        {
            let last = block.summary.last;
            // The newest block stays whatever its age: it says where the log goes on.
            if block.summary.last_stamp >= before
                || limit.is_some_and(|limit| last > limit)
                || newest == Some(first)
            {
                break;
            }
            shared.raise_first(last.next());
            shared.index.remove_block(first)?;
            forgotten += 1;
        }
        if forgotten > 0 {
            self.remove_files(shared)?;
            shared.checkpoints.forget_before(shared.first());
        }
        Ok(forgotten == AT_ONCE)
    }

    /// Removes the files of which no block is left.
    fn remove_files(&self, shared: &Shared) -> Result<(), LogError> {
        let failed =
            |error: std::io::Error| storage_error("remove old blocks of", &shared.dir, &error);
        let files = shared.files.list().map_err(failed)?;
        for pair in files.windows(2) {
            if pair[1] <= shared.first() {
                shared.files.remove(pair[0]).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn forget_ledger(&self, shared: &Shared, before: Timestamp) -> Result<(), LogError> {
        for _ in 0..AT_ONCE {
            let Some((first, bytes)) = shared.index.ledger_at_or_after(Seq::ZERO)? else {
                break;
            };
            let young = frame::header(&bytes).is_ok_and(|header| header.last_stamp >= before);
            if young {
                break;
            }
            shared.index.forget_ledger(first)?;
        }
        Ok(())
    }
}
