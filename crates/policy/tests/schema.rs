//! What editors say of a policy, and what is said of it here: whatever is accepted here raises no error there.

use headroom_policy::{Policy, Rule, Strategy as Known, schema};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = schema::of_policies().to_value();
    jsonschema::draft202012::new(&schema).expect("it is a schema")
});

/// A policy with every field there is.
fn full() -> Value {
    json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {
            "name": "web", "namespace": "shop", "labels": {"team": "a"}, "annotations": {}, "uid": "7", "generation": 3,
            "creationTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": "9", "finalizers": [], "managedFields": [],
            "ownerReferences": [],
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Process", "name": "web"},
            "minReplicas": 1,
            "maxReplicas": 9,
            "metrics": [{
                "name": "queue",
                "type": "External",
                "external": {
                    "metric": {
                        "name": "orders_waiting",
                        "selector": {
                            "matchLabels": {"queue": "main", "eu.shop/tier": ""},
                            "matchExpressions": [
                                {"key": "zone", "operator": "NotIn", "values": ["c", "d"]},
                                {"key": "rack", "operator": "Exists"},
                            ],
                        },
                    },
                    "target": {"type": "AverageValue", "averageValue": "1.5k"},
                },
                "from": {"source": "main", "query": "sum(x)", "interval": "5s", "freshness": "1h30m"},
                "tolerance": "50m",
            }, {
                "type": "Resource",
                "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
            }, {
                "type": "ContainerResource",
                "containerResource": {"name": "memory", "container": "app", "target": {"averageValue": "1Gi"}},
            }, {
                "type": "Pods",
                "pods": {"metric": {"name": "rps"}, "target": {"averageValue": 10}},
            }, {
                "type": "Object",
                "object": {
                    "describedObject": {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "name": "main"},
                    "metric": {"name": "hits"},
                    "target": {"type": "Value", "value": "2k"},
                },
            }],
            "thresholds": [
                {"name": "old", "metric": "age", "above": 120, "for": "1m", "change": {"percent": 50},
                 "from": {"source": "push", "interval": "1m"}},
                {"metric": "age", "below": "-1e3", "for": 0, "change": {"add": -2}},
                {"metric": "age", "above": "1Gi", "change": {"to": 7}},
            ],
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 0, "selectPolicy": "Min", "tolerance": 0.2,
                    "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}],
                },
                "scaleDown": {
                    "stabilizationWindowSeconds": 3600, "selectPolicy": "Disabled", "policies": [],
                },
            },
            "evaluation": {
                "period": "30s", "trigger": "Period", "downscaleStabilization": "10m",
                "scaleUpLimit": {"factor": "1500m", "minimum": 3},
                "cpuInitializationPeriod": "0s", "initialReadinessDelay": "1m",
            },
            "cooldown": {"scaleUp": "0", "scaleDown": "1h"},
            "mode": "shadow",
            "justification": "because",
        },
        "status": {"currentReplicas": 3},
    })
}

/// The places of everything in a value, below the root.
fn places(value: &Value, at: &str, places: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields
            .iter()
            .map(|(name, field)| (name.replace('/', "~1"), field))
            .collect(),
        Value::Array(elements) => elements
            .iter()
            .enumerate()
            .map(|(index, it)| (index.to_string(), it))
            .collect(),
        _ => Vec::new(),
    };
    for (name, value) in below {
        let at = format!("{at}/{name}");
        self::places(value, &at, places);
        places.push(at);
    }
}

