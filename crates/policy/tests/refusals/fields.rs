//! Kind, name, target, bounds and mode.

use crate::each_is_refused;

#[test]
fn mistakes_in_the_head_are_named() {
    each_is_refused(&[
        (
            "an unknown version",
            "v1alpha1",
            "v1",
            r#"1:1: apiVersion: "headroom.dev/v1" is not a version of ScalingPolicy that is known here; write headroom.dev/v1alpha1"#,
        ),
        (
            "an unknown kind",
            "ScalingPolicy",
            "ScalingPolicies",
            r#"2:1: kind: "ScalingPolicies" is not a kind of policy; write ScalingPolicy"#,
        ),
        (
            "a list of HPAs",
            "headroom.dev/v1alpha1\nkind: ScalingPolicy",
            "v1\nkind: List",
            r#"2:1: kind: a List is not a policy; make policies of a list of HorizontalPodAutoscalers with headroom import"#,
        ),
        (
            "an old HPA",
            "headroom.dev/v1alpha1\nkind: ScalingPolicy",
            "autoscaling/v1\nkind: HorizontalPodAutoscaler",
            r#"1:1: apiVersion: "autoscaling/v1" is not a version of HorizontalPodAutoscaler that is read here; make a policy of it with headroom import, or write it as autoscaling/v2"#,
        ),
        (
            "a count that is no number",
            "minReplicas: 1",
            "minReplicas: .nan",
            r#"9:3: spec.minReplicas: ".nan" is not a whole number; write one, without quotes"#,
        ),
        (
            "an amount that is no number",
            "above: 2",
            "above: .inf",
            r#"20:7: spec.thresholds[0].above: ".inf" is not a quantity; write a number, with one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei or an exponent such as e3 behind it"#,
        ),
        (
            "an amount beyond all numbers",
            "above: 2",
            "above: 1e999",
            r#"20:7: spec.thresholds[0].above: ".inf" is not a quantity; write a number, with one of n, u, m, k, M, G, T, P, E, Ki, Mi, Gi, Ti, Pi, Ei or an exponent such as e3 behind it"#,
        ),
        (
            "no name",
            "  name: web\nspec",
            "  namespace: shop\nspec",
            "3:1: metadata.name: is missing; add it",
        ),
        (
            "a name in capitals",
            "  name: web\nspec",
            "  name: Web\nspec",
            r#"4:3: metadata.name: "Web" contains 'W'; write 1 to 253 lower-case letters, digits, '-' and '.', a letter or digit first and last"#,
        ),
        (
            "an empty namespace",
            "  name: web\nspec",
            "  name: web\n  namespace: ''\nspec",
            "5:3: metadata.namespace: has 0 characters; write 1 to 253 lower-case letters, digits, '-' and '.', a letter or digit first and last",
        ),
        (
            "a name that is a number",
            "  name: web\nspec",
            "  name: 12\nspec",
            "4:3: metadata.name: 12 is not a text; write one, in quotes if it looks like something else",
        ),
        (
            "no target",
            "  scaleTargetRef:\n    kind: Process\n    name: web\n",
            "",
            "5:1: spec.scaleTargetRef: is missing; add it",
        ),
        (
            "a target with a space",
            "    name: web",
            "    name: web 1",
            r#"8:5: spec.scaleTargetRef.name: "web 1" contains ' '; take it out"#,
        ),
        (
            "min above max",
            "minReplicas: 1",
            "minReplicas: 12",
            "9:3: spec.minReplicas: 12 is above maxReplicas 10; lower one or raise the other",
        ),
        (
            "a negative min",
            "minReplicas: 1",
            "minReplicas: -1",
            "9:3: spec.minReplicas: -1 is out of range; write a number from 0 to 2147483647",
        ),
        (
            "a max of zero",
            "maxReplicas: 10",
            "maxReplicas: 0",
            "10:3: spec.maxReplicas: 0 is out of range; write a number from 1 to 2147483647",
        ),
        (
            "no max",
            "  maxReplicas: 10\n",
            "",
            "5:1: spec.maxReplicas: is missing; add it",
        ),
        (
            "a max beyond int32",
            "maxReplicas: 10",
            "maxReplicas: 2147483648",
            "10:3: spec.maxReplicas: 2147483648 is out of range; write a number from 1 to 2147483647",
        ),
        (
            "a max beyond int64",
            "maxReplicas: 10",
            "maxReplicas: 9223372036854775808",
            "10:3: spec.maxReplicas: 9223372036854775808 is too large; write a smaller number",
        ),
        (
            "a max beyond any integer",
            "maxReplicas: 10",
            "maxReplicas: 99999999999999999999999",
            "10:3: spec.maxReplicas: 100000000000000000000000 is not a whole number; write one, without quotes",
        ),
        (
            "a fraction of a replica",
            "maxReplicas: 10",
            "maxReplicas: 10.5",
            "10:3: spec.maxReplicas: 10.5 is not a whole number; write one, without quotes",
        ),
        (
            "a number in quotes",
            "maxReplicas: 10",
            "maxReplicas: '10'",
            r#"10:3: spec.maxReplicas: "10" is not a whole number; write one, without quotes"#,
        ),
        (
            "a slip in a field",
            "minReplicas: 1",
            "minReplica: 1",
            "9:3: spec.minReplica: is not a field here; did you mean minReplicas?",
        ),
        (
            "a slip in a required field",
            "maxReplicas: 10",
            "maxreplicas: 10",
            "10:3: spec.maxreplicas: is not a field here; did you mean maxReplicas?",
        ),
        (
            "a field of nowhere",
            "minReplicas: 1",
            "colour: red",
            "9:3: spec.colour: is not a field here; fields here are scaleTargetRef, minReplicas, maxReplicas, mode, metrics, thresholds, behavior, evaluation, cooldown, justification",
        ),
        (
            "a slip in a word",
            "cooldown: {scaleUp: 30s}",
            "mode: shadows",
            r#"27:3: spec.mode: "shadows" is not known here; did you mean shadow?"#,
        ),
    ]);
}
