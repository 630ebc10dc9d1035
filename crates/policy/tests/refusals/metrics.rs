//! `metrics[]`.

use crate::{GOOD, each_is_refused, refused};

#[test]
fn mistakes_in_metrics_are_named() {
    each_is_refused(&[
        (
            "a metric of another type",
            "- type: External",
            "- type: Pods",
            "12:7: spec.metrics[0].pods: is missing; add it\n\
             web.yaml:13:7: spec.metrics[0].external: does not belong to a metric of type Pods; take it out",
        ),
        (
            "a type that nobody knows",
            "- type: External",
            "- type: Cosmic",
            "12:7: spec.metrics[0].type: \"Cosmic\" is not known here; write one of Resource, ContainerResource, Pods, Object, External",
        ),
        (
            "a metric without a type",
            "- type: External\n      external",
            "- external",
            "12:7: spec.metrics[0].type: is missing; add it",
        ),
        (
            "a metric that is two",
            "- type: External",
            "- type: External\n      pods: {}",
            "13:7: spec.metrics[0].pods: does not belong to a metric of type External; take it out",
        ),
        (
            "a metric that is not one",
            "- type: External",
            "- 3\n    - type: External",
            "12:7: spec.metrics[0]: 3 is not a mapping with type, the field of that type, and from; write one",
        ),
        (
            "a target value of zero",
            "averageValue: 30",
            "averageValue: 0",
            "15:38: spec.metrics[0].external.target.averageValue: 0 is not above zero; write what one replica, or all of them, should carry",
        ),
        (
            "a negative target value",
            "averageValue: 30",
            "averageValue: -500m",
            "15:38: spec.metrics[0].external.target.averageValue: -500m is not above zero; write what one replica, or all of them, should carry",
        ),
        (
            "a target value that is no quantity",
            "averageValue: 30",
            "averageValue: 30K",
            r#"15:38: spec.metrics[0].external.target.averageValue: "30K" is not a quantity; write a number, with one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei or an exponent such as e3 behind it"#,
        ),
        (
            "a target value of text NaN",
            "averageValue: 30",
            "averageValue: 'NaN'",
            r#"15:38: spec.metrics[0].external.target.averageValue: "NaN" is not a quantity; write a number, with one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei or an exponent such as e3 behind it"#,
        ),
        (
            "no target value",
            ", averageValue: 30",
            "",
            "15:9: spec.metrics[0].external.target: averageValue or value is missing; write one of averageValue and value",
        ),
        (
            "two target values",
            "averageValue: 30",
            "averageValue: 30, value: 3",
            "15:9: spec.metrics[0].external.target: averageValue and value are both given; write one of averageValue and value",
        ),
        (
            "a target value of the other type",
            "averageValue: 30",
            "value: 3",
            "15:18: spec.metrics[0].external.target.type: AverageValue does not go with value; write Value",
        ),
        (
            "a utilization",
            "type: AverageValue, averageValue: 30",
            "type: Utilization, averageUtilization: 80",
            "15:9: spec.metrics[0].external.target: a metric of this type has no averageUtilization; write one of averageValue and value",
        ),
        (
            "no metric name",
            "metric: {name: load}",
            "metric: {}",
            "14:9: spec.metrics[0].external.metric.name: is missing; add it",
        ),
        (
            "a selector that compares with nothing",
            "{name: load}",
            "{name: load, selector: {matchExpressions: [{key: a, operator: In}]}}",
            "14:60: spec.metrics[0].external.metric.selector.matchExpressions[0].values: is missing; list the values to compare with",
        ),
        (
            "a tolerance in percent",
            "      from: {",
            "      tolerance: 10\n      from: {",
            "16:7: spec.metrics[0].tolerance: 10 is not a ratio from 0 to 1; write 0.1 for 10 %",
        ),
        (
            "an unknown source",
            "source: metrics",
            "source: metric",
            r#"16:14: spec.metrics[0].from.source: "metric" is not a source of this installation; name one of metrics, push"#,
        ),
        (
            "no source",
            "source: metrics, ",
            "",
            "16:7: spec.metrics[0].from.source: is missing; add it",
        ),
        (
            "a query to nobody",
            "source: metrics",
            "source: push",
            "16:28: spec.metrics[0].from.query: a pushed reading cannot be asked for; take the query out, or name another source",
        ),
        (
            "an empty query",
            "query: load",
            "query: ' '",
            "16:31: spec.metrics[0].from.query: is empty; write a query, or take the field out to ask for the metric by its name",
        ),
        (
            "an interval without a unit",
            "interval: 5s",
            "interval: 5",
            r#"16:44: spec.metrics[0].from.interval: "5" has no unit; write 5s for seconds, or one of ms, m, h, d"#,
        ),
        (
            "an interval in seconds",
            "interval: 5s",
            "intervalSeconds: 5",
            "16:44: spec.metrics[0].from.intervalSeconds: is not a field here; did you mean interval?",
        ),
        (
            "an interval of nothing",
            "interval: 5s",
            "interval: 0s",
            "16:44: spec.metrics[0].from.interval: 0s is out of range; write a duration from 100ms to 24h",
        ),
        (
            "a freshness below the interval",
            "interval: 5s",
            "interval: 5s, freshness: 1s",
            "16:58: spec.metrics[0].from.freshness: 1s is shorter than the interval 5s; make it longer, or samples are too old before the next one comes",
        ),
    ]);
}

