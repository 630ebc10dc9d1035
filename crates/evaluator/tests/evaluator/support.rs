//! A desk that feeds an evaluator, and short words for what goes in and what comes out.

use headroom_evaluator::Evaluator;
use headroom_model::{
    Body, Event, EventId, Generation, Machine, Output, Producer, Replicas, Seq, Service, Span,
    Timestamp, WorkloadId,
    body::{
        Actuated, CollectionFailed, CollectionFailure, Drifted, Measured, Observed, Outcome, Part,
        PolicyApplied, Reading, Recommendation, Recommended, Ticked, Verified,
    },
};
use headroom_policy::{Change, Crossed, MetricSource, Policy, Rule, Scope, Strategy, TargetValue};
use serde_json::{Value, json};

/// The freshness limit of every rule here.
pub(crate) const FRESHNESS: Span = Span::seconds(30);

/// An evaluator at work, live: it is told its own answers at once.
#[derive(Clone, Default)]
pub(crate) struct Desk {
    pub(crate) evaluator: Evaluator,
    now: i64,
    seq: u64,
}

impl Desk {
    /// A desk at second 0 with these rules in force, and so many replicas found.
    pub(crate) fn with(rules: impl AsRef<[Rule]>, current: u32) -> Self {
        let mut desk = Self::default();
        desk.tell(0.0, applied(rules.as_ref()));
        desk.tell(0.0, drifted(current));
        desk
    }

    /// Feeds what happened to the workload `shop/checkout` at a second of the log, and says what followed.
    pub(crate) fn tell(&mut self, second: f64, body: Body) -> String {
        let recommended = self.answers(second, &checkout(), body);
        let told: Vec<_> = recommended.iter().map(|(_, said)| told(said)).collect();
        told.join(", ")
    }

    /// Feeds what happened to a workload, and gives the recommendations that followed.
    pub(crate) fn answers(
        &mut self,
        second: f64,
        subject: &WorkloadId,
        body: Body,
    ) -> Vec<(WorkloadId, Recommended)> {
        self.now = (second * 1000.0) as i64;
        self.seq += 1;
        let input = event(self.seq, self.now, subject, body);
        let outputs = self.take(&input);
        outputs
            .into_iter()
            .map(|output| match output.body {
                Body::Recommended(recommended) => (output.subject, recommended),
                other => panic!("an evaluator says nothing but recommendations: {other:?}"),
            })
            .collect()
    }

    /// Applies an input, decides, and applies the answers as the shell does.
    pub(crate) fn take(&mut self, input: &Event) -> Vec<Output> {
        self.evaluator.apply(input);
        let outputs = self.evaluator.decide(input);
        let again = self.evaluator.decide(input);
        assert_eq!(
            format!("{outputs:?}"),
            format!("{again:?}"),
            "deciding changes nothing"
        );
        for output in &outputs {
            let stamp = input.envelope.stamp.0;
            self.evaluator
                .apply(&event(0, stamp, &output.subject, output.body.clone()));
        }
        outputs
    }
}

/// A scenario: at a second, something happens, and this is said.
pub(crate) type Step = (&'static str, f64, Body, &'static str);

/// Plays a scenario and compares each answer.
pub(crate) fn play(desk: &mut Desk, scenario: impl IntoIterator<Item = Step>) {
    for (name, second, body, want) in scenario {
        assert_eq!(desk.tell(second, body), want, "{name} (second {second})");
    }
}

/// A recommendation in a few words: `rps 4 Proportional`.
pub(crate) fn told(recommended: &Recommended) -> String {
    let variant = |reason: String| {
        let end = reason.find([' ', '{', '(']).unwrap_or(reason.len());
        reason[..end].to_owned()
    };
    let rule = &recommended.rule;
    match &recommended.recommendation {
        Recommendation::Desired { replicas, reason } => {
            format!("{rule} {replicas} {}", variant(format!("{reason:?}")))
        }
        Recommendation::NoOpinion { reason } => {
            format!("{rule} no opinion {}", variant(format!("{reason:?}")))
        }
        Recommendation::Unavailable { cause } => {
            format!("{rule} unavailable {}", variant(format!("{cause:?}")))
        }
    }
}

pub(crate) fn event(seq: u64, stamp: i64, subject: &WorkloadId, body: Body) -> Event {
    let producer = Producer {
        service: Service::Collector,
        instance: "test".into(),
        behaviour: 0,
    };
    let id = EventId::named(&format!("event {seq}"));
    let mut event = Event::fact(id, subject.clone(), Timestamp(stamp), producer, body);
    (event.envelope.seq, event.envelope.stamp) = (Seq(seq), Timestamp(stamp));
    event
}

pub(crate) fn checkout() -> WorkloadId {
    WorkloadId::new("shop", "checkout").unwrap()
}

/// A rule named `name` that reads a metric of the same name.
pub(crate) fn rule(name: &str, strategy: Strategy) -> Rule {
    Rule {
        name: name.into(),
        metric: MetricSource {
            metric: name.into(),
            scope: Scope::External,
            source: "prometheus".into(),
            query: None,
            interval: Span::seconds(10),
            freshness: FRESHNESS,
        },
        strategy,
    }
}

/// `rps`: ten requests per second each.
pub(crate) fn rps() -> Rule {
    let strategy = Strategy::Proportional {
        target: TargetValue::AverageValue(10.0),
        tolerance_up: 0.1,
        tolerance_down: 0.1,
    };
    rule("rps", strategy)
}

/// A threshold rule on a metric of the same name.
pub(crate) fn step(name: &str, crossed: Crossed, seconds: u64, change: Change) -> Rule {
    let strategy = Strategy::Threshold {
        crossed,
        hold_for: Span::seconds(seconds),
        change,
    };
    rule(name, strategy)
}

