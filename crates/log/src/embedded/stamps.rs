//! When the log accepts what.

use headroom_model::{Span, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// While stamps are ahead of the wall clock, they go on so many times slower than time, until it has caught up. They do
/// not stand still: what was fresh when the clock was put back must go stale, and what waits for its time must end.
const SLOWER: u32 = 2;
/// Being ahead by more than this is told: samples that old are late for many a policy, and twice as much is a clock that
/// somebody put back rather than one that is being corrected.
const TOLD: Span = Span::seconds(2);

/// Gives stamps that never fall and follow the wall clock. Where it jumps ahead, so do they: a machine that was suspended
/// goes on in the present. Where it is behind the newest stamp, because it was put back or because the log was written
/// under a clock that was ahead, they wait for it, and go at half their pace meanwhile.
#[derive(Debug)]
pub(super) struct Stamps {
    last: Timestamp,
    /// Since when stamps are ahead of the wall clock, and the stamp of that moment.
    waiting: Option<(Instant, Timestamp)>,
    told: bool,
    ahead: Ahead,
}

/// How far stamps are ahead of the wall clock, for whoever wants to know.
#[derive(Clone, Debug, Default)]
pub(super) struct Ahead(Arc<AtomicU64>);

impl Ahead {
    /// As it was at the newest stamp.
    pub(super) fn span(&self) -> Span {
        Span(self.0.load(Ordering::Relaxed))
    }
}

impl Stamps {
    /// Goes on after `last`, the newest stamp in the log.
    pub(super) fn after(last: Timestamp) -> Self {
        let mut stamps = Self {
            last,
            waiting: None,
            told: false,
            ahead: Ahead::default(),
        };
        stamps.now();
        stamps
    }

    /// How far they are ahead of the wall clock.
    pub(super) fn ahead(&self) -> Ahead {
        self.ahead.clone()
    }

    /// The stamp of this moment.
    pub(super) fn now(&mut self) -> Timestamp {
        self.at(wall_clock(), Instant::now())
    }

    /// The stamp of a moment at which the wall clock says `wall` and the steady one `steady`.
    fn at(&mut self, wall: Timestamp, steady: Instant) -> Timestamp {
        if wall >= self.last {
            self.waiting = None;
            self.last = wall;
        } else {
            let (since, from) = *self.waiting.get_or_insert((steady, self.last));
            let slowly = steady.duration_since(since) / SLOWER;
            let slowly = Span(u64::try_from(slowly.as_millis()).unwrap_or(u64::MAX));
            self.last = self.last.max(from.plus(slowly)).max(wall);
        }
        self.tell(self.last.since(wall));
        self.last
    }

    fn tell(&mut self, ahead: Span) {
        self.ahead.0.store(ahead.0, Ordering::Relaxed);
        if ahead > TOLD && !self.told {
            tracing::warn!(
                ahead_ms = ahead.0,
                "the log's time is ahead of this machine's clock, which was put back or was ahead before; until it has \
                 caught up, the log's time goes at half its pace and readings may come too late to be evaluated"
            );
            self.told = true;
        } else if ahead == Span::ZERO && self.told {
            tracing::info!("this machine's clock has caught up with the log's time");
            self.told = false;
        }
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
    use proptest::prelude::*;
    use std::time::Duration;

    const NOON: i64 = 1_700_000_000_000;

    /// Stamps of a log whose newest one is `last` seconds after noon, at moments with so many seconds on the wall clock
    /// since noon and on the steady clock since the opening; each with the seconds that it is ahead.
    fn stamps(last: i64, moments: &[(i64, u64)]) -> Vec<(i64, u64)> {
        let mut stamps = Stamps {
            last: Timestamp(NOON + last * 1000),
            waiting: None,
            told: false,
            ahead: Ahead::default(),
        };
        let opened = Instant::now();
        let give = |&(wall, steady): &(i64, u64)| {
            let steady = opened + Duration::from_secs(steady);
            let stamp = stamps.at(Timestamp(NOON + wall * 1000), steady);
            ((stamp.0 - NOON) / 1000, stamps.ahead.span().0 / 1000)
        };
        moments.iter().map(give).collect()
    }

    #[test]
    fn stamps_follow_the_wall_clock_and_never_fall() {
        let cases = [
            // name, the newest stamp, (wall, steady) …, (stamp, ahead) …
            (
                "they are the wall clock's",
                -100,
                vec![(0, 0), (1, 1), (2, 2)],
                vec![(0, 0), (1, 0), (2, 0)],
            ),
            (
                "a machine that slept goes on in the present",
                -100,
                vec![(0, 0), (3600, 1), (3601, 2)],
                vec![(0, 0), (3600, 0), (3601, 0)],
            ),
            (
                "a clock that is put back is waited for at half the pace",
                -100,
                vec![
                    (60, 0),
                    (1, 1),
                    (21, 21),
                    (100, 100),
                    (119, 119),
                    (121, 121),
                ],
                vec![(60, 0), (60, 59), (70, 49), (100, 0), (119, 0), (121, 0)],
            ),
            (
                "a log that is an hour ahead is waited for, and recovers",
                3600,
                vec![
                    (0, 0),
                    (1800, 1800),
                    (7199, 7199),
                    (7200, 7200),
                    (7300, 7300),
                ],
                vec![(3600, 3600), (4500, 2700), (7199, 0), (7200, 0), (7300, 0)],
            ),
            (
                "a clock that is put right while it is waited for is followed at once",
                3600,
                vec![(0, 0), (3700, 10), (3701, 11)],
                vec![(3600, 3600), (3700, 0), (3701, 0)],
            ),
            (
                "a clock that is put back twice is waited for twice",
                0,
                vec![(-10, 0), (100, 100), (50, 100), (60, 110)],
                vec![(0, 10), (100, 0), (100, 50), (105, 45)],
            ),
        ];
        for (name, last, moments, want) in cases {
            assert_eq!(stamps(last, &moments), want, "{name}");
        }
    }

    #[test]
    fn stamps_that_wait_move_however_often_one_is_asked_for() {
        let mut stamps = Stamps::after(Timestamp(NOON * 2));
        let opened = Instant::now();
        let wall = Timestamp(NOON);
        let first = stamps.at(wall, opened);
        for step in 1..=1000 {
            stamps.at(wall, opened + Duration::from_micros(step * 100));
        }
        let moved = stamps
            .at(wall, opened + Duration::from_millis(100))
            .since(first);
        assert!((49..=51).contains(&moved.0), "{moved:?}");
    }

    #[test]
    fn stamps_begin_at_the_wall_clock() {
        let mut stamps = Stamps::after(Timestamp::EPOCH);
        assert!(stamps.now() >= Timestamp(NOON));
        assert_eq!(stamps.ahead().span(), Span::ZERO);
    }

    proptest! {
        #[test]
        fn whatever_the_wall_clock_does_stamps_never_fall(walls in prop::collection::vec(-9999..9999_i64, 1..40)) {
            let moments: Vec<_> = walls.into_iter().zip(0..).collect();
            let given = stamps(0, &moments);
            prop_assert!(given.is_sorted_by_key(|(stamp, _)| *stamp), "{given:?}");
            for ((wall, _), (stamp, _)) in moments.iter().zip(&given) {
                prop_assert!(stamp >= wall);
            }
        }
    }
}