/// What stands, or could stand, somewhere in a policy: its words, and values at the ends of ranges.
fn candidates() -> Vec<Value> {
    let words = [
        "headroom.dev/v1alpha1",
        "autoscaling/v2",
        "ScalingPolicy",
        "HorizontalPodAutoscaler",
        "External",
        "Resource",
        "Object",
        "OnArrival",
        "Period",
        "AverageValue",
        "Value",
        "Utilization",
        "Max",
        "Disabled",
        "Pods",
        "Percent",
        "push",
        "active",
        "In",
        "Exists",
        "web",
        "a.b-c",
        "A",
        "a b",
        "",
        " ",
        "-",
        "\u{7f}",
        "é",
        "0",
        "0s",
        "00",
        "0ms",
        "100ms",
        "1d2h3m4s5ms",
        "24h",
        "5m1h",
        "3",
        "+3",
        "-3",
        "-0",
        "+0.0",
        ".5",
        "5.",
        "1e3",
        "1E",
        "1E-3",
        "0.0001",
        "1n",
        "1Ki",
        "1K",
        "1 k",
        "٣",
    ];
    let numbers = [
        -2_147_483_648,
        -2_147_483_647,
        -101,
        -100,
        -1,
        0,
        1,
        2,
        7,
        9,
        10,
        100,
        1800,
        1801,
        3600,
        3601,
        2_147_483_647,
        2_147_483_648,
    ];
    let mut candidates = vec![
        Value::Null,
        json!({}),
        json!([]),
        json!(true),
        json!(0.5),
        json!(-0.5),
        json!(1.5),
        json!(1e-12),
    ];
    candidates.extend(words.map(Value::from));
    candidates.extend(numbers.map(|number: i64| Value::from(number)));
    candidates.push(Value::from("x".repeat(253)));
    candidates.push(Value::from("x".repeat(254)));
    candidates
}

/// Anything else.
fn other() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<i64>().prop_map(Value::from),
        (-2.0..2.0).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[-+.0-9eEkKmMinud]{1,6}".prop_map(Value::from),
        "([0-9]{1,2}(d|h|m|s|ms)){1,3}".prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ]
}

/// Whether a file with this would be accepted. (A policy in the log may have metrics of another build.)
fn accepted(value: &Value) -> bool {
    let is_known = |rule: &Rule| !matches!(rule.strategy, Known::Unknown { .. });
    Policy::from_value(value).is_ok_and(|policy| policy.rules.iter().all(is_known))
}

fn errors(value: &Value) -> Vec<String> {
    let errors = SCHEMA.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn a_policy_with_every_field_is_accepted_by_both() {
    let full = full();
    assert_eq!(Policy::from_value(&full).map(drop), Ok(()));
    assert_eq!(errors(&full), [""; 0]);
}

#[test]
fn a_field_without_a_value_is_absent_for_both() {
    let mut all = Vec::new();
    places(&full(), "", &mut all);
    for place in all {
        let mut value = full();
        *value.pointer_mut(&place).unwrap() = Value::Null;
        let good = accepted(&value);
        assert_eq!(errors(&value).is_empty(), good, "{place}");
    }
}

#[test]
fn a_field_that_is_not_known_is_refused_by_both() {
    let mut all = vec![String::new()];
    places(&full(), "", &mut all);
    for place in all {
        let mut value = full();
        let Some(Value::Object(fields)) = value.pointer_mut(&place) else {
            continue;
        };
        fields.insert("surprise".to_owned(), json!(1));
        let good = accepted(&value);
        assert_eq!(errors(&value).is_empty(), good, "{place}");
    }
}

/// What is accepted with a value in one place raises no error in an editor.
fn agrees(place: &str, other: Value) -> Result<(), String> {
    let mut value = full();
    *value.pointer_mut(place).unwrap() = other;
    let errors = errors(&value);
    if errors.is_empty() || !accepted(&value) {
        return Ok(());
    }
    Err(format!(
        "{place} = {}: {errors:#?}",
        value.pointer(place).unwrap()
    ))
}

#[test]
fn what_is_accepted_here_raises_no_error_in_an_editor() {
    let mut all = Vec::new();
    places(&full(), "", &mut all);
    for place in &all {
        for other in candidates() {
            assert_eq!(agrees(place, other), Ok(()));
        }
    }
}

proptest! {
    #[test]
    fn whatever_is_accepted_here_raises_no_error_in_an_editor(place in any::<prop::sample::Index>(), other in other()) {
        let mut all = Vec::new();
        places(&full(), "", &mut all);
        let place: &String = place.get(&all);
        prop_assert_eq!(agrees(place, other), Ok(()));
    }
}
