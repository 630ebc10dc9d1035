//! Manifests as clusters print them, and the policies that come of them.

use headroom_policy::{
    ImportSettings, Imported, Pace, Scope, Strategy, TargetValue, import_files, parse_files,
    to_yaml,
};

fn import(text: &str) -> Vec<Imported> {
    import_files(&[("hpa.yaml", text)], &ImportSettings::default())
        .unwrap_or_else(|errors| panic!("{errors}"))
}

fn yaml(imported: &[Imported]) -> String {
    to_yaml(&imported.iter().map(|one| &one.manifest).collect::<Vec<_>>())
}

/// What is written is read as the policies it was written of.
fn reads_back(imported: &[Imported]) {
    let text = yaml(imported);
    let read = parse_files(&[("policy.yaml", &text)]).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let read: Vec<_> = read
        .into_iter()
        .map(|one| (one.policy, one.value))
        .collect();
    let documents = imported.iter().map(|one| one.document.clone());
    let want: Vec<_> = documents.map(|one| (one.policy, one.value)).collect();
    assert_eq!(read, want, "{text}");
}

#[test]
fn an_hpa_with_every_type_of_metric_reads_well() {
    let imported = import(include_str!("manifests/v2.yaml"));
    reads_back(&imported);
    assert_eq!(yaml(&imported), include_str!("manifests/v2.policy.yaml"));
    let one = &imported[0];
    assert_eq!(
        (one.api_version.as_str(), one.document.line),
        ("autoscaling/v2", 1)
    );
    assert!(!one.default_metric);
}

#[test]
fn v1_is_read_with_its_annotations() {
    let imported = import(include_str!("manifests/v1.yaml"));
    reads_back(&imported);
    let policy = &imported[0].document.policy;
    assert_eq!(policy.workload.to_string(), "shop/frontend");
    assert_eq!((policy.min_replicas.0, policy.max_replicas.0), (3, 20));
    let rules: Vec<_> = policy
        .rules
        .iter()
        .map(|rule| {
            let metric = &rule.metric;
            let target = match &rule.strategy {
                Strategy::Utilization { percent, .. } => Err(*percent),
                Strategy::Proportional { target, .. } => Ok(*target),
                other => panic!("{other:?}"),
            };
            (metric.metric.as_str(), metric.scope.clone(), target)
        })
        .collect();
    let average = |value| Ok(TargetValue::AverageValue(value));
    let want = [
        ("memory", Scope::Resource, average(536_870_912.0)),
        (
            "requests_per_second{Name=\"frontend\"}",
            Scope::Pods,
            average(100.0),
        ),
        ("Ingress/main/requests", Scope::Object, average(250.0)),
        (
            "orders_waiting{queue=~\"late|main\"}",
            Scope::External,
            Ok(TargetValue::Value(30.0)),
        ),
        ("cpu", Scope::Container("app".into()), Err(60)),
        // As in a cluster, the field comes after the annotation.
        ("cpu", Scope::Resource, Err(70)),
    ];
    assert_eq!(rules, want);
    let text = yaml(&imported);
    assert!(text.contains("      policies:\n        - type: Percent\n          value: 10\n          periodSeconds: 60\n      tolerance: 50m\n"), "{text}");
}

#[test]
fn v1_without_anything_has_the_default_metric() {
    let one = &import(include_str!("manifests/list.yaml"))[1];
    assert!(one.default_metric);
    assert_eq!(one.document.policy.workload.to_string(), "staging/web");
    let Strategy::Utilization { percent, .. } = one.document.policy.rules[0].strategy else {
        panic!("{:?}", one.document.policy.rules)
    };
    assert_eq!(percent, 80);
}

