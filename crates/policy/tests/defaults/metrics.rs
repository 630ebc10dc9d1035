//! What the types of metrics become, also those of another build.

use crate::{METRIC, one, policy};
use headroom_policy::{Policy, Scope, Strategy, TargetValue};

#[test]
fn each_type_of_metric_is_a_number_of_something() {
    let read = policy(
        "  metrics:
    - {type: Resource, resource: {name: cpu, target: {averageUtilization: 80}}}
    - {type: ContainerResource, containerResource: {name: cpu, container: app, target: {averageValue: 500m}}}
    - {type: Pods, pods: {metric: {name: rps, selector: {matchLabels: {verb: GET}}}, target: {averageValue: 10}}}
    - {type: Object, object: {describedObject: {kind: Ingress, name: main}, metric: {name: rps}, target: {value: 100}}}
",
    );
    let found: Vec<_> = read
        .rules
        .iter()
        .map(|rule| {
            let target = match rule.strategy {
                Strategy::Proportional { target, .. } => Ok(target),
                Strategy::Utilization { percent, .. } => Err(percent),
                _ => panic!("{rule:?}"),
            };
            let metric = &rule.metric;
            (
                rule.name.as_str(),
                metric.metric.as_str(),
                metric.scope.clone(),
                target,
            )
        })
        .collect();
    let want = [
        ("cpu", "cpu", Scope::Resource, Err(80)),
        (
            "app/cpu",
            "cpu",
            Scope::Container("app".into()),
            Ok(TargetValue::AverageValue(0.5)),
        ),
        (
            "rps{verb=\"GET\"}",
            "rps{verb=\"GET\"}",
            Scope::Pods,
            Ok(TargetValue::AverageValue(10.0)),
        ),
        (
            "Ingress/main/rps",
            "Ingress/main/rps",
            Scope::Object,
            Ok(TargetValue::Value(100.0)),
        ),
    ];
    assert_eq!(found, want);
}

#[test]
fn a_metric_of_a_type_of_another_build_is_a_rule_that_cannot_say() {
    let mut value = one("\
apiVersion: headroom.dev/v1alpha1
kind: ScalingPolicy
metadata: {name: web}
spec:
  scaleTargetRef: {kind: Process, name: web}
  maxReplicas: 10
  metrics: [{type: External, external: {metric: {name: load}, target: {averageValue: 30}}}]
")
    .value;
    let metrics = value
        .pointer_mut("/spec/metrics")
        .unwrap()
        .as_array_mut()
        .unwrap();
    metrics.insert(
        0,
        serde_json::json!({ "type": "Cosmic", "cosmic": { "rays": 3 } }),
    );
    let policy = Policy::from_value(&value).unwrap();
    let strategies: Vec<_> = policy.rules.iter().map(|rule| &rule.strategy).collect();
    let unknown = Strategy::Unknown {
        metric_type: "Cosmic".into(),
    };
    assert_eq!(strategies[0], &unknown);
    assert!(
        matches!(strategies[1], Strategy::Proportional { .. }),
        "{strategies:?}"
    );
    value["spec"]["metrics"][0]["type"] = serde_json::json!("of another kind");
    let spaced = Policy::from_value(&value).unwrap();
    assert!(
        matches!(&spaced.rules[0].strategy, Strategy::Unknown { metric_type } if metric_type == "of another kind")
    );
    for nonsense in [
        serde_json::json!(3),
        serde_json::json!({ "type": 3 }),
        serde_json::json!({}),
    ] {
        value["spec"]["metrics"] = serde_json::json!([nonsense]);
        assert!(Policy::from_value(&value).is_err(), "{value}");
    }
}

#[test]
fn selectors_become_part_of_the_metric() {
    let cases = [
        ("{}", "load"),
        (
            "{matchLabels: {b: x, a: 'y \"z'}}",
            r#"load{a="y \"z",b="x"}"#,
        ),
        (
            "{matchExpressions: [{key: a, operator: In, values: [x]}]}",
            r#"load{a="x"}"#,
        ),
        (
            "{matchExpressions: [{key: a, operator: In, values: [y, x.1, y]}]}",
            r#"load{a=~"x\\.1|y"}"#,
        ),
        (
            "{matchExpressions: [{key: a, operator: NotIn, values: [x]}, {key: b, operator: NotIn, values: [x, y]}]}",
            r#"load{a!="x",b!~"x|y"}"#,
        ),
        (
            "{matchLabels: {b: x}, matchExpressions: [{key: a, operator: In, values: [y]}, {key: b, operator: In, values: [x]}]}",
            r#"load{a="y",b="x"}"#,
        ),
        (
            "{matchExpressions: [{key: a, operator: Exists}, {key: b, operator: DoesNotExist}]}",
            r#"load{a!="",b=""}"#,
        ),
        (
            "{matchLabels: {app.kubernetes.io/name: x}}",
            r#"load{"app.kubernetes.io/name"="x"}"#,
        ),
    ];
    for (selector, want) in cases {
        let more = METRIC.replace(
            "{name: load}",
            &format!("{{name: load, selector: {selector}}}"),
        );
        assert_eq!(policy(&more).rules[0].metric.metric, want, "{selector}");
    }
}

#[test]
fn target_values_are_read_as_the_hpa_reads_them() {
    let cases = [
        ("averageValue: 500m", TargetValue::AverageValue(0.5)),
        ("averageValue: \"30\"", TargetValue::AverageValue(30.0)),
        ("averageValue: 1k", TargetValue::AverageValue(1000.0)),
        (
            "type: Value, value: 1Gi",
            TargetValue::Value(1_073_741_824.0),
        ),
        ("value: 1e2", TargetValue::Value(100.0)),
        ("value: 100u", TargetValue::Value(0.001)),
        (
            "value: 9223372036854775807",
            TargetValue::Value(i64::MAX as f64),
        ),
        ("value: 1e300", TargetValue::Value(i64::MAX as f64)),
    ];
    for (text, want) in cases {
        let more = METRIC.replace("averageValue: 30", text);
        let Strategy::Proportional { target, .. } = policy(&more).rules[0].strategy else {
            panic!("{text}")
        };
        assert_eq!(target, want, "{text}");
    }
}
