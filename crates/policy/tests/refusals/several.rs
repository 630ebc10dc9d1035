//! Several mistakes are named together.

use crate::{GOOD, refused};
use headroom_policy::{Policy, parse_files};
use serde_json::json;

#[test]
fn all_mistakes_of_a_document_are_named_in_the_order_of_its_lines() {
    let text = "\
apiVersion: headroom.dev/v1alpha1
kind: ScalingPolicy
metadata: {name: 12}
spec:
  scaleTargetRef: [a]
  minReplicas: 12
  maxReplicas: 10
  mode: Activ
  metrics: [3]
  threshold: []
  behavior: {scaleUp: {policies: [{}]}}
";
    let want = r#"web.yaml:3:12: metadata.name: 12 is not a text; write one, in quotes if it looks like something else
web.yaml:5:3: spec.scaleTargetRef: a list is not a mapping with apiVersion, kind and name; write one
web.yaml:6:3: spec.minReplicas: 12 is above maxReplicas 10; lower one or raise the other
web.yaml:8:3: spec.mode: "Activ" is not known here; did you mean active?
web.yaml:9:13: spec.metrics[0]: 3 is not a mapping with type, the field of that type, and from; write one
web.yaml:10:3: spec.threshold: is not a field here; did you mean thresholds?
web.yaml:11:35: spec.behavior.scaleUp.policies[0].type: is missing; add it
web.yaml:11:35: spec.behavior.scaleUp.policies[0].value: is missing; add it
web.yaml:11:35: spec.behavior.scaleUp.policies[0].periodSeconds: is missing; add it"#;
    assert_eq!(refused(text), want);
}

#[test]
fn a_document_without_fields_misses_all_that_are_required() {
    let want = "\
web.yaml:1:1: apiVersion: is missing; add it
web.yaml:1:1: kind: is missing; add it
web.yaml:1:1: metadata: is missing; add it
web.yaml:1:1: spec: is missing; add it";
    assert_eq!(refused("{}"), want);
}

#[test]
fn mistakes_of_several_files_and_documents_are_named_together() {
    let bad = GOOD.replace("minReplicas: 1", "minReplicas: 11");
    let files = [("a.yaml", format!("{GOOD}---\n{bad}")), ("b.yaml", bad)];
    let said = parse_files(&files).unwrap_err().to_string();
    let want = "\
a.yaml:37:3: spec.minReplicas: 11 is above maxReplicas 10; lower one or raise the other
b.yaml:9:3: spec.minReplicas: 11 is above maxReplicas 10; lower one or raise the other";
    assert_eq!(said, want);
}

#[test]
fn two_policies_of_one_name_name_each_other() {
    let files = [("b.yaml", GOOD), ("a.yaml", &format!("# again\n{GOOD}"))];
    let said = parse_files(&files).unwrap_err().to_string();
    let want = "\
b.yaml:4:3: metadata.name: policy default/web is also at a.yaml:5:3; give each its own name, or keep one
a.yaml:5:3: metadata.name: policy default/web is also at b.yaml:4:3; give each its own name, or keep one";
    assert_eq!(said, want);
}

#[test]
fn policies_for_one_target_name_each_other() {
    let other = GOOD.replacen("name: web", "name: other", 1);
    let said = parse_files(&[("web.yaml", format!("{GOOD}---\n{other}"))]).unwrap_err();
    let want = "\
web.yaml:6:3: spec.scaleTargetRef: process default/web is also the target of policy default/other at web.yaml:34:3; put all rules of a target into one policy
web.yaml:34:3: spec.scaleTargetRef: process default/web is also the target of policy default/web at web.yaml:6:3; put all rules of a target into one policy";
    assert_eq!(said.to_string(), want);
}

#[test]
fn targets_differ_by_namespace_kind_and_name_but_not_by_api_group_or_capitals() {
    let of = |policy: &str, namespace: &str, target: &str| {
        GOOD.replacen(
            "name: web",
            &format!("name: {policy}\n  namespace: {namespace}"),
            1,
        )
        .replacen("kind: Process\n    name: web", target, 1)
    };
    let web = of(
        "one",
        "default",
        "apiVersion: apps/v1\n    kind: Deployment\n    name: web",
    );
    let cases = [
        (
            "a newer version",
            "default",
            "apiVersion: apps/v1beta1\n    kind: Deployment\n    name: web",
            false,
        ),
        (
            "another group",
            "default",
            "apiVersion: example.com/v1\n    kind: Deployment\n    name: web",
            false,
        ),
        (
            "no group",
            "default",
            "kind: Deployment\n    name: web",
            false,
        ),
        (
            "other capitals in the kind",
            "default",
            "apiVersion: apps/v1\n    kind: deploymenT\n    name: web",
            false,
        ),
        (
            "other capitals in the name",
            "default",
            "apiVersion: apps/v1\n    kind: Deployment\n    name: Web",
            true,
        ),
        (
            "another kind",
            "default",
            "apiVersion: apps/v1\n    kind: StatefulSet\n    name: web",
            true,
        ),
        (
            "another name",
            "default",
            "apiVersion: apps/v1\n    kind: Deployment\n    name: web-2",
            true,
        ),
        (
            "another namespace",
            "shop",
            "apiVersion: apps/v1\n    kind: Deployment\n    name: web",
            true,
        ),
    ];
    for (name, namespace, target, differ) in cases {
        let files = [
            ("web.yaml", &web),
            ("other.yaml", &of("other", namespace, target)),
        ];
        assert_eq!(parse_files(&files).is_ok(), differ, "{name}");
    }
}

#[test]
fn without_a_list_of_sources_any_source_is_taken_to_be_there() {
    let text = GOOD.replace("source: metrics", "source: elsewhere");
    assert!(parse_files(&[("web.yaml", &text)]).is_ok());
    assert!(refused(&text).contains("\"elsewhere\" is not a source of this installation"));
}

#[test]
fn a_value_is_refused_in_the_same_words_without_a_place() {
    let value = json!({"apiVersion": "headroom.dev/v1alpha1", "kind": "ScalingPolicy", "metadata": {"name": "a"}});
    let said = Policy::from_value(&value).unwrap_err();
    assert_eq!(said.to_string(), "spec: is missing; add it");
    assert!(said.iter().all(|error| error.place.is_none()));
}

#[test]
fn a_flood_of_mistakes_ends_after_twenty() {
    let fields: String = (0..5_000).map(|n| format!("field{n}: 0\n")).collect();
    assert_eq!(refused(&fields).lines().count(), 20);
}
