//! Step 1: the rules' wishes become one number, the largest.

use crate::step::Step;
use headroom_model::{
    EventId, Replicas, Seq,
    body::{HoldReason, Recommendation, StepTaken, Wish},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a rule said last. It stands until the rule speaks again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spoken {
    /// What it said.
    pub opinion: Opinion,
    /// The `recommended` that said so.
    pub event: EventId,
    /// Where that event is in the log.
    pub seq: Seq,
}

/// What a rule makes of the load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opinion {
    /// It wants this many replicas.
    Wants(Replicas),
    /// It has nothing to say and stands in nobody's way.
    Indifferent,
    /// It cannot say.
    Unavailable,
}

impl From<&Recommendation> for Opinion {
    fn from(recommendation: &Recommendation) -> Self {
        match recommendation {
            Recommendation::Desired { replicas, .. } => Self::Wants(*replicas),
            Recommendation::NoOpinion { .. } => Self::Indifferent,
            Recommendation::Unavailable { .. } => Self::Unavailable,
        }
    }
}

/// What each rule of the policy said last; `None` for a rule that has not spoken yet. In the order of the rules' names.
pub type Opinions = BTreeMap<String, Option<Spoken>>;

/// What the rules want together.
#[derive(Clone, Debug, PartialEq)]
pub enum Join {
    /// One number.
    Number {
        /// The step that made it.
        step: Step,
        /// Whether the rules want it, so that the stabilization windows remember it. The number that unavailable rules hold
        /// the count at is nobody's wish: had it a place in the windows, a moment's gap would put off every scale-down by a
        /// whole window.
        wanted: bool,
    },
    /// No number: nobody has said anything, or nobody who wants something can say.
    Nothing {
        /// The step, which leaves the count as it is.
        step: Step,
        /// Which of the two.
        reason: HoldReason,
    },
}

/// The largest wish. While a rule is unavailable, or has not spoken yet, not below `current`: what is not known is not
/// taken for less. Rules without an opinion do not count; if no other rule has spoken, `current` is what is wanted.
#[must_use]
pub fn join(opinions: &Opinions, current: Replicas) -> Join {
    let mut largest: Option<(&String, Replicas)> = None;
    let mut unavailable = Vec::new();
    let (mut spoke, mut indifferent) = (false, false);
    for (rule, spoken) in opinions {
        spoke |= spoken.is_some();
        match spoken.as_ref().map(|spoken| spoken.opinion) {
            Some(Opinion::Wants(wish)) if largest.is_none_or(|(_, largest)| wish > largest) => {
                largest = Some((rule, wish));
            }
            Some(Opinion::Wants(_)) => {}
            Some(Opinion::Indifferent) => indifferent = true,
            Some(Opinion::Unavailable) | None => unavailable.push(rule.clone()),
        }
    }
    let blind = !unavailable.is_empty();
    let reason = if spoke {
        HoldReason::RulesUnavailable {
            rules: unavailable.clone(),
        }
    } else {
        HoldReason::NoRecommendation
    };
    match largest {
        Some((_, wish)) if blind && wish < current => Join::Number {
            step: Step {
                hold: Some(reason),
                ..Step::new(current, current, joined(None, unavailable), None)
            },
            wanted: false,
        },
        Some((rule, wish)) => Join::Number {
            step: Step::new(current, wish, joined(Some(rule), unavailable), None),
            wanted: true,
        },
        None if indifferent && !blind => Join::Number {
            step: Step::new(current, current, joined(None, unavailable), None),
            wanted: true,
        },
        None => Join::Nothing {
            step: Step::new(current, current, joined(None, unavailable), None),
            reason,
        },
    }
}

fn joined(winner: Option<&String>, unavailable: Vec<String>) -> StepTaken {
    StepTaken::Joined {
        winner: winner.cloned(),
        unavailable,
    }
}

