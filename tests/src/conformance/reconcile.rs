//! The HPA's vectors of whole cycles: a policy and what was observed, through the evaluator and the planner.

use super::behavior::{Behavior, ScaleEvent};
use super::observation::{Metric, failed, listed, observed};
use super::pods::{Controller, NOW, Pod, at};
use super::stage::Stage;
use anyhow::{Result, anyhow};
use headroom_model::{
    Event, Generation, Replicas, Seq, Span, Timestamp, WorkloadId,
    body::{
        Actuated, Decided, Decision, Direction, Drifted, FleetState, HoldReason, Mode, Outcome,
        PolicyApplied, Recommendation, Recommended, RuleReason, StepTaken, Unavailable,
    },
};
use headroom_policy::Policy;
use serde::Deserialize;
use serde_json::{Value, json};

/// Long before all that the vectors remember: the policy is in force since.
const BEGINNING: u64 = 1_000_000;

/// One cycle.
#[derive(Debug, Deserialize)]
pub(super) struct Cycle {
    #[serde(default)]
    controller: Controller,
    min_replicas: u32,
    max_replicas: u32,
    spec_replicas: u32,
    status_replicas: u32,
    behavior: Option<Behavior>,
    recommendations: Option<Vec<Remembered>>,
    #[serde(default)]
    pods: Vec<Pod>,
    metrics: Vec<Metric>,
    #[serde(default)]
    scale_up_events: Vec<ScaleEvent>,
    #[serde(default)]
    scale_down_events: Vec<ScaleEvent>,
    selector: Option<String>,
    #[serde(default)]
    faults: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Remembered {
    age_s: u64,
    replicas: u32,
}

impl Cycle {
    /// What comes of it, in the vectors' words.
    pub(super) fn reconciled(&self) -> Result<Value> {
        let mut stage = self.past()?;
        let before = stage.recommended.clone();
        if !self.has("scale_get") {
            stage.happens(NOW, drifted(self.spec_replicas));
        }
        // As in the HPA, a count outside the bounds is the end of the cycle.
        if scaled(&stage).is_none() {
            self.observe(&mut stage);
        }
        let chosen = stage.decided.clone();
        if let Some((event, decided)) = &chosen
            && self.has("scale_update")
            && let Decision::Scale { to, .. } = decided.decision
        {
            stage.happens(NOW, refused(event, to));
        }
        let heard = |rule: &String| before.get(rule) != stage.recommended.get(rule);
        let evaluated = chosen.as_ref().is_some_and(|(_, decided)| joined(decided));
        let rules: Vec<&Recommended> = (0..self.metrics.len())
            .map(Metric::rule)
            .filter(|rule| evaluated && (heard(rule) || is_unknown(&stage.recommended[rule])))
            .map(|rule| &stage.recommended[&rule])
            .collect();
        Ok(self.shown(&stage, &rules))
    }

    fn shown(&self, stage: &Stage, rules: &[&Recommended]) -> Value {
        let (replicas, action, held) = match stage.decided.as_ref().map(|(_, it)| &it.decision) {
            Some(Decision::Scale { to, .. }) => (*to, Direction::between(self.spec(), *to), None),
            Some(Decision::Hold { at, reason }) => (at.unwrap_or(self.spec()), None, Some(reason)),
            None => (self.spec(), None, None),
        };
        let in_trouble = matches!(
            held,
            Some(
                HoldReason::RulesUnavailable { .. }
                    | HoldReason::NoRecommendation
                    | HoldReason::CurrentUnknown
                    | HoldReason::BackingOff { .. }
            )
        );
        let failed = |rule: &&Recommended| error_of(rule) != "none";
        let utilization = rules.first().and_then(|rule| rule.inputs.first());
        json!({
            "replicas": replicas.0,
            "action": word(action),
            "error": if in_trouble || rules.iter().any(failed) { "internal" } else { "none" },
            "metrics": rules.iter().map(|rule| self.suggested(rule)).collect::<Vec<_>>(),
            "utilization_percent": utilization.map(|input| input.value as i64),
        })
    }

    fn suggested(&self, rule: &Recommended) -> Value {
        let action = match &rule.recommendation {
            Recommendation::Desired { replicas, .. } => Direction::between(self.spec(), *replicas),
            Recommendation::NoOpinion { .. } | Recommendation::Unavailable { .. } => None,
        };
        json!({ "action": word(action), "error": error_of(rule) })
    }

    fn spec(&self) -> Replicas {
        Replicas(self.spec_replicas)
    }

    fn has(&self, fault: &str) -> bool {
        self.faults.iter().any(|it| it == fault)
    }

    /// What was before the cycle: the policy, and what the planner remembers.
    fn past(&self) -> Result<Stage> {
        let workload = WorkloadId::new("vectors", "web")?;
        let mut stage = Stage::of(workload);
        let policy = self.policy()?;
        let beginning = at(BEGINNING);
        let owner = "vectors".to_owned();
        stage.happens(beginning, PolicyApplied { policy, owner });
        if self.recommendations.is_some() || self.changed() {
            stage.remembers(beginning, drifted(self.spec_replicas));
        }
        let mut past: Vec<(Timestamp, Past)> = Vec::new();
        if let Some(remembered) = &self.recommendations {
            past.push((beginning, Past::Wished(self.spec())));
            let wished = |it: &Remembered| (at(it.age_s), Past::Wished(Replicas(it.replicas)));
            past.extend(remembered.iter().map(wished));
        }
        let events = [
            (&self.scale_up_events, true),
            (&self.scale_down_events, false),
        ];
        for (events, up) in events {
            let scaled = |event: &ScaleEvent| (at(event.age_s), Past::Scaled(event.change, up));
            past.extend(events.iter().map(scaled));
        }
        past.sort_by_key(|(at, _)| *at);
        for (at, past) in past {
            past.happen(&mut stage, at);
        }
        Ok(stage)
    }

