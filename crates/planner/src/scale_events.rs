//! What was changed lately: the memory of the rate policies with `trigger: Period`.

use crate::rate::Change;
use headroom_model::{Replicas, Span, Timestamp, body::Direction};
use headroom_policy::{Pace, Policy, Scaling};
use serde::{Deserialize, Serialize};

/// One change of the count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleEvent {
    /// When it was decided.
    pub at: Timestamp,
    /// How many replicas more, or fewer: the list says which.
    pub change: u32,
    /// Whether its slot may be used again. A mark stays, also when a longer period would see the event again.
    pub outdated: bool,
}

/// The lists that an HPA's controller keeps of one autoscaler, one for each direction. Their order is that of the slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleEvents {
    /// Changes upwards.
    pub up: Vec<ScaleEvent>,
    /// Changes downwards.
    pub down: Vec<ScaleEvent>,
}

impl ScaleEvents {
    /// Remembers a change of the count, in the last slot that is outdated, else in a new one. Events older than the longest
    /// period of the direction's rate policies are marked as outdated first. Without `behavior` no event is ever looked
    /// at, so nothing is done. A count that stays would be a change of nothing downwards. Rule: `storeScaleEvent` of
    /// autoscaling/v2, which is called of changes only.
    pub fn store(&mut self, from: Replicas, to: Replicas, at: Timestamp, policy: &Policy) {
        let direction = Direction::between(from, to).unwrap_or(Direction::Down);
        if policy.pace == Pace::Plain {
            return;
        }
        let events = match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        };
        let longest = longest_period(policy.scaling(direction));
        for event in events.iter_mut() {
            event.outdated |= event.at.plus(longest) < at;
        }
        let stored = ScaleEvent {
            at,
            change: from.0.abs_diff(to.0),
            outdated: false,
        };
        match events.iter().rposition(|event| event.outdated) {
            Some(slot) => events[slot] = stored,
            None => events.push(stored),
        }
    }

    /// What the rate policies look at. An event counts by its age alone, marked or not.
    #[must_use]
    pub fn changes(&self) -> Vec<Change> {
        let signed = |events: &[ScaleEvent], sign: i64| -> Vec<Change> {
            let change = |event: &ScaleEvent| Change {
                at: event.at,
                by: sign * i64::from(event.change),
            };
            events.iter().map(change).collect()
        };
        let mut changes = signed(&self.up, 1);
        changes.extend(signed(&self.down, -1));
        changes
    }
}

fn longest_period(scaling: &Scaling) -> Span {
    let periods = scaling.policies.iter().map(|policy| policy.period);
    periods.max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{plain, policy, scaling};
    use headroom_policy::{RateAmount, Select};

    const NOW: Timestamp = Timestamp(1_000_000_000);

    fn events(of: &[(i64, u32, bool)]) -> Vec<ScaleEvent> {
        let event = |&(age, change, outdated)| ScaleEvent {
            at: Timestamp(NOW.0 - age * 1000),
            change,
            outdated,
        };
        of.iter().map(event).collect()
    }

    /// Events as (age in seconds, change, outdated).
    type Events<'a> = &'a [(i64, u32, bool)];

    #[test]
    fn a_count_that_stays_is_a_change_of_nothing_downwards() {
        let mut lists = ScaleEvents::default();
        lists.store(Replicas(10), Replicas(10), NOW, &policy(1, 100));
        let (up, down) = (Vec::new(), events(&[(0, 0, false)]));
        assert_eq!(lists, ScaleEvents { up, down });
    }

    #[test]
    fn a_change_takes_the_last_outdated_slot_of_its_direction() {
        let cases: [(&str, Events, Events); 6] = [
            ("none yet", &[], &[(0, 5, false)]),
            (
                "a recent one stays",
                &[(58, 7, false)],
                &[(58, 7, false), (0, 5, false)],
            ),
            (
                "an old one is replaced",
                &[(61, 7, false)],
                &[(0, 5, false)],
            ),
            (
                "exactly the longest period old is not outdated",
                &[(60, 7, false)],
                &[(60, 7, false), (0, 5, false)],
            ),
            (
                "of several old ones the last, the others are marked",
                &[
                    (29, 8, false),
                    (61, 7, false),
                    (61, 9, false),
                    (59, 6, false),
                ],
                &[(29, 8, false), (61, 7, true), (0, 5, false), (59, 6, false)],
            ),
            ("a mark stays", &[(10, 7, true)], &[(0, 5, false)]),
        ];
        let rates = scaling(
            0,
            Select::Max,
            &[(RateAmount::Pods(10), 60), (RateAmount::Percent(100), 30)],
        );
        let mut policy = policy(1, 100);
        (policy.scale_up, policy.scale_down) = (rates.clone(), rates);
        for (name, before, after) in cases {
            let (before, after) = (events(before), events(after));
            let lists = |up: &[_], down: &[_]| ScaleEvents {
                up: up.to_vec(),
                down: down.to_vec(),
            };
            let (ten, five, fifteen) = (Replicas(10), Replicas(5), Replicas(15));
            let mut up = lists(&before, &before);
            up.store(ten, fifteen, NOW, &policy);
            assert_eq!(up, lists(&after, &before), "{name}: up");
            let mut down = lists(&before, &before);
            down.store(ten, five, NOW, &policy);
            assert_eq!(down, lists(&before, &after), "{name}: down");
            let mut nothing = lists(&before, &before);
            nothing.store(ten, fifteen, NOW, &plain(policy.clone()));
            assert_eq!(nothing, lists(&before, &before), "{name}: without behavior");
        }
    }
}
