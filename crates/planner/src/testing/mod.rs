//! What the tests of this crate share: policies, and a stage on which a planner answers events.

mod stage;

pub(crate) use stage::{Stage, told};

use headroom_model::{
    Replicas, Span, WorkloadId,
    body::{Mode, TargetRef},
};
use headroom_policy::{
    Cooldown, Evaluation, MetricSource, Pace, Policy, RateAmount, RatePolicy, Rule, Scaling, Scope,
    Select, Strategy, TargetValue, Trigger,
};
use serde_json::{Value, json};

pub(crate) fn workload() -> WorkloadId {
    WorkloadId::new("shop", "web").expect("a good name")
}

/// Windows and rates of one direction; window and periods in seconds.
pub(crate) fn scaling(window: u64, select: Select, policies: &[(RateAmount, u64)]) -> Scaling {
    let policy = |&(amount, period)| RatePolicy {
        amount,
        period: Span::seconds(period),
    };
    Scaling {
        stabilization_window: Span::seconds(window),
        select,
        policies: policies.iter().map(policy).collect(),
    }
}

/// No window, and rates that allow everything.
pub(crate) fn free() -> Scaling {
    scaling(0, Select::Max, &[(RateAmount::Pods(1_000_000), 15)])
}

/// A policy without rules, windows, rates or cooldowns.
pub(crate) fn policy(minimum: u32, maximum: u32) -> Policy {
    Policy {
        workload: workload(),
        target: TargetRef {
            api_version: None,
            kind: "Command".to_owned(),
            name: "web".to_owned(),
        },
        min_replicas: Replicas(minimum),
        max_replicas: Replicas(maximum),
        mode: Mode::Active,
        rules: Vec::new(),
        evaluation: Evaluation {
            period: Span::seconds(15),
            trigger: Trigger::OnArrival,
            cpu_initialization_period: Span::seconds(300),
            initial_readiness_delay: Span::seconds(30),
        },
        pace: Pace::Behavior,
        scale_up: free(),
        scale_down: free(),
        cooldown: Cooldown::default(),
        justification: None,
    }
}

/// The same policy without `behavior`: a brake of twice the count and at least four, and no rate downwards. The windows
/// upwards are gone with it.
pub(crate) fn plain(mut policy: Policy) -> Policy {
    let brake = RateAmount::Times {
        factor: 2.0,
        at_least: 4,
    };
    let period = policy.evaluation.period.0 / 1000;
    policy.pace = Pace::Plain;
    policy.scale_up = scaling(0, Select::Max, &[(brake, period)]);
    policy.scale_down.select = Select::Max;
    policy.scale_down.policies = Vec::new();
    policy
}

/// The same policy with rules of these names.
pub(crate) fn with_rules(mut policy: Policy, names: &[&str]) -> Policy {
    let rule = |name: &&str| Rule {
        name: (*name).to_owned(),
        metric: MetricSource {
            metric: (*name).to_owned(),
            scope: Scope::External,
            source: "push".to_owned(),
            query: None,
            interval: Span::seconds(15),
            freshness: Span::seconds(45),
        },
        strategy: Strategy::Proportional {
            target: TargetValue::AverageValue(1.0),
            tolerance_up: 0.1,
            tolerance_down: 0.1,
        },
    };
    policy.rules = names.iter().map(rule).collect();
    policy
}

/// The policy as `policy_applied` carries it.
pub(crate) fn document(policy: &Policy) -> Value {
    let metric = |rule: &Rule| {
        json!({
            "name": rule.name,
            "type": "External",
            "external": {
                "metric": { "name": rule.metric.metric },
                "target": { "type": "AverageValue", "averageValue": "1" },
            },
            "from": { "source": rule.metric.source },
        })
    };
    json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": { "namespace": policy.workload.namespace(), "name": policy.workload.name() },
        "spec": {
            "scaleTargetRef": {
                "apiVersion": policy.target.api_version,
                "kind": policy.target.kind,
                "name": policy.target.name,
            },
            "minReplicas": policy.min_replicas,
            "maxReplicas": policy.max_replicas,
            "mode": policy.mode,
            "metrics": policy.rules.iter().map(metric).collect::<Vec<_>>(),
            "behavior": (policy.pace == Pace::Behavior).then(|| json!({
                "scaleUp": rules(&policy.scale_up),
                "scaleDown": rules(&policy.scale_down),
            })),
            "evaluation": evaluation(policy),
            "cooldown": {
                "scaleUp": policy.cooldown.up.to_string(),
                "scaleDown": policy.cooldown.down.to_string(),
            },
        },
    })
}

fn evaluation(policy: &Policy) -> Value {
    let limit = match policy.scale_up.policies.first().map(|rate| rate.amount) {
        Some(RateAmount::Times { factor, at_least }) => {
            json!({ "factor": factor, "minimum": at_least })
        }
        _ => Value::Null,
    };
    let trigger = match policy.evaluation.trigger {
        Trigger::OnArrival => "OnArrival",
        Trigger::Period => "Period",
    };
    json!({
        "period": policy.evaluation.period.to_string(),
        "trigger": trigger,
        "downscaleStabilization": policy.scale_down.stabilization_window.to_string(),
        "scaleUpLimit": limit,
    })
}

fn rules(scaling: &Scaling) -> Value {
    let rate = |rate: &RatePolicy| {
        let (kind, value) = match rate.amount {
            RateAmount::Pods(pods) => ("Pods", pods),
            RateAmount::Percent(percent) => ("Percent", percent),
            RateAmount::Times { .. } => panic!("behavior has no brake"),
        };
        json!({ "type": kind, "value": value, "periodSeconds": rate.period.0 / 1000 })
    };
    json!({
        "stabilizationWindowSeconds": scaling.stabilization_window.0 / 1000,
        "selectPolicy": format!("{:?}", scaling.select),
        "policies": scaling.policies.iter().map(rate).collect::<Vec<_>>(),
    })
}

#[test]
fn documents_say_what_the_policies_say() {
    let mut policy = with_rules(policy(1, 9), &["a", "b"]);
    policy.evaluation.trigger = Trigger::Period;
    for policy in [plain(policy.clone()), policy] {
        assert_eq!(Policy::from_value(&document(&policy)), Ok(policy));
    }
}
