//! What the planner chose.

use super::{list, more_or_fewer, replicas, until, way, when};
use headroom_model::Replicas;
use headroom_model::body::{
    Decided, Decision, Direction, HoldReason, Mode, RateLimit, StepTaken, TrailStep,
};

/// A decision in one line: `scale 4 → 8: load wants 12, Pods 4 per 15s allows 8`.
#[must_use]
pub fn decision_line(decided: &Decided) -> String {
    let prefix = mode_prefix(decided.mode);
    match &decided.decision {
        Decision::Scale { from, to } => {
            format!("{prefix}scale {from} → {to}{}", why_scaled(decided))
        }
        Decision::Hold { at, reason } => {
            let at = at.map_or_else(String::new, |at| format!(" at {at}"));
            format!("{prefix}hold{at}: {}", hold_reason(reason, &decided.trail))
        }
    }
}

/// `shadow: ` where decisions are only written.
#[must_use]
pub fn mode_prefix(mode: Mode) -> &'static str {
    match mode {
        Mode::Active => "",
        Mode::Shadow => "shadow: ",
    }
}

/// The winning rule, and every step that changed its number. What a person pinned is not what a rule wants, even if both
/// are the same number.
fn why_scaled(decided: &Decided) -> String {
    let mut reasons = Vec::new();
    for step in &decided.trail {
        match &step.step {
            StepTaken::Joined {
                winner: Some(winner),
                ..
            } => reasons.push(format!("{winner} wants {}", step.after)),
            StepTaken::Joined { winner: None, .. } => {}
            StepTaken::Pinned { owner, reason, .. } => {
                reasons = vec![pinned(owner, step.after, reason)];
            }
            _ if step.before == step.after => {}
            StepTaken::Stabilized { down_window, .. } if raises(decided, step) => {
                reasons.push(format!(
                    "as many as {} were wanted within the last {down_window}",
                    step.after
                ))
            }
            taken => reasons.push(limit_in_short(taken, step.after)),
        }
    }
    match reasons.is_empty() {
        true => String::new(),
        false => format!(": {}", reasons.join(", ")),
    }
}

/// Whether a step gives more than what is wanted, and than the count that the decision starts from.
fn raises(decided: &Decided, step: &TrailStep) -> bool {
    let base = decided.trail.first().map(|first| first.before);
    step.after > step.before && base.is_some_and(|base| step.after > base)
}

fn limit_in_short(taken: &StepTaken, after: Replicas) -> String {
    match taken {
        StepTaken::Stabilized { .. } => format!("the stabilization window allows {after}"),
        StepTaken::Bounded {
            rate_limit: Some(rate),
            minimum,
            maximum,
        } if rate.limit == after && after != *minimum && after != *maximum => {
            format!("{} allows {after}", rate.policy)
        }
        StepTaken::Bounded {
            minimum, maximum, ..
        }
        | StepTaken::HardBounds { minimum, maximum } => bound(after, *minimum, *maximum),
        StepTaken::Pinned { owner, reason, .. } => pinned(owner, after, reason),
        StepTaken::CooledDown { .. } => format!("the cooldown keeps {after}"),
        StepTaken::Paused { owner, .. } => format!("{owner}'s pause keeps {after}"),
        StepTaken::Joined { .. } => format!("the rules want {after}"),
    }
}

/// `ana pinned 6 (warming up)`.
fn pinned(owner: &str, count: Replicas, reason: &str) -> String {
    format!("{owner} pinned {count} ({reason})")
}

fn bound(after: Replicas, minimum: Replicas, maximum: Replicas) -> String {
    if after == maximum {
        format!("the maximum is {maximum}")
    } else {
        format!("the minimum is {minimum}")
    }
}

