//! `behavior` and `cooldown`.

use crate::each_is_refused;

#[test]
fn mistakes_in_behavior_and_cooldown_are_named() {
    each_is_refused(&[
        (
            "a window beyond an hour",
            "Seconds: 60\n      policies",
            "Seconds: 3601\n      policies",
            "25:7: spec.behavior.scaleDown.stabilizationWindowSeconds: 3601 is out of range; write a number from 0 to 3600",
        ),
        (
            "a rate of zero",
            "value: 1, period",
            "value: 0, period",
            "26:31: spec.behavior.scaleDown.policies[0].value: 0 is out of range; write a number from 1 to 2147483647",
        ),
        (
            "a period of zero",
            "periodSeconds: 60",
            "periodSeconds: 0",
            "26:41: spec.behavior.scaleDown.policies[0].periodSeconds: 0 is out of range; write a number from 1 to 1800",
        ),
        (
            "a period beyond half an hour",
            "periodSeconds: 60",
            "periodSeconds: 1801",
            "26:41: spec.behavior.scaleDown.policies[0].periodSeconds: 1801 is out of range; write a number from 1 to 1800",
        ),
        (
            "a rate of an unknown type",
            "type: Pods",
            "type: pods",
            r#"26:19: spec.behavior.scaleDown.policies[0].type: "pods" is not known here; did you mean Pods?"#,
        ),
        (
            "a cooldown that is a word",
            "cooldown: {scaleUp: 30s}",
            "cooldown: long",
            r#"27:3: spec.cooldown: "long" is not a mapping with scaleUp and scaleDown; write one"#,
        ),
        (
            "a cooldown below zero",
            "scaleUp: 30s",
            "scaleUp: -30s",
            r#"27:14: spec.cooldown.scaleUp: "-30s" is not a duration; write whole numbers with ms, s, m, h or d, largest first, such as "90s" or "1h30m""#,
        ),
    ]);
}
