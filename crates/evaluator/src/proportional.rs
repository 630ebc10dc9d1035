//! As many replicas as bring a metric to its target value: External metrics of autoscaling/v2.
//!
//! Values are counted in whole thousandths, rounded up, as Kubernetes quantities are, so that a load of 2.1 over a target of
//! 0.3 is exactly 7 and not a little more. Counts saturate at [`hpa::MOST_REPLICAS`], values at 2^63 thousandths. Rule:
//! Kubernetes HPA, "Algorithm details".

use crate::hpa::{self, Failure, Milli, Tolerance};
use headroom_model::{Replicas, body::RuleReason};
use headroom_policy::TargetValue;

/// What a proportional rule aims at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Aim {
    /// The target value, above zero and finite.
    pub target: TargetValue,
    /// Dead band above it, as a ratio.
    pub tolerance_up: f64,
    /// Dead band below it, as a ratio.
    pub tolerance_down: f64,
}

/// What was measured. `total` is finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Load {
    /// The total, or the sum over the replicas that answered.
    pub total: f64,
    /// How many replicas were asked; 0 when the source gave a total.
    pub replicas: u32,
    /// How many of them did not answer.
    pub missing: u32,
}

/// How many replicas there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// All of them.
    pub current: Replicas,
    /// Those that share the load of a [`TargetValue::Value`]; `None` when the target's replicas were asked for and there
    /// were none, so that nobody can share it.
    pub ready: Option<Replicas>,
    /// Those that the target counts, which share the load of a [`TargetValue::AverageValue`]: while they come and go they
    /// are not `current`.
    pub counted: Replicas,
    /// Whether the replicas themselves were seen, so that `ready` is no guess.
    pub seen: bool,
}

/// What the rule wants, and from which load: the measured one, or that with an assumption for silent replicas.
#[derive(Clone, Debug, PartialEq)]
pub struct Wish {
    /// The count, before any bound.
    pub replicas: Replicas,
    /// Why.
    pub reason: RuleReason,
    /// The load that was reckoned with, in the metric's unit.
    pub load: f64,
}

/// What a rule wants: [`exact`], but while none of the replicas is thought to be ready the current count stays.
///
/// The HPA then wants no replicas, since nobody shares the load of a [`TargetValue::Value`], and so takes back what it has
/// just ordered. It is followed in that only where the replicas themselves were seen.
///
/// # Errors
/// [`Failure::NoReplicas`] when the ready ones matter and [`Counts::ready`] is `None`.
pub fn wish(aim: &Aim, load: Load, counts: Counts) -> Result<Wish, Failure> {
    let none_ready = counts.ready == Some(Replicas::ZERO) && counts.current > Replicas::ZERO;
    if none_ready && !counts.seen && matches!(aim.target, TargetValue::Value(_)) {
        let missing = counts.current.0;
        return Ok(Wish {
            replicas: counts.current,
            reason: RuleReason::MissingReplicas { missing },
            load: load.total,
        });
    }
    exact(aim, load, counts)
}

/// The count that brings `load` to its target value, rounded up; the current count when that is within the tolerance.
/// For totals, exactly as the HPA has it.
///
/// A replica that did not answer is assumed to carry nothing when the others want more replicas, and exactly its target
/// when they want fewer. If that turns the direction, the current count stays.
///
/// # Errors
/// As [`wish`].
pub fn exact(aim: &Aim, load: Load, counts: Counts) -> Result<Wish, Failure> {
    if load.missing > 0 && load.missing < load.replicas && counts.current > Replicas::ZERO {
        return cautious(aim, load, counts);
    }
    let reckoned = reckon(aim, Milli::of(load.total), counts)?;
    let (replicas, reason) = if reckoned.within {
        (reckoned.replicas, aim.within_tolerance(reckoned.ratio))
    } else {
        (reckoned.replicas, reckoned.proportional())
    };
    Ok(Wish {
        replicas,
        reason,
        load: load.total,
    })
}

