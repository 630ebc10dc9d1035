//! What cannot be carried over is an error, with place, field and mend.

use headroom_policy::{ImportSettings, import_files};

fn errors(text: &str) -> Vec<String> {
    let read = import_files(&[("a.yaml", text)], &ImportSettings::default());
    let errors = read.expect_err(text);
    errors.iter().map(ToString::to_string).collect()
}

fn hpa(version: &str, spec: &str) -> String {
    format!(
        "\
apiVersion: autoscaling/{version}
kind: HorizontalPodAutoscaler
metadata:
  name: web
spec:
  scaleTargetRef: {{kind: Deployment, name: web}}
  maxReplicas: 9
{spec}"
    )
}

fn annotated(name: &str, text: &str) -> String {
    let annotation = format!(
        "  name: web\n  annotations:\n    autoscaling.alpha.kubernetes.io/{name}: '{text}'\n"
    );
    hpa("v1", "").replace("  name: web\n", &annotation)
}

#[test]
fn each_fault_is_named_where_it_stands() {
    let cases = [
        (
            "an unknown field",
            hpa("v2", "  selectionStrategy: OwnerReferences\n"),
            "a.yaml:8:3: spec.selectionStrategy: is not a field here; fields here are",
        ),
        (
            "an unknown field of v1",
            hpa("v1", "  targetCPU: 80\n"),
            "a.yaml:8:3: spec.targetCPU: is not a field here; did you mean targetCPUUtilizationPercentage?",
        ),
        (
            "a metric of v2 in v2beta1",
            hpa(
                "v2beta1",
                "  metrics:\n  - type: Resource\n    resource: {name: cpu, target: {averageUtilization: 3}}\n",
            ),
            "a.yaml:10:27: spec.metrics[0].resource.target: is not a field here; did you mean",
        ),
        (
            "a target of v2beta1 out of range",
            hpa(
                "v2beta1",
                "  metrics:\n  - type: Resource\n    resource: {name: cpu, targetAverageUtilization: 0}\n",
            ),
            "a.yaml:10:27: spec.metrics[0].resource.targetAverageUtilization: 0 is out of range; write a number from 1",
        ),
        (
            "a metric of v2beta1 without a target",
            hpa(
                "v2beta1",
                "  metrics:\n  - type: External\n    external: {metricName: load}\n",
            ),
            "a.yaml:10:5: spec.metrics[0].external: targetValue or targetAverageValue is missing; add it",
        ),
        (
            "one with two",
            hpa(
                "v2beta1",
                "  metrics:\n  - type: Object\n    object: {metricName: a, target: {kind: A, name: a}, targetValue: 3, averageValue: 2}\n",
            ),
            "spec.metrics[0].object: targetValue and averageValue are both given; keep one",
        ),
        (
            "one whose object has no name",
            hpa(
                "v2beta1",
                "  metrics:\n  - type: Object\n    object: {metricName: a, target: {kind: A}, targetValue: 3}\n",
            ),
            "spec.metrics[0].object.target.name: is missing; add it",
        ),
        (
            "a container of a resource",
            hpa(
                "v2beta1",
                "  metrics:\n  - type: Resource\n    resource: {name: cpu, container: app, targetAverageValue: 2}\n",
            ),
            "spec.metrics[0].resource.container: does not belong to a metric of type Resource",
        ),
        (
            "the share of v1 out of range",
            hpa("v1", "  targetCPUUtilizationPercentage: 0\n"),
            "a.yaml:8:3: spec.targetCPUUtilizationPercentage: 0 is out of range",
        ),
        (
            "an annotation that is not JSON",
            annotated("metrics", "[{"),
            "a.yaml:6:5: metadata.annotations.\"autoscaling.alpha.kubernetes.io/metrics\": is not JSON, so a cluster passes over it; mend it, or take it out",
        ),
        (
            "a fault within an annotation",
            annotated(
                "metrics",
                "[{\"type\":\"Pods\",\"pods\":{\"metricName\":\"a\",\"targetAverageValue\":\"0\"}}]",
            ),
            "a.yaml:6:5: metadata.annotations.\"autoscaling.alpha.kubernetes.io/metrics\"[0].pods.targetAverageValue: 0 is not above zero",
        ),
        (
            "a field within an annotation",
            annotated(
                "metrics",
                "[{\"type\":\"Pods\",\"pods\":{\"metricName\":\"a\",\"averge\":\"0\"}}]",
            ),
            "a.yaml:6:5: metadata.annotations.\"autoscaling.alpha.kubernetes.io/metrics\"[0].pods.averge: is not a field here",
        ),
        (
            "a rate within an annotation",
            annotated(
                "behavior",
                "{\"ScaleUp\":{\"Policies\":[{\"Type\":\"Pods\",\"Value\":0,\"PeriodSeconds\":15}]}}",
            ),
            "a.yaml:6:5: metadata.annotations.\"autoscaling.alpha.kubernetes.io/behavior\".scaleUp.policies[0].value: 0 is out of range",
        ),
        (
            "a tolerance of v2beta2",
            annotated("scale-down-tolerance", "much")
                .replace("autoscaling/v1", "autoscaling/v2beta2"),
            "a.yaml:6:5: metadata.annotations.\"autoscaling.alpha.kubernetes.io/scale-down-tolerance\": \"much\" is not a quantity",
        ),
        (
            "a version that is not known",
            hpa("v3", ""),
            "a.yaml:1:1: apiVersion: \"autoscaling/v3\" is not a version of HorizontalPodAutoscaler that is known here; let a cluster convert it to one of autoscaling/v2, ",
        ),
        (
            "another kind",
            hpa("v2", "").replace("HorizontalPodAutoscaler", "Deployment"),
            "a.yaml:2:1: kind: \"Deployment\" is no HorizontalPodAutoscaler; take it out",
        ),
        (
            "a policy",
            hpa("v2", "").replace("HorizontalPodAutoscaler", "ScalingPolicy"),
            "a.yaml:2:1: kind: is a policy already; take it out",
        ),
        (
            "no name",
            hpa("v2", "").replace("name: web\nspec", "generateName: web-\nspec"),
            "a.yaml:3:1: metadata.name: is missing; add it",
        ),
        (
            "nothing",
            "# nothing\n".to_owned(),
            "a.yaml:1:1: there is no HorizontalPodAutoscaler in it; leave the file out",
        ),
        (
            "an empty list",
            "{apiVersion: v1, kind: List, items: []}".to_owned(),
            "a.yaml:1:1: there is no HorizontalPodAutoscaler in it",
        ),
        ("no YAML", "a: [".to_owned(), "a.yaml:1:"),
        (
            "bounds",
            hpa("v1", "  minReplicas: 12\n"),
            "a.yaml:8:3: spec.minReplicas: 12 is above maxReplicas 9; lower one or raise the other",
        ),
    ];
    for (name, text, want) in cases {
        let errors = errors(&text);
        assert!(
            errors.iter().any(|error| error.contains(want)),
            "{name}: {errors:#?}"
        );
        assert_eq!(errors.len(), 1, "{name}: {errors:#?}");
    }
}

