//! `thresholds[]`.

use crate::each_is_refused;

#[test]
fn mistakes_in_thresholds_are_named() {
    each_is_refused(&[
        (
            "the name of another rule",
            "- type: External",
            "- name: slow\n      type: External",
            r#"19:7: spec.thresholds[0].name: "slow" is already the name of spec.metrics[0]; give each rule its own name"#,
        ),
        (
            "another query for the same metric",
            "metric: latency",
            "metric: load\n      from: {source: metrics, query: rate}",
            r#"20:31: spec.thresholds[0].from.query: spec.metrics[0] reads "load" from metrics with another query; give the metric another name, or both the same query"#,
        ),
        (
            "no threshold",
            "      above: 2\n",
            "",
            "18:7: spec.thresholds[0]: above or below is missing; write one of them; a second threshold can have the other",
        ),
        (
            "two thresholds",
            "above: 2",
            "above: 2\n      below: 1",
            "18:7: spec.thresholds[0]: above and below are both given; write one of them; a second threshold can have the other",
        ),
        (
            "a threshold that cannot be read",
            "above: 2",
            "above: [2]",
            r#"20:7: spec.thresholds[0].above: a list is not a number or a quantity such as "500m"; write one"#,
        ),
        (
            "a duration that is none",
            "for: 1m",
            "for: soon",
            r#"21:7: spec.thresholds[0].for: "soon" is not a duration; write whole numbers with ms, s, m, h or d, largest first, such as "90s" or "1h30m""#,
        ),
        (
            "a duration beyond a day",
            "for: 1m",
            "for: 36h",
            "21:7: spec.thresholds[0].for: 36h is out of range; write a duration from 0s to 24h",
        ),
        (
            "no change",
            "add: 1",
            "",
            "22:7: spec.thresholds[0].change: orders nothing; write exactly one of add, percent and to",
        ),
        (
            "two changes",
            "add: 1",
            "add: 1, percent: 10",
            "22:7: spec.thresholds[0].change: orders several things; write exactly one of add, percent and to",
        ),
        (
            "a change of nothing",
            "add: 1",
            "add: 0",
            "22:16: spec.thresholds[0].change.add: 0 changes nothing; write how many more, or a negative number for fewer",
        ),
        (
            "a change of less than everything",
            "add: 1",
            "percent: -101",
            "22:16: spec.thresholds[0].change.percent: -101 is out of range; write a number from -100 to 2147483647",
        ),
        (
            "a change beyond int32",
            "add: 1",
            "add: -2147483648",
            "22:16: spec.thresholds[0].change.add: -2147483648 is out of range; write a number from -2147483647 to 2147483647",
        ),
        (
            "a change to beyond max",
            "add: 1",
            "to: 11",
            "22:16: spec.thresholds[0].change.to: 11 is outside minReplicas 1 and maxReplicas 10; write a count between them, or move a bound",
        ),
    ]);
}