/// The same when replicas are silent, and at least one is not.
fn cautious(aim: &Aim, load: Load, counts: Counts) -> Result<Wish, Failure> {
    let fair_share = match aim.target {
        TargetValue::AverageValue(target) => target,
        TargetValue::Value(target) => target / f64::from(load.replicas),
    };
    let answered = f64::from(load.replicas - load.missing);
    let seen = Milli::of(load.total).units() / (Milli::of(fair_share).units() * answered);
    if aim.tolerance().holds(seen) {
        return Ok(Wish {
            replicas: counts.current,
            reason: aim.within_tolerance(seen),
            load: load.total,
        });
    }
    let assumed = if seen < 1.0 {
        load.total + fair_share * f64::from(load.missing)
    } else {
        load.total
    };
    let reckoned = reckon(aim, Milli::of(assumed), counts)?;
    let turned = if seen < 1.0 {
        reckoned.ratio > 1.0 || reckoned.replicas > counts.current
    } else {
        reckoned.ratio < 1.0 || reckoned.replicas < counts.current
    };
    let (replicas, reason) = if reckoned.within || turned {
        let missing = load.missing;
        (counts.current, RuleReason::MissingReplicas { missing })
    } else {
        (reckoned.replicas, reckoned.proportional())
    };
    Ok(Wish {
        replicas,
        reason,
        load: assumed,
    })
}

/// What the arithmetic gives, before anyone chooses.
struct Reckoned {
    /// Usage over target. From no replicas: over the target of one.
    ratio: f64,
    /// The replicas that share the load.
    counted: Replicas,
    /// The count that the ratio asks for; within the tolerance the one that there is.
    replicas: Replicas,
    /// Whether the ratio is within the tolerance. From no replicas it never is.
    within: bool,
}

impl Reckoned {
    fn proportional(&self) -> RuleReason {
        RuleReason::Proportional {
            ratio: self.ratio,
            counted: self.counted,
        }
    }
}

fn reckon(aim: &Aim, total: Milli, counts: Counts) -> Result<Reckoned, Failure> {
    let Counts {
        current,
        ready,
        counted,
        ..
    } = counts;
    let tolerance = aim.tolerance();
    let proposal = match aim.target {
        TargetValue::AverageValue(target) => {
            let one = Milli::of(target);
            hpa::average_of_sum(total, one, tolerance, counted)
        }
        TargetValue::Value(target) => {
            let ready = || ready.ok_or(Failure::NoReplicas);
            hpa::value(total, Milli::of(target), tolerance, current, ready)?
        }
    };
    Ok(Reckoned {
        ratio: proposal.ratio,
        counted: proposal.counted,
        replicas: proposal.replicas,
        within: proposal.stays,
    })
}

impl Aim {
    fn tolerance(&self) -> Tolerance {
        Tolerance {
            up: self.tolerance_up,
            down: self.tolerance_down,
        }
    }