#[test]
fn a_fault_in_a_list_says_which_element() {
    let text = include_str!("manifests/list.yaml").replace("maxReplicas: 2", "maxReplicas: 0");
    assert_eq!(
        errors(&text),
        [
            "a.yaml:21:5: items[1].spec.maxReplicas: 0 is out of range; write a number from 1 to 2147483647"
        ]
    );
}

#[test]
fn two_of_one_target_name_each_other() {
    let one = hpa("v2", "");
    let two = format!(
        "{one}---\n{}",
        one.replace("  name: web\n", "  name: other\n")
    );
    let errors = errors(&two);
    assert_eq!(errors.len(), 2, "{errors:#?}");
    assert!(
        errors[0].contains("deployment default/web is also the target of policy default/other at a.yaml:14:3; put all rules of a target into one policy"),
        "{errors:#?}"
    );
}

#[test]
fn every_fault_is_named_at_once() {
    let text = format!(
        "{}---\n{}",
        hpa("v2", "  minReplicas: x\n  colour: red\n"),
        hpa("v1", "  colour: blue\n").replace("  name: web\n", "  name: other\n")
    );
    let errors = errors(&text);
    assert_eq!(errors.len(), 3, "{errors:#?}");
}

#[test]
fn a_broken_annotation_hides_no_other_fault() {
    let bounds = "12 is above maxReplicas 9";
    let share = "targetCPUUtilizationPercentage: 0 is out of range";
    let annotated = |name: &str, text: &str| {
        annotated(name, text) + "  minReplicas: 12\n  targetCPUUtilizationPercentage: 0\n"
    };
    let cases: [(&str, String, &[&str]); 5] = [
        (
            "metrics that are not JSON",
            annotated("metrics", "[{"),
            &["metrics\": is not JSON", bounds, share],
        ),
        (
            "a behavior that is not JSON",
            annotated("behavior", "{"),
            &["behavior\": is not JSON", bounds, share],
        ),
        (
            "a number that is none, of a metric that has no name",
            annotated(
                "metrics",
                r#"[{"type":"Pods","pods":{"targetAverageValue":[]}}]"#,
            ),
            &[
                "metrics\"[0].pods.targetAverageValue: ",
                "metrics\"[0].pods.metricName: is missing",
                bounds,
                share,
            ],
        ),
        (
            "a type that is none",
            annotated(
                "metrics",
                r#"[{"type":"Pod","pods":{"metricName":"a","targetAverageValue":"1"}}]"#,
            ),
            &["metrics\"[0].type: ", bounds, share],
        ),
        (
            "a rate that is no number, and one that is too small",
            annotated(
                "behavior",
                r#"{"ScaleUp":{"Policies":[{"Type":"Pods","Value":"x","PeriodSeconds":0}]}}"#,
            ),
            &[
                "behavior\".scaleUp.policies[0].value: ",
                "behavior\".scaleUp.policies[0].periodSeconds: 0 is out of range",
                bounds,
                share,
            ],
        ),
    ];
    for (name, text, wants) in cases {
        let errors = errors(&text);
        for want in wants {
            assert!(
                errors.iter().any(|error| error.contains(want)),
                "{name}: no {want:?} in {errors:#?}"
            );
        }
        assert_eq!(errors.len(), wants.len(), "{name}: {errors:#?}");
    }
}

#[test]
fn a_field_that_cannot_be_read_hides_no_other_fault_of_an_older_version() {
    let metrics = "  minReplicas: 12
  metrics:
  - type: External
    external: {metricName: 3, targetValue: 1, targetAverageValue: 1}
  - type: Object
    object: {metricName: a, target: {kind: A}, targetValue: 0}
  colour: red
";
    let errors = errors(&hpa("v2beta1", metrics));
    let wants = [
        "minReplicas: 12 is above maxReplicas 9",
        "spec.metrics[0].external: targetValue and targetAverageValue are both given",
        "spec.metrics[0].external.metricName: ",
        "spec.metrics[1].object.target.name: is missing",
        "spec.metrics[1].object.targetValue: 0 is not above zero",
        "spec.colour: is not a field here",
    ];
    for want in wants {
        assert!(
            errors.iter().any(|error| error.contains(want)),
            "no {want:?} in {errors:#?}"
        );
    }
    assert_eq!(errors.len(), wants.len(), "{errors:#?}");
}
