//! Step 6: what a person ordered. A pause stops changes in a direction; a pin replaces the number.

use crate::step::Step;
use headroom_model::{
    Replicas, Timestamp,
    body::{
        Direction, HoldReason, OverrideAction, OverrideSet, OverrideSlot, PauseDirection, StepTaken,
    },
};
use serde::{Deserialize, Serialize};

/// The overrides of a workload: at most one of each kind.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    pin: Option<Order<Replicas>>,
    pause: Option<Order<PauseDirection>>,
}

/// What was ordered, by whom, why, and until when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order<T> {
    /// What.
    pub what: T,
    /// By whom.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// When it ends by itself; `None` when it is cleared.
    pub until: Option<Timestamp>,
}

impl<T: Copy> Order<T> {
    fn new(what: T, set: &OverrideSet) -> Self {
        Self {
            what,
            owner: set.owner.clone(),
            reason: set.reason.clone(),
            until: set.expires_at,
        }
    }

    fn in_force(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| until > now)
    }
}

impl Overrides {
    /// A person set one; it takes the place of the former one of its kind.
    pub fn set(&mut self, set: &OverrideSet) {
        match set.action {
            OverrideAction::Pin(replicas) => self.pin = Some(Order::new(replicas, set)),
            OverrideAction::Pause(direction) => self.pause = Some(Order::new(direction, set)),
        }
    }

    /// A person ended one.
    pub fn clear(&mut self, slot: OverrideSlot) {
        match slot {
            OverrideSlot::Pin => self.pin = None,
            OverrideSlot::Pause => self.pause = None,
        }
    }

    /// Forgets those that have ended by themselves.
    pub fn expire(&mut self, now: Timestamp) {
        self.pin.take_if(|pin| !pin.in_force(now));
        self.pause.take_if(|pause| !pause.in_force(now));
    }

    /// The pin in force.
    #[must_use]
    pub fn pin(&self, now: Timestamp) -> Option<&Order<Replicas>> {
        self.pin.as_ref().filter(|pin| pin.in_force(now))
    }

    /// The pause in force.
    #[must_use]
    pub fn pause(&self, now: Timestamp) -> Option<&Order<PauseDirection>> {
        self.pause.as_ref().filter(|pause| pause.in_force(now))
    }

    /// When the next one ends by itself.
    #[must_use]
    pub fn ends_at(&self) -> Option<Timestamp> {
        let pin = self.pin.as_ref().and_then(|pin| pin.until);
        let pause = self.pause.as_ref().and_then(|pause| pause.until);
        pin.into_iter().chain(pause).min()
    }
}

/// Leaves the count at `current` when the pause stops the wanted direction; `None` when it does not.
#[must_use]
pub fn pause(current: Replicas, wanted: Replicas, pause: &Order<PauseDirection>) -> Option<Step> {
    let direction = Direction::between(current, wanted)?;
    if !pause.what.stops(direction) {
        return None;
    }
    let held = HoldReason::Paused {
        direction,
        wanted,
        owner: pause.owner.clone(),
        until: pause.until,
    };
    let taken = StepTaken::Paused {
        direction,
        owner: pause.owner.clone(),
        reason: pause.reason.clone(),
    };
    Some(Step::new(wanted, current, taken, Some(held)))
}

/// Replaces the number by the pinned one.
#[must_use]
pub fn pin(wanted: Replicas, pin: &Order<Replicas>) -> Step {
    let taken = StepTaken::Pinned {
        replicas: pin.what,
        owner: pin.owner.clone(),
        reason: pin.reason.clone(),
    };
    Step::new(wanted, pin.what, taken, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ordered(action: OverrideAction, until: Option<i64>) -> OverrideSet {
        OverrideSet {
            action,
            owner: "ana".to_owned(),
            reason: "launch".to_owned(),
            expires_at: until.map(Timestamp),
        }
    }

    #[test]
    fn a_pause_stops_its_direction_only() {
        use PauseDirection::{Both, Down, Up};
        let cases = [
            ("both stops up", Both, 8, true),
            ("both stops down", Both, 2, true),
            ("both stops nothing where nothing changes", Both, 5, false),
            ("up stops up", Up, 8, true),
            ("up lets down pass", Up, 2, false),
            ("down stops down", Down, 2, true),
            ("down lets up pass", Down, 8, false),
        ];
        for (name, direction, wanted, stopped) in cases {
            let order = Order::new(direction, &ordered(OverrideAction::Pause(direction), None));
            let step = pause(Replicas(5), Replicas(wanted), &order);
            assert_eq!(step.is_some(), stopped, "{name}");
            if let Some(step) = step {
                assert_eq!(step.after(), Replicas(5), "{name}");
                assert!(
                    matches!(step.hold, Some(HoldReason::Paused { .. })),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn an_override_ends_at_its_time_or_when_it_is_cleared() {
        let mut overrides = Overrides::default();
        overrides.set(&ordered(OverrideAction::Pin(Replicas(7)), Some(100)));
        overrides.set(&ordered(
            OverrideAction::Pause(PauseDirection::Up),
            Some(200),
        ));
        let in_force = |overrides: &Overrides, now| {
            let now = Timestamp(now);
            (overrides.pin(now).is_some(), overrides.pause(now).is_some())
        };
        assert_eq!(in_force(&overrides, 99), (true, true));
        assert_eq!(overrides.ends_at(), Some(Timestamp(100)));
        assert_eq!(in_force(&overrides, 100), (false, true));
        overrides.expire(Timestamp(100));
        assert_eq!(overrides.ends_at(), Some(Timestamp(200)));
        overrides.clear(OverrideSlot::Pause);
        assert_eq!(overrides, Overrides::default());
    }

    #[test]
    fn a_newer_pin_takes_the_place_of_the_former() {
        let mut overrides = Overrides::default();
        for replicas in [7, 3] {
            overrides.set(&ordered(OverrideAction::Pin(Replicas(replicas)), None));
        }
        let order = overrides.pin(Timestamp(0)).expect("a pin was set");
        assert_eq!(pin(Replicas(9), order).after(), Replicas(3));
    }
}