    fn within_tolerance(&self, ratio: f64) -> RuleReason {
        RuleReason::WithinTolerance {
            ratio,
            tolerance: self.tolerance().beside(ratio),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_policy::TargetValue::{AverageValue, Value};

    const MOST: u32 = hpa::MOST_REPLICAS.0;

    fn aim(target: TargetValue, tolerance: f64) -> Aim {
        Aim {
            target,
            tolerance_up: tolerance,
            tolerance_down: 0.1,
        }
    }

    fn counts(current: u32, ready: u32) -> Counts {
        Counts {
            current: Replicas(current),
            ready: Some(Replicas(ready)),
            counted: Replicas(current),
            seen: false,
        }
    }

    fn total(total: f64) -> Load {
        Load {
            total,
            replicas: 0,
            missing: 0,
        }
    }

    #[test]
    fn a_total_asks_for_as_many_replicas_as_carry_it() {
        // External metrics as the HPA reckons them; the counts of the first eight rows are the HPA's own.
        let (half, tenth, hundredth) = (0.5, 0.1, 0.01);
        #[rustfmt::skip]
        let cases = [
            // name                                             target                  tolerance  load   current ready want
            ("only ready replicas multiply the ratio",          Value(4.4),             tenth,     8.6,       3, 1, 2),
            ("a value far below its target asks for fewer",     Value(14.334),          tenth,     8.6,       5, 5, 3),
            ("a value outside one percent of tolerance",        Value(8.8),             hundredth, 8.9,       3, 3, 4),
            ("the same value within ten percent",               Value(8.8),             tenth,     8.9,       3, 3, 3),
            ("an average within the tolerance",                 AverageValue(2.9),      tenth,     8.6,       3, 3, 3),
            ("an average outside one percent of tolerance",     AverageValue(2.8),      hundredth, 8.6,       3, 3, 4),
            ("the count saturates",                             AverageValue(0.001),    tenth,     9.3e15,    1, 1, MOST),
            ("load and target both saturate and are equal",     AverageValue(9.3e15),   tenth,     9.3e15,    1, 1, 1),
            ("at the upper edge of the tolerance nothing",      AverageValue(100.0),    tenth,     330.0,     3, 3, 3),
            ("a thousandth above it one more",                  AverageValue(100.0),    tenth,     330.001,   3, 3, 4),
            ("at the lower edge of the tolerance nothing",      AverageValue(100.0),    half,      1800.0,   20, 20, 20),
            ("a thousandth below it the exact count",           AverageValue(100.0),    half,      1799.999, 20, 20, 18),
            ("far below it fewer",                              AverageValue(100.0),    half,      199.999,   3, 3, 2),
            ("fractions of ten are exact: 2.1 over 0.3 is 7",   AverageValue(0.3),      tenth,     2.1,       1, 1, 7),
            ("thousandths are whole: 2.007 over 0.669 is 3",    AverageValue(0.669),    tenth,     2.007,     1, 1, 3),
            ("what is finer is rounded up: 3.1 over 1 is 4",    AverageValue(0.001),    tenth,     0.0031,    1, 1, 4),
            ("and so is the target: 3 over 1 is 3",             AverageValue(0.0001),   tenth,     0.003,     1, 1, 3),
            ("a value of 1.1 over 1 by ten replicas is 11",     Value(1.0),             hundredth, 1.1,      10, 10, 11),
            ("no load asks for no replicas",                    AverageValue(30.0),     tenth,     0.0,       4, 4, 0),
            ("a value of zero asks for no replicas",            Value(30.0),            tenth,     0.0,       4, 4, 0),
            ("from none, an average asks for its quotient",     AverageValue(30.0),     tenth,     31.0,      0, 0, 2),
            ("from none, a load like one target asks for one",  AverageValue(30.0),     tenth,     30.0,      0, 0, 1),
            ("from none, a value asks for its ratio",           Value(30.0),            tenth,     61.0,      0, 0, 3),
            ("from none and no load, none",                     Value(30.0),            tenth,     0.0,       0, 0, 0),
            ("a negative load asks for none",                   AverageValue(30.0),     tenth,     -60.0,     4, 4, 0),
            ("the largest number does not wrap",                Value(f64::MIN_POSITIVE), tenth,   f64::MAX,  4, 4, MOST),
            ("nor over a target it cannot be told from",        Value(f64::MIN_POSITIVE), tenth,   f64::MAX,  0, 0, MOST),
            ("with none ready the count stays",                 Value(30.0),            tenth,     61.0,      4, 0, 4),
            ("an average needs nobody to be ready",             AverageValue(30.0),     tenth,     241.0,     4, 0, 9),
        ];
        for (name, target, tolerance, load, current, ready, want) in cases {
            let got = wish(&aim(target, tolerance), total(load), counts(current, ready)).unwrap();
            assert_eq!(got.replicas, Replicas(want), "{name}: {:?}", got.reason);
        }
        let nobody = exact(&aim(Value(30.0), tenth), total(61.0), counts(4, 0)).unwrap();
        assert_eq!(
            nobody.replicas,
            Replicas(0),
            "the HPA wants none while none is ready"
        );
    }

    #[test]
    fn silent_replicas_carry_nothing_upwards_and_their_target_downwards() {
        #[rustfmt::skip]
        let cases = [
            // name                                            target              sum    of missing current want reckoned load
            ("all answer: more",                               AverageValue(10.0), 80.0,   5, 0, 5, 8,  80.0),
            ("up: the silent ones carry nothing",              AverageValue(10.0), 80.0,   5, 2, 5, 8,  80.0),
            ("up: what they may not carry turns it: stay",     AverageValue(10.0), 45.0,   5, 2, 5, 5,  45.0),
            ("up: into the tolerance: stay",                   AverageValue(10.0), 52.0,   5, 1, 5, 5,  52.0),
            ("down: they carry their target",                  AverageValue(10.0), 10.0,   5, 2, 5, 3,  30.0),
            ("down: they fill it up to the tolerance: stay",   AverageValue(10.0), 17.0,   5, 3, 5, 5,  47.0),
            ("down: more were asked than there are: stay",     AverageValue(10.0), 10.0,   9, 6, 5, 5,  70.0),
            ("exactly at target: stay, whoever is silent",     AverageValue(10.0), 30.0,   5, 2, 5, 5,  30.0),
            ("a value: each has its share of the target",      Value(50.0),        10.0,   5, 2, 5, 3,  30.0),
            ("a value upwards",                                Value(50.0),        90.0,   5, 2, 5, 9,  90.0),
            ("from none: what was measured counts",            AverageValue(10.0), 25.0,   3, 1, 0, 3,  25.0),
        ];
        for (name, target, sum, replicas, missing, current, want, load) in cases {
            let measured = Load {
                total: sum,
                replicas,
                missing,
            };
            let got = wish(&aim(target, 0.1), measured, counts(current, current)).unwrap();
            assert_eq!(got.replicas, Replicas(want), "{name}: {:?}", got.reason);
            assert_eq!(got.load, load, "{name}");
        }
    }

    #[test]
    fn the_reason_tells_ratio_and_edge() {
        let cases = [
            (
                "above",
                90.0,
                RuleReason::Proportional {
                    ratio: 1.5,
                    counted: Replicas(2),
                },
            ),
            (
                "a little above",
                61.2,
                RuleReason::WithinTolerance {
                    ratio: 1.02,
                    tolerance: 0.05,
                },
            ),
            (
                "a little below",
                57.0,
                RuleReason::WithinTolerance {
                    ratio: 0.95,
                    tolerance: 0.1,
                },
            ),
        ];
        for (name, load, want) in cases {
            let got = wish(&aim(AverageValue(30.0), 0.05), total(load), counts(2, 2)).unwrap();
            assert_eq!(got.reason, want, "{name}");
        }
        let silent = Load {
            total: 45.0,
            replicas: 5,
            missing: 2,
        };
        let got = wish(&aim(AverageValue(10.0), 0.1), silent, counts(5, 5)).unwrap();
        assert_eq!(got.reason, RuleReason::MissingReplicas { missing: 2 });
    }

    #[test]
    fn who_is_ready_matters_only_outside_the_tolerance_and_not_to_an_average() {
        let nobody_known = Counts {
            ready: None,
            seen: true,
            ..counts(2, 2)
        };
        let cases = [
            ("within", Value(1.0), 1.05, 2, Ok(Replicas(2))),
            ("outside", Value(1.0), 1.5, 2, Err(Failure::NoReplicas)),
            ("from none", Value(1.0), 1.5, 0, Ok(Replicas(2))),
            ("an average", AverageValue(1.0), 3.5, 2, Ok(Replicas(4))),
        ];
        for (name, target, load, current, want) in cases {
            let counts = Counts {
                current: Replicas(current),
                ..nobody_known
            };
            let got = wish(&aim(target, 0.1), total(load), counts);
            assert_eq!(got.map(|wish| wish.replicas), want, "{name}");
        }
    }
}
