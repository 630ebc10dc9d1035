//! Whatever is written, it is read or refused; what is read keeps its promises.

use headroom_model::{Body, body::PolicyApplied};
use headroom_policy::{
    Change, Crossed, Pace, Policy, RateAmount, Scaling, Select, Strategy as Rule, TargetValue,
    parse_files,
};
use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};
use std::{collections::BTreeSet, sync::LazyLock};

const EXAMPLE: &str = include_str!("../../../deploy/policies/example.yaml");

/// Field names and words of policies, so that random documents get far into the checks.
const WORDS: [&str; 61] = [
    "apiVersion",
    "kind",
    "metadata",
    "name",
    "namespace",
    "spec",
    "scaleTargetRef",
    "minReplicas",
    "maxReplicas",
    "metrics",
    "type",
    "external",
    "resource",
    "containerResource",
    "container",
    "object",
    "describedObject",
    "averageUtilization",
    "metric",
    "selector",
    "matchLabels",
    "matchExpressions",
    "key",
    "operator",
    "values",
    "target",
    "averageValue",
    "value",
    "from",
    "source",
    "query",
    "interval",
    "freshness",
    "tolerance",
    "thresholds",
    "above",
    "below",
    "for",
    "change",
    "add",
    "percent",
    "to",
    "behavior",
    "scaleUp",
    "scaleDown",
    "policies",
    "periodSeconds",
    "stabilizationWindowSeconds",
    "selectPolicy",
    "cooldown",
    "evaluation",
    "period",
    "trigger",
    "downscaleStabilization",
    "scaleUpLimit",
    "factor",
    "minimum",
    "mode",
    "status",
    "labels",
    "justification",
];

/// What JSON and YAML write alike: JSON may hold control characters as they are.
const TEXT: &str = "[ -~äß€😀]{0,20}";

fn scalar() -> impl Strategy<Value = Value> {
    let texts = [
        "headroom.dev/v1alpha1",
        "ScalingPolicy",
        "External",
        "Resource",
        "ContainerResource",
        "Object",
        "Utilization",
        "AverageValue",
        "Value",
        "Max",
        "Disabled",
        "OnArrival",
        "Period",
        "Pods",
        "Percent",
        "push",
        "shadow",
        "30",
        "500m",
        "1m",
        "15s",
        "web",
        "In",
    ];
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-2_i64..4000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        (-2.0..2.0).prop_map(Value::from),
        select(texts.to_vec()).prop_map(Value::from),
        TEXT.prop_map(Value::from),
    ]
}

/// Any JSON made of the words of policies.
fn document() -> impl Strategy<Value = Value> {
    scalar().prop_recursive(7, 60, 6, |inner| {
        let fields = vec((select(WORDS.to_vec()), inner.clone()), 0..8);
        prop_oneof![
            vec(inner, 0..4).prop_map(Value::from),
            fields.prop_map(|fields| {
                let fields = fields
                    .into_iter()
                    .map(|(name, value)| (name.to_owned(), value));
                Value::Object(fields.collect::<Map<_, _>>())
            }),
        ]
    })
}

/// Metrics of replicas and of objects, as autoscaling/v2 writes them.
fn hpa_metric() -> impl Strategy<Value = Value> {
    let average = json!({"type": "AverageValue", "averageValue": "100m"});
    let average_too = average.clone();
    let share =
        (1_i32..).prop_map(|percent| json!({"type": "Utilization", "averageUtilization": percent}));
    prop_oneof![
        ("[a-z]{1,6}", prop_oneof![share, Just(average.clone())]).prop_map(|(name, target)| {
            json!({"type": "Resource", "resource": {"name": name, "target": target}})
        }),
        ("[a-z]{1,6}", "[a-z]{1,6}").prop_map(move |(name, container)| {
            let target = average.clone();
            let resource = json!({"name": name, "container": container, "target": target});
            json!({"type": "ContainerResource", "containerResource": resource})
        }),
        "[a-z]{1,6}".prop_map(move |name| {
            let pods = json!({"metric": {"name": name}, "target": average_too});
            json!({"type": "Pods", "pods": pods})
        }),
        "[a-z]{1,6}".prop_map(|name| {
            let object = json!({
                "describedObject": {"kind": "Ingress", "name": "main"},
                "metric": {"name": name},
                "target": {"value": 5},
            });
            json!({"type": "Object", "object": object})
        }),
    ]
}

prop_compose! {
    fn metric()(
        metric in "[a-z_]{1,8}",
        target in prop_oneof![
            (1_u32..).prop_map(|value| json!({"averageValue": value})),
            (0.001..1e6).prop_map(|value: f64| json!({"type": "Value", "value": value})),
            "[1-9][0-9]{0,3}(m|k|Ki)?".prop_map(|value| json!({"averageValue": value})),
        ],
        tolerance in proptest::option::of(0.0..=1.0),
        interval in proptest::option::of(1_u32..3600),
    ) -> Value {
        json!({
            "type": "External",
            "external": {"metric": {"name": metric}, "target": target},
            "tolerance": tolerance,
            "from": {"source": "somewhere", "interval": interval.map(|seconds| format!("{seconds}s"))},
        })
    }
}