/// What is said of the good policy with another metric in the place of its own.
fn with(metric: &str) -> String {
    let own = "\
    - type: External
      external:
        metric: {name: load}
        target: {type: AverageValue, averageValue: 30}
      from: {source: metrics, query: load, interval: 5s}
";
    assert!(GOOD.contains(own));
    refused(&GOOD.replace(own, &format!("    - {metric}\n")))
}

#[test]
fn each_type_of_metric_has_its_own_targets() {
    let resource =
        |target: &str| format!("{{type: Resource, resource: {{name: cpu, target: {{{target}}}}}}}");
    let container = |rest: &str| {
        format!("{{type: ContainerResource, containerResource: {{name: cpu, {rest}}}}}")
    };
    let pods = |target: &str| {
        format!("{{type: Pods, pods: {{metric: {{name: rps}}, target: {{{target}}}}}}}")
    };
    let object =
        |rest: &str| format!("{{type: Object, object: {{metric: {{name: hits}}, {rest}}}}}");
    let ingress = "describedObject: {kind: Ingress, name: main}";
    let accepted = "accepted";
    let cases = [
        (resource("averageUtilization: 80"), accepted),
        (
            resource("type: Utilization, averageUtilization: 200"),
            accepted,
        ),
        (resource("averageValue: 500m"), accepted),
        (
            resource("value: 3"),
            "resource.target: a metric of this type has no value; write one of averageUtilization and averageValue",
        ),
        (
            resource("averageUtilization: 0"),
            "resource.target.averageUtilization: 0 is out of range; write a number from 1 to 2147483647",
        ),
        (
            resource("averageUtilization: -5"),
            "resource.target.averageUtilization: -5 is out of range; write a number from 1 to 2147483647",
        ),
        (
            resource("averageUtilization: 80, averageValue: 1"),
            "resource.target: averageUtilization and averageValue are both given; write one of averageUtilization and averageValue",
        ),
        (
            resource("type: AverageValue, averageUtilization: 80"),
            "resource.target.type: AverageValue does not go with averageUtilization; write Utilization",
        ),
        (
            container("container: app, target: {averageUtilization: 80}"),
            accepted,
        ),
        (
            container("target: {averageUtilization: 80}"),
            "containerResource.container: is missing; add it",
        ),
        (pods("averageValue: 10"), accepted),
        (
            pods("value: 10"),
            "pods.target: a metric of this type has no value; write averageValue",
        ),
        (
            pods("averageUtilization: 10"),
            "pods.target: a metric of this type has no averageUtilization; write averageValue",
        ),
        (
            object(&format!("{ingress}, target: {{value: 10}}")),
            accepted,
        ),
        (
            object(&format!("{ingress}, target: {{averageValue: 10}}")),
            accepted,
        ),
        (
            object("target: {value: 10}"),
            "object.describedObject: is missing; add it",
        ),
        (
            object(&format!("{ingress}, target: {{averageUtilization: 10}}")),
            "object.target: a metric of this type has no averageUtilization; write one of averageValue and value",
        ),
    ];
    for (metric, want) in cases {
        let said = with(&metric);
        let said = match said.split_once("spec.metrics[0].") {
            Some((_, said)) => said,
            None => &said,
        };
        assert_eq!(said, want, "{metric}");
    }
}
