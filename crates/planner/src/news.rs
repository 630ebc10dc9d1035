//! What counts as news: the log is told what changed, not that nothing did.

use headroom_model::body::{Decided, Decision, HoldReason, Mode};
use serde::{Deserialize, Serialize};

/// What a decision said.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Said {
    mode: Mode,
    decision: Decision,
}

impl From<&Decided> for Said {
    fn from(decided: &Decided) -> Self {
        Self {
            mode: decided.mode,
            decision: decided.decision.clone(),
        }
    }
}

impl Said {
    /// Whether `decided` says something else than this.
    ///
    /// A scale that is meant to be applied is always news: it is only decided when no such plan is in flight. Of holds, and
    /// of what shadow mode would do, the mode, the variant and the numbers count: the count, what is wanted, the rules, the
    /// person. Moments and spans do not (until when it cools down, how long the window is): they say nothing new about why
    /// nothing happens.
    #[must_use]
    pub fn is_told_otherwise_by(&self, decided: &Decided) -> bool {
        if self.mode != decided.mode {
            return true;
        }
        match (&self.decision, &decided.decision) {
            (_, Decision::Scale { .. }) if decided.mode == Mode::Active => true,
            (
                Decision::Hold {
                    at: was,
                    reason: before,
                },
                Decision::Hold { at, reason },
            ) => was != at || !same_reason(before, reason),
            (before, decision) => before != decision,
        }
    }
}

fn same_reason(before: &HoldReason, now: &HoldReason) -> bool {
    use HoldReason::{BackingOff, CoolingDown, Paused, Stabilizing};
    match (before, now) {
        (
            Stabilizing {
                direction: was_direction,
                wanted: was_wanted,
                window: _,
            },
            Stabilizing {
                direction,
                wanted,
                window: _,
            },
        )
        | (
            CoolingDown {
                direction: was_direction,
                wanted: was_wanted,
                until: _,
            },
            CoolingDown {
                direction,
                wanted,
                until: _,
            },
        ) => (was_direction, was_wanted) == (direction, wanted),
        (
            Paused {
                direction: was_direction,
                wanted: was_wanted,
                owner: was_owner,
                until: _,
            },
            Paused {
                direction,
                wanted,
                owner,
                until: _,
            },
        ) => (was_direction, was_wanted, was_owner) == (direction, wanted, owner),
        (
            BackingOff {
                wanted: was_wanted,
                until: _,
            },
            BackingOff { wanted, until: _ },
        ) => was_wanted == wanted,
        (before, now) => before == now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::{Replicas, Seq, Span, Timestamp, body::Direction};

    fn decided(mode: Mode, decision: Decision) -> Decided {
        Decided {
            revision: Seq(1),
            mode,
            decision,
            wishes: Vec::new(),
            trail: Vec::new(),
        }
    }

    fn hold(at: u32, reason: HoldReason) -> Decided {
        let at = Some(Replicas(at));
        decided(Mode::Active, Decision::Hold { at, reason })
    }

    fn scale(mode: Mode, from: u32, to: u32) -> Decided {
        let (from, to) = (Replicas(from), Replicas(to));
        decided(mode, Decision::Scale { from, to })
    }

    fn cooling(wanted: u32, until: i64) -> Decided {
        let reason = HoldReason::CoolingDown {
            direction: Direction::Up,
            wanted: Replicas(wanted),
            until: Timestamp(until),
        };
        hold(5, reason)
    }

    fn stabilizing(direction: Direction, seconds: u64) -> Decided {
        let reason = HoldReason::Stabilizing {
            direction,
            wanted: Replicas(8),
            window: Span::seconds(seconds),
        };
        hold(5, reason)
    }

    #[test]
    fn only_what_changed_is_told() {
        use Direction::{Down, Up};
        use Mode::{Active, Shadow};
        let at_desired = |at| hold(at, HoldReason::AtDesired);
        let cases = [
            ("the same hold", at_desired(5), at_desired(5), false),
            (
                "a hold at another count",
                at_desired(5),
                at_desired(6),
                true,
            ),
            (
                "another reason",
                at_desired(5),
                hold(5, HoldReason::NoRecommendation),
                true,
            ),
            (
                "a cooldown that goes on",
                cooling(8, 100),
                cooling(8, 200),
                false,
            ),
            (
                "a cooldown that holds back more",
                cooling(8, 100),
                cooling(9, 100),
                true,
            ),
            (
                "a longer window",
                stabilizing(Up, 30),
                stabilizing(Up, 60),
                false,
            ),
            (
                "the other direction",
                stabilizing(Up, 30),
                stabilizing(Down, 30),
                true,
            ),
            (
                "a scale after a hold",
                at_desired(5),
                scale(Active, 5, 6),
                true,
            ),
            (
                "the same scale again, since it came to nothing",
                scale(Active, 5, 6),
                scale(Active, 5, 6),
                true,
            ),
            (
                "the same scale again in shadow mode",
                scale(Shadow, 5, 6),
                scale(Shadow, 5, 6),
                false,
            ),
            (
                "another scale in shadow mode",
                scale(Shadow, 5, 6),
                scale(Shadow, 5, 7),
                true,
            ),
            (
                "the same scale, now to be applied",
                scale(Shadow, 5, 6),
                scale(Active, 5, 6),
                true,
            ),
            (
                "the same scale, no longer to be applied",
                scale(Active, 5, 6),
                scale(Shadow, 5, 6),
                true,
            ),
        ];
        for (name, before, now, want) in cases {
            assert_eq!(
                Said::from(&before).is_told_otherwise_by(&now),
                want,
                "{name}"
            );
        }
    }
}
