//! As many replicas as bring a metric to its target value: External metrics of autoscaling/v2.
//!
//! Values are counted in thousandths, as Kubernetes quantities are, so that a load of 2.1 over a target of 0.3 is exactly
//! 7 and not a little more. Counts saturate at [`hpa::MOST_REPLICAS`], values at 2^63 thousandths. Rule: Kubernetes HPA,
//! "Algorithm details".

use crate::hpa::{self, Tolerance, in_thousandths};
use headroom_model::{Replicas, body::RuleReason};
use headroom_policy::TargetValue;
use std::convert::Infallible;

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
    /// Those that share the load of a [`TargetValue::Value`].
    pub ready: Replicas,
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
#[must_use]
pub fn wish(aim: &Aim, load: Load, counts: Counts) -> Wish {
    let nobody = counts.ready == Replicas::ZERO && counts.current > Replicas::ZERO && !counts.seen;
    if nobody && matches!(aim.target, TargetValue::Value(_)) {
        let missing = counts.current.0;
        return Wish {
            replicas: counts.current,
            reason: RuleReason::MissingReplicas { missing },
            load: load.total,
        };
    }
    exact(aim, load, counts)
}

/// The count that brings `load` to its target value, rounded up; the current count when that is within the tolerance.
/// For totals, exactly as the HPA has it.
///
/// A replica that did not answer is assumed to carry nothing when the others want more replicas, and exactly its target
/// when they want fewer. If that turns the direction, the current count stays.
#[must_use]
pub fn exact(aim: &Aim, load: Load, counts: Counts) -> Wish {
    if load.missing > 0 && load.missing < load.replicas && counts.current > Replicas::ZERO {
        return cautious(aim, load, counts);
    }
    let reckoned = reckon(aim, in_thousandths(load.total), counts);
    let (replicas, reason) = if reckoned.within {
        (reckoned.replicas, reckoned.within_tolerance(aim))
    } else {
        (reckoned.replicas, reckoned.proportional())
    };
    Wish {
        replicas,
        reason,
        load: load.total,
    }
}

/// The same when replicas are silent, and at least one is not.
fn cautious(aim: &Aim, load: Load, counts: Counts) -> Wish {
    let fair_share = match aim.target {
        TargetValue::AverageValue(target) => target,
        TargetValue::Value(target) => target / f64::from(load.replicas),
    };
    let seen = Reckoned {
        ratio: in_thousandths(load.total)
            / (in_thousandths(fair_share) * f64::from(load.replicas - load.missing)),
        ..reckon(aim, in_thousandths(load.total), counts)
    };
    if aim.tolerance().holds(seen.ratio) {
        return Wish {
            replicas: counts.current,
            reason: seen.within_tolerance(aim),
            load: load.total,
        };
    }
    let assumed = if seen.ratio < 1.0 {
        load.total + fair_share * f64::from(load.missing)
    } else {
        load.total
    };
    let reckoned = reckon(aim, in_thousandths(assumed), counts);
    let turned = if seen.ratio < 1.0 {
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
    Wish {
        replicas,
        reason,
        load: assumed,
    }
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
    fn within_tolerance(&self, aim: &Aim) -> RuleReason {
        RuleReason::WithinTolerance {
            ratio: self.ratio,
            tolerance: aim.tolerance().beside(self.ratio),
        }
    }

    fn proportional(&self) -> RuleReason {
        RuleReason::Proportional {
            ratio: self.ratio,
            counted: self.counted,
        }
    }
}

/// `total` in thousandths.
fn reckon(aim: &Aim, total: f64, counts: Counts) -> Reckoned {
    let Counts {
        current,
        ready,
        counted,
        ..
    } = counts;
    let tolerance = aim.tolerance();
    let (proposal, counted) = match aim.target {
        TargetValue::AverageValue(target) => {
            let one = in_thousandths(target);
            (
                hpa::average_of_total(total, one, tolerance, counted),
                counted,
            )
        }
        TargetValue::Value(target) => {
            let ready_known = || Ok::<_, Infallible>(ready);
            let Ok(proposal) = hpa::value(
                total,
                in_thousandths(target),
                tolerance,
                current,
                ready_known,
            );
            (proposal, ready)
        }
    };
    Reckoned {
        ratio: proposal.ratio,
        counted,
        replicas: proposal.replicas,
        within: proposal.stays,
    }
}

impl Aim {
    fn tolerance(&self) -> Tolerance {
        Tolerance {
            up: self.tolerance_up,
            down: self.tolerance_down,
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
            ready: Replicas(ready),
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
            let got = wish(&aim(target, tolerance), total(load), counts(current, ready));
            assert_eq!(got.replicas, Replicas(want), "{name}: {:?}", got.reason);
        }
        let nobody = exact(&aim(Value(30.0), tenth), total(61.0), counts(4, 0));
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
            let got = wish(&aim(target, 0.1), measured, counts(current, current));
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
            let got = wish(&aim(AverageValue(30.0), 0.05), total(load), counts(2, 2));
            assert_eq!(got.reason, want, "{name}");
        }
        let silent = Load {
            total: 45.0,
            replicas: 5,
            missing: 2,
        };
        let got = wish(&aim(AverageValue(10.0), 0.1), silent, counts(5, 5));
        assert_eq!(got.reason, RuleReason::MissingReplicas { missing: 2 });
    }
}
