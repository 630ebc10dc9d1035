//! The HPA's vectors of whole cycles: a policy and what was observed, through the evaluator and the planner.
//!
//! The policies have `trigger: Period`, so that the planner keeps the HPA's own lists and the edges of windows are the
//! HPA's. A cycle is the arrival of the policy, which ends a period at once.

use super::behavior::{Behavior, ScaleEvent};
use super::observation::{Metric, failed, listed, observed};
use super::past::{self, Past, Remembered, drifted, ended};
use super::pods::{Controller, NOW, Pod};
use super::stage::Stage;
use anyhow::{Context as _, Result, anyhow};
use headroom_model::{
    Replicas, Span, WorkloadId,
    body::{
        Decided, Decision, Direction, FleetState, HoldReason, Outcome, PolicyApplied,
        Recommendation, Recommended, StepTaken, Ticked, Unavailable,
    },
};
use headroom_policy::Policy;
use serde::Deserialize;
use serde_json::{Value, json};

/// Longer than any period: the end of the next one.
const NEXT: Span = Span::seconds(15);

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

impl Cycle {
    /// The first cycle of an autoscaler that has this metric alone.
    pub(super) fn of_one(
        metric: Metric,
        pods: Vec<Pod>,
        controller: Controller,
        current: u32,
    ) -> Self {
        Self {
            controller,
            min_replicas: 0,
            max_replicas: i32::MAX.unsigned_abs(),
            spec_replicas: current,
            status_replicas: current,
            behavior: None,
            recommendations: None,
            pods,
            metrics: vec![metric],
            scale_up_events: Vec::new(),
            scale_down_events: Vec::new(),
            selector: None,
            faults: Vec::new(),
        }
    }

    /// What the evaluator says of the first metric.
    pub(super) fn said_of_first(&self) -> Result<Recommendation> {
        let stage = self.played()?;
        let said = stage.recommended.get(&Metric::rule(0));
        let said = said.context("the evaluator says nothing of the metric")?;
        Ok(said.recommendation.clone())
    }

    /// What comes of it, in the vectors' words.
    pub(super) fn reconciled(&self) -> Result<Value> {
        let mut stage = self.played()?;
        let (event, decided) = stage.decided.clone().context("nothing was decided")?;
        let rules: Vec<&Recommended> = match self.is_selected() && joined(&decided) {
            true => stage.recommended.values().collect(),
            false => Vec::new(),
        };
        let mut found = self.shown(&decided.decision, &rules);
        if let Decision::Scale { to, .. } = decided.decision
            && self.has("scale_update")
        {
            let error = "the scale cannot be written".to_owned();
            let outcome = Outcome::Failed {
                error,
                retry: false,
            };
            stage.happens(NOW, ended(&event, to, outcome));
            // What the planner starts from next is what is left.
            stage.happens(NOW.plus(NEXT), Ticked { number: 1 });
            let next = stage.decided.as_ref().map(|(_, next)| &next.decision);
            found["replicas"] = json!(next.and_then(start));
            (found["action"], found["error"]) = (json!("none"), json!("internal"));
        }
        Ok(found)
    }

    fn shown(&self, decision: &Decision, rules: &[&Recommended]) -> Value {
        let (replicas, action, held) = match decision {
            Decision::Scale { to, .. } => (*to, Direction::between(self.spec(), *to), None),
            Decision::Hold { at, reason } => (at.unwrap_or(self.spec()), None, Some(reason)),
        };
        let in_trouble = matches!(
            held,
            Some(
                HoldReason::RulesUnavailable { .. }
                    | HoldReason::NoRecommendation
                    | HoldReason::CurrentUnknown
            )
        );
        let failed = |rule: &&Recommended| error_of(rule) != "none";
        json!({
            "replicas": replicas.0,
            "action": word(action),
            "error": if in_trouble || rules.iter().any(failed) { "internal" } else { "none" },
            "metrics": rules.iter().map(|rule| self.suggested(rule)).collect::<Vec<_>>(),
            "utilization_percent": self.utilization(rules),
        })
    }

