//! Step 5: the rest after an actuation, per direction.

use crate::step::Step;
use headroom_model::{
    Replicas, Timestamp,
    body::{Direction, HoldReason, StepTaken},
};
use headroom_policy::Cooldown;
use serde::{Deserialize, Serialize};

/// When the count last changed, in each direction: when a target was said to have taken its number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastChanges {
    /// It grew.
    pub up: Option<Timestamp>,
    /// It shrank.
    pub down: Option<Timestamp>,
}

impl LastChanges {
    /// Remembers that the count changed in `direction`.
    pub fn record(&mut self, direction: Direction, at: Timestamp) {
        match direction {
            Direction::Up => self.up = Some(at),
            Direction::Down => self.down = Some(at),
        }
    }

    /// When `direction` may change again; `None` when it may now.
    #[must_use]
    pub fn cool_until(
        &self,
        direction: Direction,
        cooldown: &Cooldown,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let (last, rest) = match direction {
            Direction::Up => (self.up, cooldown.up),
            Direction::Down => (self.down, cooldown.down),
        };
        last.map(|last| last.plus(rest))
            .filter(|&until| until > now)
    }
}

/// Leaves the count at `current` while the wanted direction cools down; `None` when it does not. A change in one direction
/// never delays the other: a scale-down must not stand in the way of the surge after it.
#[must_use]
pub fn cool_down(
    current: Replicas,
    wanted: Replicas,
    cooldown: &Cooldown,
    last: &LastChanges,
    now: Timestamp,
) -> Option<Step> {
    let direction = Direction::between(current, wanted)?;
    let until = last.cool_until(direction, cooldown, now)?;
    let held = HoldReason::CoolingDown {
        direction,
        wanted,
        until,
    };
    let taken = StepTaken::CooledDown { direction, until };
    Some(Step::new(wanted, current, taken, Some(held)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::Span;

    #[test]
    fn a_direction_rests_after_its_own_change_and_no_other() {
        let cooldown = Cooldown {
            up: Span::seconds(60),
            down: Span::seconds(300),
        };
        let grew = LastChanges {
            up: Some(Timestamp(0)),
            down: None,
        };
        let shrank = LastChanges {
            up: None,
            down: Some(Timestamp(0)),
        };
        let cases = [
            // name                                          last  at (s)  wanted  held until (s)
            ("up rests after growing", grew, 59, 8, Some(60)),
            ("up is free once it has rested", grew, 60, 8, None),
            ("growing does not delay down", grew, 1, 2, None),
            ("down rests after shrinking", shrank, 299, 2, Some(300)),
            ("down is free once it has rested", shrank, 300, 2, None),
            ("shrinking does not delay up", shrank, 1, 8, None),
            ("nothing wanted is not held", grew, 1, 5, None),
        ];
        for (name, last, at, wanted, want) in cases {
            let now = Timestamp(at * 1000);
            let step = cool_down(Replicas(5), Replicas(wanted), &cooldown, &last, now);
            let until = step.map(|step| match (step.after(), step.hold) {
                (Replicas(5), Some(HoldReason::CoolingDown { until, .. })) => until.0 / 1000,
                other => panic!("{name}: {other:?}"),
            });
            assert_eq!(until, want, "{name}");
        }
    }
}