/// Why the count stays as it is; the trail has the values that the reason leaves out.
#[must_use]
pub fn hold_reason(reason: &HoldReason, trail: &[TrailStep]) -> String {
    match reason {
        HoldReason::AtDesired => {
            let pin = trail.iter().find_map(|step| match &step.step {
                StepTaken::Pinned { owner, reason, .. } => Some(pinned(owner, step.after, reason)),
                _ => None,
            });
            pin.unwrap_or_else(|| "that is what is wanted".to_owned())
        }
        HoldReason::NoRecommendation => "no rule has said anything yet".to_owned(),
        HoldReason::CurrentUnknown => {
            "how many replicas the target has is not known yet".to_owned()
        }
        HoldReason::RulesUnavailable { rules } => format!(
            "{} cannot say, and fewer replicas are not taken on trust",
            list(rules)
        ),
        HoldReason::Stabilizing {
            direction,
            wanted,
            window,
        } => {
            let seen = stabilized(trail, *direction);
            format!(
                "{wanted} wanted, but {seen} within the last {window} (stabilization window for scaling {})",
                way(*direction)
            )
        }
        HoldReason::RateLimited { direction, wanted } => {
            format!("{wanted} wanted, but {}", rate_limited(trail, *direction))
        }
        HoldReason::AtMaximum { wanted, maximum } => {
            format!("{wanted} wanted, but the maximum is {maximum}")
        }
        HoldReason::AtMinimum { wanted, minimum } => {
            format!("{wanted} wanted, but the minimum is {minimum}")
        }
        HoldReason::ScaledToZero { minimum } => {
            format!("somebody scaled it to zero, though the minimum is {minimum}: scaling is off")
        }
        HoldReason::CoolingDown {
            direction,
            wanted,
            until,
        } => format!(
            "{wanted} wanted, but scaling {} cools down until {}",
            way(*direction),
            when(*until)
        ),
        HoldReason::Paused {
            direction,
            wanted,
            owner,
            until: at,
        } => format!(
            "{wanted} wanted, but {owner} paused scaling {} {}",
            way(*direction),
            until(*at, "until it is resumed")
        ),
        HoldReason::PlanInFlight { to, wanted, .. } => format!(
            "{wanted} wanted, but the plan to {to} is still under way, and only more, a bound or an override takes its place"
        ),
        HoldReason::BackingOff { wanted, until } => format!(
            "{wanted} wanted, but the last attempt failed; the next may start at {}",
            when(*until)
        ),
    }
}

fn stabilized(trail: &[TrailStep], direction: Direction) -> String {
    let seen = trail.iter().find_map(|step| match step.step {
        StepTaken::Stabilized {
            lowest, highest, ..
        } => Some(match direction {
            Direction::Up => format!("as few as {lowest} were wanted"),
            Direction::Down => format!("as many as {highest} were wanted"),
        }),
        _ => None,
    });
    seen.unwrap_or_else(|| "another count was wanted".to_owned())
}

fn rate_limited(trail: &[TrailStep], direction: Direction) -> String {
    let rate = trail.iter().find_map(|step| match &step.step {
        StepTaken::Bounded { rate_limit, .. } => rate_limit.as_ref(),
        _ => None,
    });
    match rate {
        Some(rate) if rate.policy == "Disabled" => {
            format!("scaling {} is switched off", way(direction))
        }
        Some(rate) => format!("the scale-{} rate policy {}", way(direction), allows(rate)),
        None => format!("the scale-{} rate policies allow no more", way(direction)),
    }
}

/// `Pods 4 per 15s allows 8 for now, 4 of it being used`.
fn allows(rate: &RateLimit) -> String {
    let used = match rate.used {
        Replicas::ZERO => String::new(),
        used => format!(", {used} of it being used"),
    };
    format!("{} allows {} for now{used}", rate.policy, rate.limit)
}

/// A step of the trail, with its values.
#[must_use]
pub fn step_line(step: &TrailStep) -> String {
    let TrailStep { before, after, .. } = step;
    let number = match before == after {
        true => format!("stays {after}"),
        false => format!("{before} → {after}"),
    };
    format!("{number}: {}", taken(step))
}

fn taken(step: &TrailStep) -> String {
    let changed = step.before != step.after;
    match &step.step {
        StepTaken::Joined {
            winner,
            unavailable,
        } => joined(winner.as_deref(), unavailable, step.after),
        StepTaken::Stabilized {
            up_window,
            down_window,
            lowest,
            highest,
        } => format!(
            "stabilization: the lowest wish of the last {up_window} is {lowest}, the highest of the last {down_window} is {highest}"
        ),
        StepTaken::Bounded {
            minimum,
            maximum,
            rate_limit,
        } => match rate_limit {
            None => format!("no change is wanted; between {minimum} and {maximum}"),
            Some(rate) if rate.policy == "Disabled" => format!(
                "scaling {} is switched off; between {minimum} and {maximum}",
                way(rate.direction)
            ),
            Some(rate) if rate.policy == "None" => format!(
                "no rate policy limits scaling {}; between {minimum} and {maximum}",
                way(rate.direction)
            ),
            Some(rate) => format!(
                "the scale-{} rate policy {}; between {minimum} and {maximum}",
                way(rate.direction),
                allows(rate)
            ),
        },
        StepTaken::CooledDown { direction, until } => {
            format!(
                "scaling {} cools down until {}",
                way(*direction),
                when(*until)
            )
        }
        StepTaken::Paused {
            direction,
            owner,
            reason,
        } => format!("{owner} paused scaling {}: {reason}", way(*direction)),
        StepTaken::Pinned {
            replicas: pinned,
            owner,
            reason,
        } => format!("{owner} pinned {}: {reason}", replicas(*pinned)),
        StepTaken::HardBounds { minimum, maximum } if changed => {
            format!("it must be between {minimum} and {maximum}")
        }
        StepTaken::HardBounds { minimum, maximum } => {
            format!("it is between {minimum} and {maximum}")
        }
    }
}