    /// The utilization of processor time that an HPA shows: that of the first metric which has one.
    fn utilization(&self, rules: &[&Recommended]) -> Option<i64> {
        let mut shown = self.metrics.iter().zip(rules).filter(|(metric, rule)| {
            metric.is_cpu_utilization()
                && matches!(rule.recommendation, Recommendation::Desired { .. })
        });
        let (_, rule) = shown.next()?;
        rule.inputs.first().map(|input| input.value as i64)
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

    /// Whether it can be told whose the pods are.
    fn is_selected(&self) -> bool {
        self.selector.as_deref().is_none_or(|it| it == "ok")
    }

    /// The machines after the cycle.
    fn played(&self) -> Result<Stage> {
        let mut stage = Stage::of(WorkloadId::new("vectors", "web")?);
        if !self.has("scale_get") {
            let past = Past {
                current: self.spec(),
                rules: self.metrics.len(),
                recommendations: self.recommendations.as_deref(),
                ups: &self.scale_up_events,
                downs: &self.scale_down_events,
            };
            past.happen(&mut stage, &self.policy_of_the_past()?.policy);
            stage.happens(NOW, drifted(self.spec()));
        }
        let (rules, pace) = (self.rules()?, self.pace()?);
        stage.obeys(NOW, rules.clone(), pace.clone());
        // As in the HPA, a count outside the bounds is the end of the cycle.
        let decided = stage.decided.as_ref().map(|(_, decided)| &decided.decision);
        if !matches!(decided, Some(Decision::Scale { .. })) {
            self.observe(&mut stage);
            stage.obeys(NOW, rules, pace);
        }
        Ok(stage)
    }

    /// The readings of the cycle, each from a source of its own.
    fn observe(&self, stage: &mut Stage) {
        if !self.is_selected() {
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

    /// The policy as the planner has it.
    fn pace(&self) -> Result<PolicyApplied> {
        let behavior = self.behavior.as_ref().map(Behavior::written);
        self.policy((self.min_replicas, self.max_replicas), behavior.as_ref())
    }

    /// The policy as the evaluator has it: with the tolerance of each direction. Where a vector has two and no behavior they
    /// are in one all the same, which the evaluator does not look at otherwise.
    fn rules(&self) -> Result<PolicyApplied> {
        let behavior = self.behavior.as_ref().map(Behavior::written);
        let two = self.controller.one_tolerance().is_none();
        let mut behavior = behavior.or(two.then(|| json!({})));
        if let Some(behavior) = &mut behavior {
            let (up, down) = self.controller.tolerances();
            for (direction, tolerance) in [("scaleUp", up), ("scaleDown", down)] {
                behavior[direction]["tolerance"] = json!(tolerance);
            }
        }
        self.policy((self.min_replicas, self.max_replicas), behavior.as_ref())
    }

    fn policy_of_the_past(&self) -> Result<PolicyApplied> {
        let any = (0, i32::MAX.unsigned_abs());
        self.policy(any, Some(&past::behavior()))
    }

    fn policy(&self, bounds: (u32, u32), behavior: Option<&Value>) -> Result<PolicyApplied> {
        let metrics = self.metrics.iter().enumerate();
        let metrics = metrics.map(|(index, metric)| metric.written(index, &self.controller));
        let mut evaluation = self.controller.evaluation();
        evaluation["trigger"] = json!("Period");
        let policy = json!({
            "apiVersion": "headroom.dev/v1alpha1",
            "kind": "ScalingPolicy",
            "metadata": { "namespace": "vectors", "name": "web" },
            "spec": {
                "scaleTargetRef": { "apiVersion": "apps/v1", "kind": "Deployment", "name": "web" },
                "minReplicas": bounds.0,
                "maxReplicas": bounds.1,
                "metrics": metrics.collect::<Vec<_>>(),
                "behavior": behavior,
                "evaluation": evaluation,
            },
        });
        Policy::from_value(&policy).map_err(|errors| anyhow!("no policy can say it: {errors}"))?;
        let owner = "vectors".to_owned();
        Ok(PolicyApplied { policy, owner })
    }
}

/// The count that a decision starts from.
fn start(decision: &Decision) -> Option<Replicas> {
    match decision {
        Decision::Scale { from, .. } => Some(*from),
        Decision::Hold { at, .. } => *at,
    }
}

/// Whether the rules were asked.
fn joined(decided: &Decided) -> bool {
    let joins = |step: &StepTaken| matches!(step, StepTaken::Joined { .. });
    decided.trail.iter().any(|step| joins(&step.step))
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
