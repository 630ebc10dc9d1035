//! What a policy means where the file is silent, and what an HPA means here.

mod metrics;

use headroom_model::{Replicas, Span, body::Mode};
use headroom_policy::{
    Change, Cooldown, Crossed, Document, Evaluation, Pace, Policy, RateAmount, RatePolicy, Scaling,
    Scope, Select, Strategy, TargetValue, Trigger, parse_files,
};

/// A policy with `more` under its `spec`.
fn policy(more: &str) -> Policy {
    let text = format!(
        "\
apiVersion: headroom.dev/v1alpha1
kind: ScalingPolicy
metadata: {{name: web}}
spec:
  scaleTargetRef: {{kind: Process, name: web}}
  maxReplicas: 10
{more}"
    );
    one(&text).policy
}

fn one(text: &str) -> Document {
    let mut documents = parse_files(&[("web.yaml", text)]).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(documents.len(), 1, "{text}");
    documents.remove(0)
}

const METRIC: &str =
    "  metrics: [{type: External, external: {metric: {name: load}, target: {averageValue: 30}}}]\n";

fn rate(amount: RateAmount, seconds: u64) -> RatePolicy {
    let period = Span::seconds(seconds);
    RatePolicy { amount, period }
}

fn scaling(window: u64, select: Select, policies: &[RatePolicy]) -> Scaling {
    Scaling {
        stabilization_window: Span::seconds(window),
        select,
        policies: policies.to_vec(),
    }
}

#[test]
fn every_default_is_written_out() {
    let policy = policy(METRIC);
    assert_eq!(policy.workload.to_string(), "default/web");
    assert_eq!(
        (policy.min_replicas, policy.max_replicas),
        (Replicas(1), Replicas(10))
    );
    assert_eq!(policy.mode, Mode::Active);
    assert_eq!(policy.cooldown, Cooldown::default());
    let evaluation = Evaluation {
        period: Span::seconds(15),
        trigger: Trigger::OnArrival,
        cpu_initialization_period: Span::seconds(300),
        initial_readiness_delay: Span::seconds(30),
    };
    assert_eq!(policy.evaluation, evaluation);
    assert_eq!(policy.justification, None);
    assert_eq!(policy.target.api_version, None);
    let [rule] = policy.rules.as_slice() else {
        panic!("{:?}", policy.rules)
    };
    assert_eq!(rule.name, "load");
    assert_eq!(
        (rule.metric.source.as_str(), rule.metric.query.as_deref()),
        ("push", None)
    );
    assert_eq!(rule.metric.interval, Span::seconds(15));
    assert_eq!(rule.metric.freshness, Span::seconds(45));
    let tenth = Strategy::Proportional {
        target: TargetValue::AverageValue(30.0),
        tolerance_up: 0.1,
        tolerance_down: 0.1,
    };
    assert_eq!(rule.strategy, tenth);
}

#[test]
fn behavior_that_is_given_partly_takes_the_rest_from_autoscaling_v2() {
    let (pods, percent) = (RateAmount::Pods, RateAmount::Percent);
    let up = [rate(pods(4), 15), rate(percent(100), 15)];
    let down = [rate(percent(100), 15)];
    let cases = [
        // name, behavior, scale up, scale down
        (
            "nothing",
            "{}",
            scaling(0, Select::Max, &up),
            scaling(300, Select::Max, &down),
        ),
        (
            "empty directions",
            "{scaleUp: {}, scaleDown: {}}",
            scaling(0, Select::Max, &up),
            scaling(300, Select::Max, &down),
        ),
        (
            "empty lists",
            "{scaleUp: {policies: []}, scaleDown: {policies: []}}",
            scaling(0, Select::Max, &up),
            scaling(300, Select::Max, &down),
        ),
        (
            "nulls",
            "{scaleUp: {policies: , selectPolicy: }, scaleDown: }",
            scaling(0, Select::Max, &up),
            scaling(300, Select::Max, &down),
        ),
        (
            "windows only",
            "{scaleUp: {stabilizationWindowSeconds: 3600}, scaleDown: {stabilizationWindowSeconds: 0}}",
            scaling(3600, Select::Max, &up),
            scaling(0, Select::Max, &down),
        ),
        (
            "selects only",
            "{scaleUp: {selectPolicy: Min}, scaleDown: {selectPolicy: Disabled}}",
            scaling(0, Select::Min, &up),
            scaling(300, Select::Disabled, &down),
        ),
        (
            "policies up only",
            "{scaleUp: {policies: [{type: Percent, value: 7, periodSeconds: 10}]}}",
            scaling(0, Select::Max, &[rate(percent(7), 10)]),
            scaling(300, Select::Max, &down),
        ),
        (
            "policies down only",
            "{scaleDown: {policies: [{type: Pods, value: 2147483647, periodSeconds: 1800}]}}",
            scaling(0, Select::Max, &up),
            scaling(
                300,
                Select::Max,
                &[rate(pods(i32::MAX.unsigned_abs()), 1800)],
            ),
        ),
    ];
    for (name, behavior, up, down) in cases {
        let policy = policy(&format!("{METRIC}  behavior: {behavior}\n"));
        assert_eq!(policy.scale_up, up, "{name}: up");
        assert_eq!(policy.scale_down, down, "{name}: down");
        assert_eq!(policy.pace, Pace::Behavior, "{name}");
    }
}