fn joined(winner: Option<&str>, unavailable: &[String], after: Replicas) -> String {
    let cannot = match unavailable {
        [] => String::new(),
        rules => format!(
            "; {} cannot say, so {} than now would not be taken",
            list(rules),
            more_or_fewer(Direction::Down)
        ),
    };
    match winner {
        Some(winner) => format!("{winner} wants the most, {after}{cannot}"),
        None if unavailable.is_empty() => "no rule asks for a change".to_owned(),
        None => format!("{} cannot say, so the count is kept", list(unavailable)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::Seq;

    /// A decision to which these steps led, each to a number.
    fn decided(decision: Decision, steps: Vec<(u32, StepTaken)>) -> Decided {
        let mut before = Replicas(2);
        let step = |(after, step)| TrailStep {
            before: std::mem::replace(&mut before, Replicas(after)),
            after: Replicas(after),
            step,
        };
        Decided {
            revision: Seq(1),
            mode: Mode::Active,
            decision,
            wishes: Vec::new(),
            trail: steps.into_iter().map(step).collect(),
        }
    }

    fn scale(to: u32) -> Decision {
        let (from, to) = (Replicas(2), Replicas(to));
        Decision::Scale { from, to }
    }

    #[test]
    fn a_window_that_raises_the_count_is_not_said_to_allow_it() {
        let queue = || StepTaken::Joined {
            winner: Some("queue".to_owned()),
            unavailable: Vec::new(),
        };
        let window = |lowest, highest| StepTaken::Stabilized {
            up_window: headroom_model::Span::ZERO,
            down_window: headroom_model::Span::seconds(300),
            lowest: Replicas(lowest),
            highest: Replicas(highest),
        };
        let raised = decided(scale(6), vec![(1, queue()), (6, window(1, 6))]);
        assert_eq!(
            decision_line(&raised),
            "scale 2 → 6: queue wants 1, as many as 6 were wanted within the last 5m"
        );
        let cases = [
            (
                decided(scale(1), vec![(0, queue()), (1, window(0, 1))]),
                "scale 2 → 1: queue wants 0, the stabilization window allows 1",
            ),
            (
                decided(scale(5), vec![(9, queue()), (5, window(5, 9))]),
                "scale 2 → 5: queue wants 9, the stabilization window allows 5",
            ),
        ];
        for (held, want) in cases {
            assert_eq!(decision_line(&held), want);
        }
    }

    #[test]
    fn no_rate_downwards_is_said_so() {
        let step = TrailStep {
            before: Replicas(3),
            after: Replicas(3),
            step: StepTaken::Bounded {
                minimum: Replicas(1),
                maximum: Replicas(9),
                rate_limit: Some(RateLimit {
                    direction: Direction::Down,
                    limit: Replicas(0),
                    policy: "None".to_owned(),
                    used: Replicas(0),
                }),
            },
        };
        assert_eq!(
            step_line(&step),
            "stays 3: no rate policy limits scaling down; between 1 and 9"
        );
    }

    #[test]
    fn a_pin_is_named_as_the_reason_whatever_the_rules_want() {
        let queue = || StepTaken::Joined {
            winner: Some("queue".to_owned()),
            unavailable: Vec::new(),
        };
        let pin = |replicas| StepTaken::Pinned {
            replicas: Replicas(replicas),
            owner: "ana".to_owned(),
            reason: "launch".to_owned(),
        };
        let bounds = || StepTaken::HardBounds {
            minimum: Replicas(1),
            maximum: Replicas(9),
        };
        let held = Decision::Hold {
            at: Some(Replicas(6)),
            reason: HoldReason::AtDesired,
        };
        let cases = [
            (
                "the rules want the same",
                decided(scale(6), vec![(6, queue()), (6, pin(6)), (6, bounds())]),
                "scale 2 → 6: ana pinned 6 (launch)",
            ),
            (
                "the rules want another number",
                decided(scale(6), vec![(4, queue()), (6, pin(6)), (6, bounds())]),
                "scale 2 → 6: ana pinned 6 (launch)",
            ),
            (
                "the maximum is below",
                decided(scale(9), vec![(4, queue()), (12, pin(12)), (9, bounds())]),
                "scale 2 → 9: ana pinned 12 (launch), the maximum is 9",
            ),
            (
                "it is there already",
                decided(held, vec![(6, queue()), (6, pin(6)), (6, bounds())]),
                "hold at 6: ana pinned 6 (launch)",
            ),
            (
                "no pin",
                decided(scale(6), vec![(6, queue())]),
                "scale 2 → 6: queue wants 6",
            ),
        ];
        for (name, decided, want) in cases {
            assert_eq!(decision_line(&decided), want, "{name}");
        }
    }
}