#[test]
fn an_empty_behavior_in_an_annotation_is_none() {
    let cases = [
        ("{}", Pace::Plain),
        (r#"{"ScaleUp":null,"ScaleDown":null}"#, Pace::Plain),
        (r#"{"ScaleUp":{}}"#, Pace::Behavior),
    ];
    for (behavior, want) in cases {
        let text = format!(
            "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\n\
             metadata: {{name: a, annotations: {{autoscaling.alpha.kubernetes.io/behavior: '{behavior}'}}}}\n\
             spec: {{maxReplicas: 3, scaleTargetRef: {{kind: Deployment, name: a}}}}\n"
        );
        assert_eq!(import(&text)[0].document.policy.pace, want, "{behavior}");
    }
}

#[test]
fn a_list_is_read_one_by_one() {
    let imported = import(include_str!("manifests/list.yaml"));
    reads_back(&imported);
    let found: Vec<_> = imported
        .iter()
        .map(|one| (one.document.policy.workload.to_string(), one.document.line))
        .collect();
    assert_eq!(
        found,
        [("shop/web".to_owned(), 3), ("staging/web".to_owned(), 15)]
    );
    // The API names version and kind once.
    let api = r#"{"apiVersion": "autoscaling/v1", "kind": "HorizontalPodAutoscalerList", "metadata": {}, "items": [
        {"metadata": {"name": "a"}, "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "a"}, "maxReplicas": 3}}]}"#;
    assert_eq!(import(api)[0].api_version, "autoscaling/v1");
}

#[test]
fn v2beta2_keeps_its_tolerance_in_annotations() {
    let imported = import(include_str!("manifests/v2beta2.yaml"));
    reads_back(&imported);
    let strategy = &imported[0].document.policy.rules[0].strategy;
    let want = Strategy::Proportional {
        target: TargetValue::Value(100.0),
        tolerance_up: 0.2,
        tolerance_down: 0.1,
    };
    assert_eq!(strategy, &want);
}

#[test]
fn the_flat_metrics_of_v2beta1_are_those_of_v2() {
    let imported = import(include_str!("manifests/v2beta1.yaml"));
    reads_back(&imported);
    let v2 = "\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: mail, namespace: shop}
spec:
  maxReplicas: 6
  metrics:
  - type: Resource
    resource: {name: cpu, target: {averageUtilization: 55, type: Utilization}}
  - type: Object
    object:
      describedObject: {apiVersion: v1, kind: Service, name: mail}
      metric: {name: hits}
      target: {type: Value, value: 2k}
  - type: External
    external:
      metric: {name: letters}
      target: {type: AverageValue, averageValue: 1500m}
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: mail}
";
    assert_eq!(yaml(&imported), yaml(&import(v2)));
}

#[test]
fn an_average_of_an_object_may_have_a_zero_beside_it() {
    let text = include_str!("manifests/v2.yaml");
    let was = "        type: Value\n        value: 10k\n";
    let now = "        averageValue: 250\n        type: AverageValue\n        value: \"0\"\n";
    assert!(text.contains(was));
    let imported = import(&text.replace(was, now));
    reads_back(&imported);
    let Strategy::Proportional { target, .. } = imported[0].document.policy.rules[3].strategy
    else {
        panic!("{:?}", imported[0].document.policy.rules)
    };
    assert_eq!(target, TargetValue::AverageValue(250.0));
}

#[test]
fn several_documents_and_files_keep_their_order() {
    let hpa = |name: &str| {
        format!(
            "apiVersion: autoscaling/v1\nkind: HorizontalPodAutoscaler\nmetadata: {{name: {name}}}\n\
             spec: {{maxReplicas: 3, scaleTargetRef: {{kind: Deployment, name: {name}}}}}\n"
        )
    };
    let files = [
        ("b.yaml", format!("{}---\n{}", hpa("z"), hpa("y"))),
        ("a.yaml", hpa("x")),
    ];
    let imported = import_files(&files, &ImportSettings::default()).unwrap();
    let names: Vec<_> = imported
        .iter()
        .map(|one| one.document.policy.workload.to_string())
        .collect();
    assert_eq!(names, ["default/z", "default/y", "default/x"]);
}

#[test]
fn what_a_policy_says_more_than_an_hpa_is_kept() {
    let text = "\
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {kind: Command, name: web}
  maxReplicas: 9
  mode: shadow
  evaluation: {period: 5s, trigger: OnArrival}
  thresholds: [{metric: age, above: 60, change: {add: 1}}]
";
    let imported = import(text);
    reads_back(&imported);
    let (direct, one) = (parse_files(&[("a", text)]).unwrap(), &imported[0]);
    assert_eq!(direct[0].policy, one.document.policy);
}