#[test]
fn without_behavior_the_brake_and_the_window_of_evaluation_hold() {
    let brake = |factor, at_least, seconds| {
        scaling(
            0,
            Select::Max,
            &[rate(RateAmount::Times { factor, at_least }, seconds)],
        )
    };
    let cases = [
        // name, evaluation, scale up, window down
        ("nothing", "", brake(2.0, 4, 15), 300),
        ("empty", "{}", brake(2.0, 4, 15), 300),
        (
            "an empty limit",
            "{scaleUpLimit: {}}",
            brake(2.0, 4, 15),
            300,
        ),
        (
            "a factor only",
            "{scaleUpLimit: {factor: 1500m}}",
            brake(1.5, 4, 15),
            300,
        ),
        (
            "a minimum only",
            "{scaleUpLimit: {minimum: 1}}",
            brake(2.0, 1, 15),
            300,
        ),
        (
            "everything",
            "{period: 30m, downscaleStabilization: 0s, scaleUpLimit: {factor: 8, minimum: 10}}",
            brake(8.0, 10, 1800),
            0,
        ),
    ];
    for (name, evaluation, up, window) in cases {
        for behavior in ["", "  behavior:\n"] {
            let policy = policy(&format!("{METRIC}{behavior}  evaluation: {evaluation}\n"));
            assert_eq!(policy.scale_up, up, "{name}: up");
            let down = scaling(window, Select::Max, &[]);
            assert_eq!(policy.scale_down, down, "{name}: down");
            assert_eq!(policy.pace, Pace::Plain, "{name}");
        }
    }
}

#[test]
fn the_window_of_evaluation_holds_where_behavior_gives_none() {
    let cases = [
        ("{}", 120),
        ("{scaleDown: {}}", 120),
        ("{scaleDown: {stabilizationWindowSeconds: 60}}", 60),
    ];
    for (behavior, window) in cases {
        let policy = policy(&format!(
            "{METRIC}  behavior: {behavior}\n  evaluation: {{downscaleStabilization: 2m, period: 1m}}\n"
        ));
        assert_eq!(
            policy.scale_down.stabilization_window,
            Span::seconds(window),
            "{behavior}"
        );
        let fifteen = Span::seconds(15);
        let rates = [&policy.scale_up, &policy.scale_down].map(|scaling| &scaling.policies);
        assert!(
            rates
                .into_iter()
                .flatten()
                .all(|rate| rate.period == fifteen),
            "the rates of autoscaling/v2 do not follow the period"
        );
    }
}

#[test]
fn evaluation_says_when_and_how_it_is_looked_at() {
    let policy = policy(&format!(
        "{METRIC}  evaluation: {{period: 1s, trigger: Period, cpuInitializationPeriod: 1h, initialReadinessDelay: 0s}}\n"
    ));
    let want = Evaluation {
        period: Span::seconds(1),
        trigger: Trigger::Period,
        cpu_initialization_period: Span::seconds(3600),
        initial_readiness_delay: Span::ZERO,
    };
    assert_eq!(policy.evaluation, want);
}

#[test]
fn the_nearest_tolerance_counts() {
    let behavior = "  behavior: {scaleUp: {tolerance: 50m}, scaleDown: {tolerance: 0}}\n";
    let own = METRIC.replace("[{type", "[{tolerance: 0.2, type");
    let cases = [
        ("none", METRIC.to_owned(), (0.1, 0.1)),
        (
            "of the direction",
            format!("{METRIC}{behavior}"),
            (0.05, 0.0),
        ),
        ("of the metric", format!("{own}{behavior}"), (0.2, 0.2)),
    ];
    for (name, more, want) in cases {
        let Strategy::Proportional {
            tolerance_up,
            tolerance_down,
            ..
        } = policy(&more).rules[0].strategy
        else {
            panic!("{name}")
        };
        assert_eq!((tolerance_up, tolerance_down), want, "{name}");
    }
}

#[test]
fn freshness_is_three_intervals_and_at_least_ten_seconds() {
    let cases = [
        ("interval: 100ms", 100, 10_000),
        ("interval: 3s", 3_000, 10_000),
        ("interval: 4s", 4_000, 12_000),
        ("interval: 1d", 86_400_000, 259_200_000),
        ("interval: 1m, freshness: 1m30s", 60_000, 90_000),
    ];
    for (from, interval, freshness) in cases {
        let own = METRIC.replace(
            "[{type",
            &format!("[{{from: {{source: push, {from}}}, type"),
        );
        let metric = &policy(&own).rules[0].metric;
        assert_eq!(
            (metric.interval, metric.freshness),
            (Span(interval), Span(freshness)),
            "{from}"
        );
    }
}

