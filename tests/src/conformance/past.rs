//! What the planner remembers when a cycle begins: it is played to it, as it would have happened.

use super::behavior::ScaleEvent;
use super::observation::Metric;
use super::pods::at;
use super::stage::Stage;
use headroom_model::{
    Event, Generation, Replicas, Seq, Timestamp,
    body::{
        Actuated, Decided, Decision, Drifted, Mode, Outcome, PolicyApplied, Recommendation,
        Recommended, RuleReason, Unavailable,
    },
};
use serde::Deserialize;
use serde_json::{Value, json};

/// Long before all that the vectors remember: the policy is in force since.
const BEGINNING: u64 = 1_000_000;

/// What was wanted at the end of a period.
#[derive(Debug, Deserialize)]
pub(super) struct Remembered {
    age_s: u64,
    replicas: u32,
}

/// All that is remembered.
pub(super) struct Past<'a> {
    /// The count that there is.
    pub(super) current: Replicas,
    /// How many rules there are.
    pub(super) rules: usize,
    /// `None` when the cycle is the first.
    pub(super) recommendations: Option<&'a [Remembered]>,
    /// Changes up.
    pub(super) ups: &'a [ScaleEvent],
    /// Changes down.
    pub(super) downs: &'a [ScaleEvent],
}

/// One thing that is remembered.
enum Fact {
    /// So many were wanted.
    Wished(Replicas),
    /// The count changed so.
    Scaled(Replicas, Replicas),
}

/// The longest windows and periods that autoscaling/v2 takes. Under them nothing of the past is forgotten, whatever the
/// vector's own policy would have forgotten: a vector says what was not.
pub(super) fn behavior() -> Value {
    let rules = json!({
        "stabilizationWindowSeconds": 3600,
        "policies": [{ "type": "Pods", "value": 1, "periodSeconds": 1800 }],
    });
    json!({ "scaleUp": rules, "scaleDown": rules })
}

impl Past<'_> {
    /// Plays it, under a policy with [`behavior`]. Only the planner sees it, and is not asked what it makes of it.
    pub(super) fn happen(&self, stage: &mut Stage, policy: &Value) {
        let beginning = at(BEGINNING);
        stage.remembers(beginning, applied(policy));
        let mut facts = self.changes();
        if let Some(remembered) = self.recommendations {
            // With the first period that ends, the list is there: what it begins with is too old to be seen.
            stage.remembers(beginning, drifted(self.current));
            stage.remembers(beginning, applied(policy));
            let wished = |it: &Remembered| (at(it.age_s), Fact::Wished(Replicas(it.replicas)));
            facts.extend(remembered.iter().map(wished));
        }
        facts.sort_by_key(|(at, _)| *at);
        for (at, fact) in facts {
            match fact {
                Fact::Wished(replicas) => {
                    self.all_say(stage, at, &wanted(replicas));
                    // A policy that arrives ends a period at once, also a second one at the same instant.
                    stage.remembers(at, applied(policy));
                    let cause = Unavailable::NoSample;
                    self.all_say(stage, at, &Recommendation::Unavailable { cause });
                }
                Fact::Scaled(from, to) => scale(stage, at, from, to),
            }
        }
    }

    fn changes(&self) -> Vec<(Timestamp, Fact)> {
        let change = |event: &ScaleEvent, up| {
            let (none, many) = (Replicas::ZERO, Replicas(event.change));
            let (from, to) = if up { (none, many) } else { (many, none) };
            (at(event.age_s), Fact::Scaled(from, to))
        };
        let ups = self.ups.iter().map(|event| change(event, true));
        let downs = self.downs.iter().map(|event| change(event, false));
        ups.chain(downs).collect()
    }

    /// Every rule says it: the planner takes the largest wish, and while one cannot say, none.
    fn all_say(&self, stage: &mut Stage, at: Timestamp, recommendation: &Recommendation) {
        for index in 0..self.rules {
            let said = Recommended {
                rule: Metric::rule(index),
                revision: Seq(1),
                recommendation: recommendation.clone(),
                inputs: Vec::new(),
            };
            stage.remembers(at, said);
        }
    }
}

fn wanted(replicas: Replicas) -> Recommendation {
    let reason = RuleReason::Proportional {
        ratio: 1.0,
        counted: replicas,
    };
    Recommendation::Desired { replicas, reason }
}

fn scale(stage: &mut Stage, at: Timestamp, from: Replicas, to: Replicas) {
    let decided = Decided {
        revision: Seq(1),
        mode: Mode::Active,
        decision: Decision::Scale { from, to },
        wishes: Vec::new(),
        trail: Vec::new(),
    };
    stage.remembers(at, drifted(from));
    let decision = stage.remembers(at, decided);
    stage.remembers(at, ended(&decision, to, Outcome::Applied));
}

/// How the attempt to carry out a decision ended.
pub(super) fn ended(decision: &Event, to: Replicas, outcome: Outcome) -> Actuated {
    Actuated {
        decision: decision.envelope.id,
        generation: Generation(decision.envelope.seq.0),
        attempt: 1,
        to,
        outcome,
    }
}

/// That the target has so many replicas.
pub(super) fn drifted(replicas: Replicas) -> Drifted {
    Drifted {
        expected: None,
        replicas,
        ready: None,
    }
}

fn applied(policy: &Value) -> PolicyApplied {
    PolicyApplied {
        policy: policy.clone(),
        owner: "vectors".to_owned(),
    }
}
