//! When the log accepts what.

use headroom_model::{Span, Timestamp};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Gives stamps that never fall. The wall clock is asked once, when the log is opened: where it jumps afterwards, stamps
/// go on as if it had not, and a log that was written under a clock ahead goes on from its last stamp.
#[derive(Debug)]
pub(super) struct Stamps {
    origin: Timestamp,
    opened: Instant,
    last: Timestamp,
}

impl Stamps {
    /// Goes on after `last`, the newest stamp in the log.
    pub(super) fn after(last: Timestamp) -> Self {
        let origin = last.max(wall_clock());
        Self {
            origin,
            opened: Instant::now(),
            last: origin,
        }
    }

    /// The stamp of this moment.
    pub(super) fn now(&mut self) -> Timestamp {
        let elapsed = u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last = self.last.max(self.origin.plus(Span(elapsed)));
        self.last
    }
}

fn wall_clock() -> Timestamp {
    let since_epoch = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_go_on_after_a_clock_that_was_ahead() {
        let ahead = wall_clock().plus(Span::seconds(3600));
        let mut stamps = Stamps::after(ahead);
        let first = stamps.now();
        assert!(first >= ahead && first < ahead.plus(Span::seconds(60)));
        assert!(stamps.now() >= first);
    }

    #[test]
    fn stamps_begin_at_the_wall_clock() {
        assert!(Stamps::after(Timestamp::EPOCH).now() >= Timestamp(1_700_000_000_000));
    }
}