prop_compose! {
    fn threshold()(
        metric in "[a-z_]{1,8}",
        side in select(vec!["above", "below"]),
        at in -1e9..1e9,
        minutes in 0_u32..1440,
        change in prop_oneof![
            (1_i32..).prop_map(|add| json!({"add": add})),
            (-100_i32..0).prop_map(|percent| json!({"percent": percent})),
            Just(json!({"to": 7})),
        ],
    ) -> Value {
        json!({"metric": metric, side: at, "for": format!("{minutes}m"), "change": change})
    }
}

prop_compose! {
    fn rules()(
        window in proptest::option::of(0_u32..=3600),
        policy in proptest::option::of(select(vec!["Max", "Min", "Disabled"])),
        rates in proptest::option::of(vec((any::<bool>(), 1_i32.., 1_u32..=1800), 0..4)),
    ) -> Value {
        let rate = |(pods, value, period): (bool, i32, u32)| {
            json!({"type": if pods { "Pods" } else { "Percent" }, "value": value, "periodSeconds": period})
        };
        let rates = rates.map(|rates| rates.into_iter().map(rate).collect::<Value>());
        json!({"stabilizationWindowSeconds": window, "selectPolicy": policy, "policies": rates})
    }
}

prop_compose! {
    fn evaluation()(
        period in proptest::option::of(1_u32..=1800),
        trigger in proptest::option::of(select(vec!["OnArrival", "Period"])),
        window in proptest::option::of(0_u32..=3600),
        factor in proptest::option::of(1.0..100.0),
        minimum in proptest::option::of(1_i32..),
    ) -> Value {
        let seconds = |span: Option<u32>| span.map(|seconds| format!("{seconds}s"));
        json!({
            "period": seconds(period),
            "trigger": trigger,
            "downscaleStabilization": seconds(window),
            "scaleUpLimit": {"factor": factor, "minimum": minimum},
        })
    }
}

prop_compose! {
    /// A document that is a policy.
    fn policy()(
        name in "[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?",
        min in 0_u32..=7,
        max in 7_u32..=2_147_483_647,
        metrics in vec(prop_oneof![3 => metric(), 1 => hpa_metric()], 1..4),
        thresholds in vec(threshold(), 0..4),
        behavior in proptest::option::of((proptest::option::of(rules()), proptest::option::of(rules()))),
        evaluation in proptest::option::of(evaluation()),
        shadow in any::<bool>(),
        why in proptest::option::of(TEXT),
    ) -> Value {
        json!({
            "apiVersion": "headroom.dev/v1alpha1",
            "kind": "ScalingPolicy",
            "metadata": {"name": name},
            "spec": {
                "scaleTargetRef": {"kind": "Process", "name": name},
                "minReplicas": min,
                "maxReplicas": max,
                "metrics": metrics,
                "thresholds": thresholds,
                "behavior": behavior.map(|(up, down)| json!({"scaleUp": up, "scaleDown": down})),
                "evaluation": evaluation,
                "mode": if shadow { "shadow" } else { "active" },
                "justification": why,
            },
        })
    }
}

/// What machines rely on.
fn keeps_its_promises(policy: &Policy) {
    assert!(policy.min_replicas <= policy.max_replicas);
    assert!((1..=i32::MAX.unsigned_abs()).contains(&policy.max_replicas.0));
    let names: BTreeSet<_> = policy.rules.iter().map(|rule| &rule.name).collect();
    assert_eq!(names.len(), policy.rules.len());
    for rule in &policy.rules {
        assert!(rule.metric.freshness >= rule.metric.interval);
        match &rule.strategy {
            Rule::Unknown { metric_type } => assert!(!metric_type.is_empty()),
            Rule::Utilization { percent, .. } => {
                assert!((1..=i32::MAX.unsigned_abs()).contains(percent));
            }
            &Rule::Proportional {
                target,
                tolerance_up,
                tolerance_down,
            } => {
                let (TargetValue::AverageValue(target) | TargetValue::Value(target)) = target;
                assert!(target > 0.0 && target.is_finite());
                assert!(
                    (0.0..=1.0).contains(&tolerance_up) && (0.0..=1.0).contains(&tolerance_down)
                );
            }
            &Rule::Threshold {
                crossed: Crossed::Above(at) | Crossed::Below(at),
                change,
                ..
            } => {
                assert!(at.is_finite());
                match change {
                    Change::By(change) | Change::ByPercent(change) => assert_ne!(change, 0),
                    Change::To(to) => {
                        assert!((policy.min_replicas..=policy.max_replicas).contains(&to))
                    }
                }
            }
        }
    }
    let period = policy.evaluation.period;
    assert!((1_000..=1_800_000).contains(&period.0));
    let limited =
        |scaling: &Scaling| scaling.select == Select::Disabled || !scaling.policies.is_empty();
    assert!(limited(&policy.scale_up));
    assert_eq!(limited(&policy.scale_down), policy.pace == Pace::Behavior);
    for rate in &policy.scale_up.policies {
        let RateAmount::Times { factor, at_least } = rate.amount else {
            assert_eq!(policy.pace, Pace::Behavior);
            continue;
        };
        assert_eq!((policy.pace, rate.period), (Pace::Plain, period));
        assert!(factor >= 1.0 && factor.is_finite() && at_least >= 1);
    }
    for scaling in [&policy.scale_up, &policy.scale_down] {
        assert!(scaling.stabilization_window.0 <= 3_600_000);
        assert!(
            scaling
                .policies
                .iter()
                .all(|rate| (1_000..=1_800_000).contains(&rate.period.0))
        );
    }
}