    fn changed(&self) -> bool {
        !self.scale_up_events.is_empty() || !self.scale_down_events.is_empty()
    }

    /// The readings of the cycle, each from a source of its own.
    fn observe(&self, stage: &mut Stage) {
        if self.selector.as_deref().is_some_and(|it| it != "ok") {
            // Whose the replicas are cannot be told, and so nothing is read of any.
            return;
        }
        let mut fleet: FleetState = listed(&self.pods, &self.controller, &self.metrics);
        fleet.counted = Some(Replicas(self.status_replicas));
        for (index, metric) in self.metrics.iter().enumerate() {
            if metric.fetch_error {
                stage.happens(NOW, failed(index, metric));
            } else if let Some(observed) = observed(index, metric, &self.pods, &fleet) {
                stage.happens(NOW, observed);
            }
        }
    }

    fn policy(&self) -> Result<Value> {
        let metrics = self.metrics.iter().enumerate();
        let metrics = metrics.map(|(index, metric)| metric.written(index, &self.controller));
        let mut spec = json!({
            "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
            "minReplicas": self.min_replicas,
            "maxReplicas": self.max_replicas,
            "metrics": metrics.collect::<Vec<_>>(),
            "evaluation": self.controller.evaluation(),
        });
        if let Some(behavior) = &self.behavior {
            spec["behavior"] = behavior.written();
            let (up, down) = self.controller.tolerances();
            for (direction, tolerance) in [("scaleUp", up), ("scaleDown", down)] {
                spec["behavior"][direction]["tolerance"] = json!(tolerance);
            }
        }
        let policy = json!({
            "apiVersion": "headroom.dev/v1alpha1",
            "kind": "ScalingPolicy",
            "metadata": { "namespace": "vectors", "name": "web" },
            "spec": spec,
        });
        Policy::from_value(&policy).map_err(|errors| anyhow!("{errors}"))?;
        Ok(policy)
    }
}

/// Something that the planner remembers.
enum Past {
    /// So many were wanted, for a moment.
    Wished(Replicas),
    /// The count changed by so many, up or down.
    Scaled(u32, bool),
}

impl Past {
    fn happen(self, stage: &mut Stage, at: Timestamp) {
        // What was a moment ago was before now.
        let at = at.min(NOW.minus(Span(2)));
        match self {
            Self::Wished(replicas) => {
                let reason = RuleReason::Proportional {
                    ratio: 1.0,
                    counted: replicas,
                };
                stage.remembers(at, said(Recommendation::Desired { replicas, reason }));
                let cause = Unavailable::Failed;
                stage.remembers(
                    at.plus(Span(1)),
                    said(Recommendation::Unavailable { cause }),
                );
            }
            Self::Scaled(by, up) => {
                let (from, to) = match up {
                    true => (Replicas(0), Replicas(by)),
                    false => (Replicas(by), Replicas(0)),
                };
                let decided = Decided {
                    revision: Seq(1),
                    mode: Mode::Active,
                    decision: Decision::Scale { from, to },
                    wishes: Vec::new(),
                    trail: Vec::new(),
                };
                stage.remembers(at, drifted(from.0));
                let decision = stage.remembers(at, decided).envelope;
                let actuated = Actuated {
                    decision: decision.id,
                    generation: Generation(decision.seq.0),
                    attempt: 1,
                    to,
                    outcome: Outcome::Applied,
                };
                stage.remembers(at, actuated);
            }
        }
    }
}

fn said(recommendation: Recommendation) -> Recommended {
    Recommended {
        rule: Metric::rule(0),
        revision: Seq(1),
        recommendation,
        inputs: Vec::new(),
    }
}

fn drifted(replicas: u32) -> Drifted {
    Drifted {
        expected: None,
        replicas: Replicas(replicas),
        ready: None,
    }
}

fn refused(decision: &Event, to: Replicas) -> Actuated {
    Actuated {
        decision: decision.envelope.id,
        generation: Generation(decision.envelope.seq.0),
        attempt: 1,
        to,
        outcome: Outcome::Failed {
            error: "the scale cannot be written".to_owned(),
            retry: false,
        },
    }
}

fn scaled(stage: &Stage) -> Option<()> {
    let (_, decided) = stage.decided.as_ref()?;
    matches!(decided.decision, Decision::Scale { .. }).then_some(())
}

/// Whether the rules were asked.
fn joined(decided: &Decided) -> bool {
    let joins = |step: &StepTaken| matches!(step, StepTaken::Joined { .. });
    decided.trail.iter().any(|step| joins(&step.step))
}

fn is_unknown(rule: &Recommended) -> bool {
    error_of(rule) == "spec"
}

/// The HPA's word for what is wrong with a metric.
fn error_of(rule: &Recommended) -> &'static str {
    match &rule.recommendation {
        Recommendation::Unavailable {
            cause: Unavailable::UnknownType,
        } => "spec",
        Recommendation::Unavailable { .. } => "internal",
        Recommendation::Desired { .. } | Recommendation::NoOpinion { .. } => "none",
    }
}

fn word(direction: Option<Direction>) -> &'static str {
    match direction {
        Some(Direction::Up) => "scale_up",
        Some(Direction::Down) => "scale_down",
        None => "none",
    }
}
