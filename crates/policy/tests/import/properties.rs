//! An import changes nothing, whatever the version and the flags.

use headroom_model::{Span, body::Mode};
use headroom_policy::{
    ImportSettings, Pace, Policy, Strategy as Rule, Trigger, import_files, parse_files, to_yaml,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde_json::{Value, json};

fn quantity() -> impl Strategy<Value = Value> {
    prop_oneof![
        "[1-9][0-9]{0,3}(m|k|Ki|Gi)?".prop_map(Value::from),
        (1_u32..100_000).prop_map(Value::from),
    ]
}

fn selector() -> impl Strategy<Value = Value> {
    let labels = proptest::collection::btree_map("[a-zA-Z_]{1,6}", "[ -~]{0,6}", 0..3);
    let key = select(vec!["key", "Name", "type", "matchLabels"]);
    let expression = (key, vec("[a-z]{1,4}", 1..3))
        .prop_map(|(key, values)| json!({"key": key, "operator": "In", "values": values}));
    (option::of(labels), option::of(vec(expression, 0..2)))
        .prop_map(|(labels, all)| json!({"matchLabels": labels, "matchExpressions": all}))
}

fn identifier() -> impl Strategy<Value = Value> {
    ("[a-z_]{1,6}", option::of(selector()))
        .prop_map(|(name, selector)| json!({"name": name, "selector": selector}))
}

fn average() -> impl Strategy<Value = Value> {
    quantity().prop_map(|value| json!({"type": "AverageValue", "averageValue": value}))
}

fn share() -> impl Strategy<Value = Value> {
    let share = (1_i32..1000)
        .prop_map(|percent| json!({"type": "Utilization", "averageUtilization": percent}));
    prop_oneof![share, average()]
}

fn total() -> impl Strategy<Value = Value> {
    let value = quantity().prop_map(|value| json!({"type": "Value", "value": value}));
    prop_oneof![value, average()]
}

/// A metric of autoscaling/v2.
fn metric() -> impl Strategy<Value = Value> {
    let resource = select(vec!["cpu", "memory"]);
    prop_oneof![
        (resource.clone(), share()).prop_map(|(name, target)| {
            json!({"type": "Resource", "resource": {"name": name, "target": target}})
        }),
        (resource, "[a-z]{1,4}", share()).prop_map(|(name, container, target)| {
            let it = json!({"name": name, "container": container, "target": target});
            json!({"type": "ContainerResource", "containerResource": it})
        }),
        (identifier(), average()).prop_map(|(metric, target)| {
            json!({"type": "Pods", "pods": {"metric": metric, "target": target}})
        }),
        (identifier(), total()).prop_map(|(metric, target)| {
            let object = json!({"apiVersion": "v1", "kind": "Service", "name": "main"});
            let it = json!({"describedObject": object, "metric": metric, "target": target});
            json!({"type": "Object", "object": it})
        }),
        (identifier(), total()).prop_map(|(metric, target)| {
            json!({"type": "External", "external": {"metric": metric, "target": target}})
        }),
    ]
}

fn rules() -> impl Strategy<Value = Value> {
    let rate = (any::<bool>(), 1_u32..50, 1_u32..=1800).prop_map(|(pods, value, period)| {
        let kind = if pods { "Pods" } else { "Percent" };
        json!({"type": kind, "value": value, "periodSeconds": period})
    });
    (
        option::of(0_u32..=3600),
        option::of(select(vec!["Max", "Min", "Disabled"])),
        option::of(vec(rate, 1..3)),
        option::of(select(vec!["50m", "0", "0.3"])),
    )
        .prop_map(|(window, select, rates, tolerance)| {
            json!({
                "stabilizationWindowSeconds": window,
                "selectPolicy": select,
                "policies": rates,
                "tolerance": tolerance,
            })
        })
}

prop_compose! {
    /// The spec of an autoscaling/v2 HPA.
    fn spec()(
        min in option::of(1_u32..5),
        max in 5_u32..100,
        metrics in option::of(vec(metric(), 0..5)),
        behavior in option::of((option::of(rules()), option::of(rules()))),
    ) -> Value {
        json!({
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"},
            "minReplicas": min,
            "maxReplicas": max,
            "metrics": metrics,
            "behavior": behavior.map(|(up, down)| json!({"scaleUp": up, "scaleDown": down})),
        })
    }
}

prop_compose! {
    fn settings()(
        shadow in any::<bool>(),
        period in option::of(1_u64..=1800),
        downscale in option::of(0_u64..=3600),
        initialization in option::of(0_u64..=3600),
        readiness in option::of(0_u64..=3600),
        tolerance in option::of(select(vec!["0.1", "0.2", "0", "100m"])),
    ) -> ImportSettings {
        ImportSettings {
            shadow,
            namespace: None,
            sync_period: period.map(Span::seconds),
            downscale_stabilization: downscale.map(Span::seconds),
            cpu_initialization_period: initialization.map(Span::seconds),
            initial_readiness_delay: readiness.map(Span::seconds),
            tolerance: tolerance.map(str::to_owned),
        }
    }
}

fn hpa(version: &str, annotations: &Value, spec: &Value) -> String {
    json!({
        "apiVersion": format!("autoscaling/{version}"),
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": "web", "namespace": "shop", "annotations": annotations},
        "spec": spec,
        "status": {"currentReplicas": 3},
    })
    .to_string()
}

fn imported(text: &str, settings: &ImportSettings) -> Policy {
    let mut imported = import_files(&[("hpa.json", text)], settings)
        .unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    let one = imported.remove(0);
    let yaml = to_yaml(&[&one.manifest]);
    let read = parse_files(&[("policy.yaml", &yaml)]).unwrap_or_else(|e| panic!("{e}\n{yaml}"));
    assert_eq!(read[0].policy, one.document.policy, "{yaml}");
    one.document.policy
}

/// The metrics of a spec, with that of an HPA that has none.
fn metrics(spec: &Value) -> Vec<Value> {
    let target = json!({"type": "Utilization", "averageUtilization": 80});
    let default = json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
    let given = spec["metrics"].as_array().filter(|list| !list.is_empty());
    let metrics = given.or(default.as_array());
    metrics.expect("one of the two").clone()
}

/// What the policy must be: the HPA's own, with the flags in their places.
fn expected(spec: &Value, settings: &ImportSettings) -> Policy {
    let mut full = spec.clone();
    full["metrics"] = metrics(spec).into();
    let text = hpa("v2", &Value::Null, &full);
    let read = parse_files(&[("hpa.json", &text)]).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let mut policy = read[0].policy.clone();
    let or = |span: Option<Span>, default| span.unwrap_or(Span::seconds(default));
    policy.evaluation.trigger = Trigger::Period;
    policy.evaluation.period = or(settings.sync_period, 15);
    policy.evaluation.cpu_initialization_period = or(settings.cpu_initialization_period, 300);
    policy.evaluation.initial_readiness_delay = or(settings.initial_readiness_delay, 30);
    if settings.shadow {
        policy.mode = Mode::Shadow;
    }
    if policy.pace == Pace::Plain {
        policy.scale_up.policies[0].period = policy.evaluation.period;
    }
    if spec
        .pointer("/behavior/scaleDown/stabilizationWindowSeconds")
        .is_none_or(Value::is_null)
    {
        policy.scale_down.stabilization_window = or(settings.downscale_stabilization, 300);
    }
    let own = |direction: &str| {
        let tolerance = spec.pointer(&format!("/behavior/{direction}/tolerance"));
        tolerance.is_some_and(|tolerance| !tolerance.is_null())
    };
    let flag = match settings.tolerance.as_deref() {
        Some("0.2") => 0.2,
        Some("0") => 0.0,
        _ => 0.1,
    };
    for rule in &mut policy.rules {
        let (Rule::Proportional {
            tolerance_up,
            tolerance_down,
            ..
        }
        | Rule::Utilization {
            tolerance_up,
            tolerance_down,
            ..
        }) = &mut rule.strategy
        else {
            panic!("{rule:?}")
        };
        if !own("scaleUp") {
            *tolerance_up = flag;
        }
        if !own("scaleDown") {
            *tolerance_down = flag;
        }
    }
    policy
}

/// A metric in the fields of v2beta1, and of v1's annotation.
fn flat(metric: &Value) -> Value {
    let at = |pointer: &str| metric.pointer(pointer).cloned().unwrap_or(Value::Null);
    let kind = metric["type"].as_str().expect("a type");
    match kind {
        "Resource" => json!({"type": kind, "resource": {
            "name": at("/resource/name"),
            "targetAverageUtilization": at("/resource/target/averageUtilization"),
            "targetAverageValue": at("/resource/target/averageValue"),
        }}),
        "ContainerResource" => json!({"type": kind, "containerResource": {
            "name": at("/containerResource/name"),
            "container": at("/containerResource/container"),
            "targetAverageUtilization": at("/containerResource/target/averageUtilization"),
            "targetAverageValue": at("/containerResource/target/averageValue"),
        }}),
        "Pods" => json!({"type": kind, "pods": {
            "metricName": at("/pods/metric/name"),
            "selector": at("/pods/metric/selector"),
            "targetAverageValue": at("/pods/target/averageValue"),
        }}),
        "Object" => {
            let value = at("/object/target/value");
            json!({"type": kind, "object": {
                "target": at("/object/describedObject"),
                "metricName": at("/object/metric/name"),
                "selector": at("/object/metric/selector"),
                "targetValue": if value.is_null() { "0".into() } else { value },
                "averageValue": at("/object/target/averageValue"),
            }})
        }
        _ => json!({"type": kind, "external": {
            "metricName": at("/external/metric/name"),
            "metricSelector": at("/external/metric/selector"),
            "targetValue": at("/external/target/value"),
            "targetAverageValue": at("/external/target/averageValue"),
        }}),
    }
}

/// `behavior` as a cluster writes it into an annotation: with capitals, and every field.
fn capitals(value: &Value) -> Value {
    match value {
        Value::Array(elements) => elements.iter().map(capitals).collect(),
        Value::Object(fields) => {
            let capital = |(name, value): (&String, &Value)| {
                let (first, rest) = name.split_at(1);
                (format!("{}{rest}", first.to_uppercase()), capitals(value))
            };
            Value::Object(fields.iter().map(capital).collect())
        }
        other => other.clone(),
    }
}

fn is_cpu(metric: &Value) -> bool {
    metric["resource"]["name"] == "cpu"
        && !metric["resource"]["target"]["averageUtilization"].is_null()
}

/// As v1 has it: at most one share of the processor, and that last.
fn as_v1(spec: &Value) -> Value {
    let mut spec = spec.clone();
    let (mut cpu, mut others): (Vec<_>, Vec<_>) = metrics(&spec).into_iter().partition(is_cpu);
    cpu.truncate(1);
    others.extend(cpu);
    spec["metrics"] = others.into();
    if spec["behavior"]["scaleUp"].is_null() && spec["behavior"]["scaleDown"].is_null() {
        spec["behavior"] = Value::Null; // which is what a cluster makes of an empty one
    }
    spec
}

proptest! {
    #[test]
    fn v2_means_what_it_meant(spec in spec(), settings in settings()) {
        let policy = imported(&hpa("v2", &Value::Null, &spec), &settings);
        prop_assert_eq!(policy, expected(&spec, &settings));
    }

    #[test]
    fn v2beta2_means_what_v2_means(spec in spec(), settings in settings()) {
        let mut older = spec.clone();
        let mut annotations = json!({});
        for (direction, name) in [("scaleUp", "scale-up"), ("scaleDown", "scale-down")] {
            let rules = older.pointer_mut(&format!("/behavior/{direction}")).and_then(Value::as_object_mut);
            if let Some(tolerance) = rules.and_then(|rules| rules.remove("tolerance")) {
                annotations[format!("autoscaling.alpha.kubernetes.io/{name}-tolerance")] = tolerance;
            }
        }
        let policy = imported(&hpa("v2beta2", &annotations, &older), &settings);
        prop_assert_eq!(policy, expected(&spec, &settings));
    }

    #[test]
    fn v2beta1_means_what_v2_means(spec in spec(), settings in settings()) {
        let mut spec = spec;
        spec["behavior"] = as_v1(&spec)["behavior"].take();
        let mut older = spec.clone();
        let fields = older.as_object_mut().expect("a mapping");
        let behavior = fields.remove("behavior").expect("it is there");
        let metrics: Vec<_> = spec["metrics"].as_array().into_iter().flatten().map(flat).collect();
        fields.insert("metrics".to_owned(), metrics.into());
        let text = (!behavior.is_null()).then(|| capitals(&behavior).to_string());
        let annotations = json!({"autoscaling.alpha.kubernetes.io/behavior": text});
        let policy = imported(&hpa("v2beta1", &annotations, &older), &settings);
        prop_assert_eq!(policy, expected(&spec, &settings));
    }

    #[test]
    fn v1_means_what_v2_means(spec in spec(), settings in settings()) {
        let spec = as_v1(&spec);
        let mut older = spec.clone();
        let fields = older.as_object_mut().expect("a mapping");
        let behavior = fields.remove("behavior").expect("it is there");
        fields.remove("metrics");
        let (cpu, others): (Vec<_>, Vec<_>) = metrics(&spec).into_iter().partition(is_cpu);
        fields.insert(
            "targetCPUUtilizationPercentage".to_owned(),
            cpu.first().map_or(Value::Null, |cpu| cpu["resource"]["target"]["averageUtilization"].clone()),
        );
        let others: Value = others.iter().map(flat).collect();
        let annotations = json!({
            "autoscaling.alpha.kubernetes.io/metrics": others.to_string(),
            "autoscaling.alpha.kubernetes.io/behavior": (!behavior.is_null()).then(|| capitals(&behavior).to_string()),
        });
        let policy = imported(&hpa("v1", &annotations, &older), &settings);
        prop_assert_eq!(policy, expected(&spec, &settings));
    }

    #[test]
    fn any_text_is_imported_or_refused(text in "(?s)(apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\n)?.{0,100}") {
        let _ = import_files(&[("a.yaml", text)], &ImportSettings::default());
    }
}