/// What editors check by.
static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let schema = headroom_policy::schema::of_policies().to_value();
    jsonschema::draft202012::new(&schema).expect("it is a schema")
});

/// What is accepted here raises no error in an editor.
fn fits_the_schema(value: &Value) -> Result<(), TestCaseError> {
    let errors = SCHEMA
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()));
    let errors: Vec<String> = errors.collect();
    prop_assert!(errors.is_empty(), "{value:#} {errors:#?}");
    Ok(())
}

/// A document that is accepted fits the schema, and gives the same policy from its value, also after a way through the log.
fn comes_back_the_same(text: &str) -> Result<(), TestCaseError> {
    let Ok(documents) = parse_files(&[("a.yaml", text)]) else {
        return Ok(());
    };
    for document in documents {
        keeps_its_promises(&document.policy);
        fits_the_schema(&document.value)?;
        prop_assert_eq!(
            Policy::from_value(&document.value),
            Ok(document.policy.clone())
        );
        let body = Body::PolicyApplied(PolicyApplied {
            policy: document.value,
            owner: "someone".to_owned(),
        });
        let Ok(Body::PolicyApplied(read)) =
            Body::decode(&body.kind(), body.version(), &body.encode())
        else {
            return Err(TestCaseError::fail("the event does not come back"));
        };
        prop_assert_eq!(Policy::from_value(&read.policy), Ok(document.policy));
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}") {
        comes_back_the_same(&text)?;
    }

    #[test]
    fn any_yaml_is_read_or_refused(text in "[-a-c:,&*!?|>'\"{}\\[\\]#% \n\t0-9.~<]{0,120}") {
        comes_back_the_same(&text)?;
    }

    #[test]
    fn any_value_is_read_or_refused(value in document()) {
        if let Ok(policy) = Policy::from_value(&value) {
            keeps_its_promises(&policy);
            fits_the_schema(&value)?;
        }
    }

    #[test]
    fn a_good_policy_is_accepted_and_comes_back_the_same(value in policy()) {
        let text = value.to_string();
        prop_assert_eq!(parse_files(&[("a.yaml", &text)]).map_err(|e| e.to_string()).map(|d| d.len()), Ok(1));
        comes_back_the_same(&text)?;
    }

    #[test]
    fn a_file_and_its_value_are_refused_for_the_same_reasons(mut value in policy(), place in 0_usize..9, other in document()) {
        let spec = value["spec"].as_object_mut().expect("the strategy makes one");
        let field = spec.keys().nth(place).cloned();
        spec.insert(field.unwrap_or_else(|| "more".to_owned()), other);
        let unplaced = |errors: headroom_policy::Errors| {
            let mut said: Vec<String> = errors.iter().map(|e| format!("{}: {}; {}", e.field, e.what, e.mend)).collect();
            said.sort();
            said
        };
        let from_file = parse_files(&[("a.yaml", value.to_string())]).map_err(unplaced);
        let from_value = Policy::from_value(&value).map_err(unplaced);
        prop_assert_eq!(from_file.map(|documents| documents[0].policy.clone()), from_value);
    }

    #[test]
    fn an_example_with_lines_lost_doubled_and_changed_is_read_or_refused(
        changes in vec((0_usize..60, 0_u8..3, ".{0,20}"), 1..6),
    ) {
        let mut lines: Vec<String> = EXAMPLE.lines().map(str::to_owned).collect();
        for (at, how, text) in changes {
            let at = at % lines.len();
            match how {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                _ => lines[at] = format!("{}{text}", lines[at]),
            }
        }
        comes_back_the_same(&lines.join("\n"))?;
    }
}