#[test]
fn thresholds_say_when_and_what() {
    let cases = [
        (
            "above: 2, change: {add: 1}",
            Crossed::Above(2.0),
            0,
            Change::By(1),
        ),
        (
            "below: -500m, for: 3m, change: {add: -2}",
            Crossed::Below(-0.5),
            180,
            Change::By(-2),
        ),
        (
            "above: 0.0005, for: 0s, change: {percent: 50}",
            Crossed::Above(0.0005),
            0,
            Change::ByPercent(50),
        ),
        (
            "below: 1Ki, for: 1d, change: {percent: -100}",
            Crossed::Below(1024.0),
            86_400,
            Change::ByPercent(-100),
        ),
        (
            "above: 1e3, change: {to: 10}",
            Crossed::Above(1000.0),
            0,
            Change::To(Replicas(10)),
        ),
    ];
    for (text, crossed, seconds, change) in cases {
        let policy = policy(&format!("  thresholds: [{{metric: age, {text}}}]\n"));
        let hold_for = Span::seconds(seconds);
        let want = Strategy::Threshold {
            crossed,
            hold_for,
            change,
        };
        assert_eq!(policy.rules[0].strategy, want, "{text}");
        assert_eq!(policy.rules[0].name, "age", "{text}");
    }
}

#[test]
fn a_threshold_reads_the_metric_where_metrics_reads_it() {
    let from = METRIC.replace(
        "[{type",
        "[{from: {source: prometheus, query: q, interval: 5s}, type",
    );
    let policy = policy(&format!(
        "{from}  thresholds: [{{metric: load, above: 9, change: {{add: 1}}}}, {{metric: other, above: 9, change: {{add: 1}}}}]\n"
    ));
    assert_eq!(policy.rules[0].metric, policy.rules[1].metric);
    assert_eq!(policy.rules[2].metric.source, "push");
}

#[test]
fn rules_without_names_are_named_after_their_metric() {
    let threshold = "{metric: load, above: 9, change: {add: 1}}";
    let named = "{name: load-2, metric: load, above: 9, change: {add: 1}}";
    let policy = policy(&format!(
        "{METRIC}  thresholds: [{threshold}, {named}, {threshold}]\n"
    ));
    let names: Vec<_> = policy.rules.iter().map(|rule| rule.name.as_str()).collect();
    assert_eq!(names, ["load", "load-3", "load-2", "load-4"]);
}

#[test]
fn no_rule_is_needed_where_nothing_can_change() {
    assert_eq!(policy("  minReplicas: 10\n").rules, []);
}

#[test]
fn an_hpa_as_a_cluster_prints_it_is_a_policy() {
    let text = "\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  annotations:
    note: \"1\"
  creationTimestamp: \"2026-01-02T03:04:05Z\"
  labels: {app: shop}
  managedFields: [{manager: kubectl, fieldsV1: {f:spec: {f:maxReplicas: {}}}}]
  name: orders
  namespace: shop
  resourceVersion: \"123\"
  uid: 8f7d3f6e-0000-4000-8000-000000000000
spec:
  behavior:
    scaleDown:
      stabilizationWindowSeconds: 120
  maxReplicas: 20
  metrics:
  - external:
      metric:
        name: orders_waiting
        selector:
          matchLabels:
            queue: main
      target:
        averageValue: \"30\"
        type: AverageValue
    type: External
  minReplicas: 2
  scaleTargetRef:
    apiVersion: apps/v1
    kind: Deployment
    name: orders
status:
  conditions: []
  currentMetrics: null
  desiredReplicas: 0
";
    let document = one(text);
    assert_eq!(document.line, 1);
    let policy = document.policy;
    assert_eq!(policy.workload.to_string(), "shop/orders");
    assert_eq!(policy.target_key().to_string(), "deployment shop/orders");
    assert_eq!(
        policy.rules[0].metric.metric,
        "orders_waiting{queue=\"main\"}"
    );
    assert_eq!(policy.scale_down.stabilization_window, Span::seconds(120));
}

#[test]
fn the_example_is_good() {
    let text = include_str!("../../../../deploy/policies/example.yaml");
    let document = one(text);
    assert_eq!(document.line, 2);
    assert_eq!(Policy::from_value(&document.value), Ok(document.policy));
}

#[test]
fn the_example_in_the_reference_is_the_example() {
    let reference = include_str!("../../../../docs/policy.md");
    let example = include_str!("../../../../deploy/policies/example.yaml");
    assert!(reference.contains(&format!("```yaml\n{example}```\n")));
}

#[test]
fn an_hpa_without_metrics_has_that_of_a_cluster() {
    let text = "\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: orders, namespace: shop}
spec:
  maxReplicas: 20
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: orders}
";
    let [rule] = one(text).policy.rules.try_into().unwrap();
    assert_eq!(
        (rule.metric.metric.as_str(), rule.metric.scope),
        ("cpu", Scope::Resource)
    );
    assert!(matches!(
        rule.strategy,
        Strategy::Utilization { percent: 80, .. }
    ));
}
