//! `behavior`, `evaluation` and `cooldown`.

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

#[test]
fn mistakes_in_evaluation_are_named() {
    let cases = [
        (
            "a period below the clock's tick",
            "evaluation: {period: 500ms}",
            "27:16: spec.evaluation.period: 500ms is out of range; write a duration from 1s to 30m",
        ),
        (
            "a period beyond what is remembered",
            "evaluation: {period: 31m}",
            "27:16: spec.evaluation.period: 31m is out of range; write a duration from 1s to 30m",
        ),
        (
            "a period without a unit",
            "evaluation: {period: 15}",
            r#"27:16: spec.evaluation.period: "15" has no unit; write 15s for seconds, or one of ms, m, h, d"#,
        ),
        (
            "an unknown trigger",
            "evaluation: {trigger: period}",
            r#"27:16: spec.evaluation.trigger: "period" is not known here; did you mean Period?"#,
        ),
        (
            "a window beyond an hour",
            "evaluation: {downscaleStabilization: 2h}",
            "27:16: spec.evaluation.downscaleStabilization: 2h is out of range; write a duration from 0s to 1h",
        ),
        (
            "a factor below one",
            "evaluation: {scaleUpLimit: {factor: 500m}}",
            "27:31: spec.evaluation.scaleUpLimit.factor: 500m is below 1; write how many times the count may grow in a period, such as 2",
        ),
        (
            "a factor that is a word",
            "evaluation: {scaleUpLimit: {factor: twice}}",
            r#"27:31: spec.evaluation.scaleUpLimit.factor: "twice" is not a quantity; write a number, with one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei or an exponent such as e3 behind it"#,
        ),
        (
            "a minimum of none",
            "evaluation: {scaleUpLimit: {minimum: 0}}",
            "27:31: spec.evaluation.scaleUpLimit.minimum: 0 is out of range; write a number from 1 to 2147483647",
        ),
        (
            "processor readings distrusted for too long",
            "evaluation: {cpuInitializationPeriod: 1d}",
            "27:16: spec.evaluation.cpuInitializationPeriod: 24h is out of range; write a duration from 0s to 1h",
        ),
        (
            "readiness distrusted for too long",
            "evaluation: {initialReadinessDelay: 61m}",
            "27:16: spec.evaluation.initialReadinessDelay: 61m is out of range; write a duration from 0s to 1h",
        ),
        (
            "a flag in the words of the command line",
            "evaluation: {syncPeriod: 15s}",
            "27:16: spec.evaluation.syncPeriod: is not a field here; fields here are period, trigger, downscaleStabilization, scaleUpLimit, cpuInitializationPeriod, initialReadinessDelay",
        ),
        (
            "a limit that is a number",
            "evaluation: {scaleUpLimit: 2}",
            "27:16: spec.evaluation.scaleUpLimit: 2 is not a mapping with factor and minimum; write one",
        ),
    ];
    let place = "cooldown: {scaleUp: 30s}";
    each_is_refused(&cases.map(|(name, evaluation, want)| (name, place, evaluation, want)));
}