/// A policy with these rules and no cooldown.
pub(crate) fn applied(rules: &[Rule]) -> Body {
    applied_with(rules, Span::ZERO)
}

/// A policy with these rules and a cooldown upwards.
pub(crate) fn applied_with(rules: &[Rule], cooldown_up: Span) -> Body {
    let of = |wanted| {
        let spec = rules.iter().map(described);
        spec.filter(move |(list, _)| *list == wanted)
            .map(|(_, rule)| rule)
            .collect::<Vec<_>>()
    };
    let policy = json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": { "namespace": "shop", "name": "checkout" },
        "spec": {
            "scaleTargetRef": { "kind": "Process", "name": "checkout" },
            "maxReplicas": 100,
            "metrics": of("metrics"),
            "thresholds": of("thresholds"),
            "cooldown": { "scaleUp": cooldown_up.to_string() },
        },
    });
    let read = Policy::from_value(&policy).expect("the tests write good policies");
    assert_eq!(
        read.rules, rules,
        "metrics before thresholds, and nothing lost"
    );
    let owner = "test".into();
    Body::from(PolicyApplied { policy, owner })
}

/// A policy with these rules that is looked at in fixed periods, as an HPA.
pub(crate) fn applied_in_periods(rules: &[Rule]) -> Body {
    let Body::PolicyApplied(mut applied) = applied(rules) else {
        panic!("a policy is applied")
    };
    applied.policy["spec"]["evaluation"] = json!({ "trigger": "Period" });
    Body::PolicyApplied(applied)
}

/// A rule as a policy file has it, and the list it belongs to.
fn described(rule: &Rule) -> (&'static str, Value) {
    let from = json!({
        "source": rule.metric.source,
        "interval": rule.metric.interval.to_string(),
        "freshness": rule.metric.freshness.to_string(),
    });
    let metric = |target: Value| {
        let resource = &rule.metric.metric;
        let identified = json!({ "metric": { "name": resource }, "target": target });
        let (metric_type, field, described) = match &rule.metric.scope {
            Scope::External => ("External", "external", identified),
            Scope::Pods => ("Pods", "pods", identified),
            Scope::Resource => (
                "Resource",
                "resource",
                json!({ "name": resource, "target": target }),
            ),
            Scope::Container(container) => (
                "ContainerResource",
                "containerResource",
                json!({ "name": resource, "container": container, "target": target }),
            ),
            Scope::Object => panic!("no test has rules of objects"),
        };
        let metric =
            json!({ "name": rule.name, "type": metric_type, field: described, "from": from });
        ("metrics", metric)
    };
    match &rule.strategy {
        Strategy::Proportional { target, .. } => metric(match target {
            TargetValue::AverageValue(value) => json!({ "averageValue": value }),
            TargetValue::Value(value) => json!({ "value": value }),
        }),
        Strategy::Utilization { percent, .. } => metric(json!({ "averageUtilization": percent })),
        Strategy::Unknown { .. } => panic!("no test writes a policy of another build"),
        Strategy::Threshold {
            crossed,
            hold_for,
            change,
        } => {
            let mut threshold = json!({
                "name": rule.name,
                "metric": rule.metric.metric,
                "from": from,
                "for": hold_for.to_string(),
                "change": match change {
                    Change::By(add) => json!({ "add": add }),
                    Change::ByPercent(percent) => json!({ "percent": percent }),
                    Change::To(to) => json!({ "to": to }),
                },
            });
            let (side, limit) = match crossed {
                Crossed::Above(limit) => ("above", limit),
                Crossed::Below(limit) => ("below", limit),
            };
            threshold[side] = json!(limit);
            ("thresholds", threshold)
        }
    }
}

/// A reading of a metric, taken at a second.
pub(crate) fn measured(metric: &str, second: f64, measured: Measured) -> Body {
    let at = Timestamp((second * 1000.0) as i64);
    Body::from(Observed {
        source: "prometheus".into(),
        due: at,
        readings: vec![Reading {
            metric: metric.into(),
            at,
            measured,
        }],
        fleet: None,
        part: Part::default(),
    })
}

pub(crate) fn total(metric: &str, second: f64, value: f64) -> Body {
    measured(metric, second, Measured::Total(value))
}

pub(crate) fn per_replica(metric: &str, second: f64, values: &[f64]) -> Body {
    let reading = Measured::PerReplica {
        replicas: (0..values.len())
            .map(|number| format!("r{number}"))
            .collect(),
        values: values.to_vec(),
    };
    measured(metric, second, reading)
}

pub(crate) fn failed(metric: &str, second: f64) -> Body {
    Body::from(CollectionFailed {
        source: "prometheus".into(),
        metrics: vec![metric.into()],
        due: Timestamp((second * 1000.0) as i64),
        failure: CollectionFailure::TimedOut { after_ms: 1000 },
    })
}

pub(crate) fn ticked() -> Body {
    Body::from(Ticked { number: 1 })
}

pub(crate) fn drifted(replicas: u32) -> Body {
    Body::from(Drifted {
        expected: None,
        replicas: Replicas(replicas),
        ready: None,
    })
}

pub(crate) fn actuated(generation: u64, to: u32, outcome: Outcome) -> Body {
    Body::from(Actuated {
        decision: EventId::named("decision"),
        generation: Generation(generation),
        attempt: 1,
        to: Replicas(to),
        outcome,
    })
}

pub(crate) fn verified(generation: u64, replicas: u32, ready: u32) -> Body {
    Body::from(Verified {
        decision: EventId::named("decision"),
        generation: Generation(generation),
        replicas: Replicas(replicas),
        ready: Replicas(ready),
        took: Span::seconds(5),
    })
}