/// What each rule wanted, for the record. Rules that have not spoken yet have no event to name and are left out.
#[must_use]
pub fn wishes(opinions: &Opinions) -> Vec<Wish> {
    opinions
        .iter()
        .filter_map(|(rule, spoken)| {
            let spoken = spoken.as_ref()?;
            Some(Wish {
                rule: rule.clone(),
                replicas: match spoken.opinion {
                    Opinion::Wants(replicas) => Some(replicas),
                    Opinion::Indifferent | Opinion::Unavailable => None,
                },
                event: spoken.event,
                seq: spoken.seq,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CURRENT: Replicas = Replicas(5);

    fn wants(replicas: u32) -> Option<Opinion> {
        Some(Opinion::Wants(Replicas(replicas)))
    }

    fn opinions(of: &[Option<Opinion>]) -> Opinions {
        of.iter()
            .zip('a'..)
            .map(|(opinion, rule)| {
                let spoken = opinion.map(|opinion| Spoken {
                    opinion,
                    event: EventId::named(&rule.to_string()),
                    seq: Seq(1),
                });
                (rule.to_string(), spoken)
            })
            .collect()
    }

    #[test]
    fn the_largest_wish_wins_and_what_is_not_known_is_not_taken_for_less() {
        let silent = None;
        let indifferent = Some(Opinion::Indifferent);
        let unavailable = Some(Opinion::Unavailable);
        let number =
            |to, winner: Option<&str>, wanted| (Some(to), winner.map(str::to_owned), wanted, None);
        let unavailable_rules = |rules: &[&str]| HoldReason::RulesUnavailable {
            rules: rules.iter().map(|&rule| rule.to_owned()).collect(),
        };
        let nothing = |reason| (None, None, false, Some(reason));
        let cases = [
            (
                "the largest of several wishes",
                vec![wants(3), wants(8), wants(2)],
                number(8, Some("b"), true),
            ),
            (
                "of equal wishes the first by name",
                vec![wants(8), wants(8)],
                number(8, Some("a"), true),
            ),
            (
                "fewer when all want fewer",
                vec![wants(3), wants(2)],
                number(3, Some("a"), true),
            ),
            (
                "an unavailable rule keeps the count from falling",
                vec![wants(3), unavailable],
                (Some(5), None, false, Some(unavailable_rules(&["b"]))),
            ),
            (
                "a silent rule keeps the count from falling",
                vec![wants(3), silent],
                (Some(5), None, false, Some(unavailable_rules(&["b"]))),
            ),
            (
                "an unavailable rule does not keep it from growing",
                vec![wants(8), unavailable],
                number(8, Some("a"), true),
            ),
            (
                "an unavailable rule changes nothing where nothing changes",
                vec![wants(5), unavailable],
                number(5, Some("a"), true),
            ),
            (
                "a rule without an opinion does not count",
                vec![wants(3), indifferent],
                number(3, Some("a"), true),
            ),
            (
                "only rules without an opinion want what there is",
                vec![indifferent, indifferent],
                number(5, None, true),
            ),
            (
                "no opinion beside an unavailable rule is no number",
                vec![indifferent, unavailable],
                nothing(unavailable_rules(&["b"])),
            ),
            (
                "no rule can say",
                vec![unavailable, unavailable],
                nothing(unavailable_rules(&["a", "b"])),
            ),
            (
                "no rule has spoken",
                vec![silent, silent],
                nothing(HoldReason::NoRecommendation),
            ),
            (
                "there is no rule",
                vec![],
                nothing(HoldReason::NoRecommendation),
            ),
        ];
        for (name, of, want) in cases {
            let got = match join(&opinions(&of), CURRENT) {
                Join::Number { step, wanted } => {
                    let StepTaken::Joined { winner, .. } = &step.trail.step else {
                        panic!("{name}: {step:?}");
                    };
                    (Some(step.after().0), winner.clone(), wanted, step.hold)
                }
                Join::Nothing { step, reason } => {
                    assert!(!step.changed(), "{name}");
                    (None, None, false, Some(reason))
                }
            };
            assert_eq!(got, want, "{name}");
        }
    }

    #[test]
    fn every_rule_that_has_spoken_is_in_the_record() {
        let of = [
            wants(3),
            None,
            Some(Opinion::Indifferent),
            Some(Opinion::Unavailable),
        ];
        let got: Vec<_> = wishes(&opinions(&of))
            .into_iter()
            .map(|wish| (wish.rule, wish.replicas))
            .collect();
        let want = [("a", Some(Replicas(3))), ("c", None), ("d", None)];
        assert_eq!(got, want.map(|(rule, wish)| (rule.to_owned(), wish)));
    }
}
