//! Policies coming and going, replicas, deadlines, and the form of the state.

use crate::support::*;
use headroom_evaluator::Evaluator;
use headroom_model::{
    Body, Machine, Replicas, Seq, WorkloadId,
    body::{
        Drifted, Outcome, PolicyApplied, PolicyRemoved, Recommendation, Recommended, RuleReason,
    },
};
use headroom_policy::{Change, Crossed, Rule, Strategy, TargetValue};

fn hot() -> Rule {
    step("cpu", Crossed::Above(70.0), 30, Change::By(2))
}

fn unreadable() -> Body {
    Body::from(PolicyApplied {
        policy: serde_json::json!({ "kind": "ScalingPolicy" }),
        owner: "test".into(),
    })
}

fn removed() -> Body {
    Body::from(PolicyRemoved {
        owner: "test".into(),
    })
}

#[test]
fn a_new_policy_makes_every_rule_speak_and_keeps_what_the_same_rules_know() {
    let mut desk = Desk::with(vec![rps(), hot()], 3);
    desk.tell(1.0, total("rps", 1.0, 40.0));
    for second in [1.0, 15.0] {
        desk.tell(second, total("cpu", second, 90.0));
    }
    let again = desk.answers(16.0, &checkout(), applied(&[rps(), hot()]));
    let said: Vec<_> = again
        .iter()
        .map(|(_, recommended)| told(recommended))
        .collect();
    assert_eq!(
        said,
        ["rps 4 Proportional", "cpu 3 ThresholdWaiting"],
        "the old words"
    );
    assert!(
        again.iter().all(|(_, said)| said.revision.0 == 6),
        "under the new revision"
    );
    let fired = desk.tell(31.0, total("cpu", 31.0, 90.0));
    assert_eq!(fired, "cpu 5 ThresholdHeld", "the run went on");
}

#[test]
fn a_rule_that_is_defined_otherwise_begins_anew() {
    let mut desk = Desk::with(vec![rps()], 3);
    desk.tell(1.0, total("rps", 1.0, 40.0));
    let mut other = rps();
    other.metric.source = "push".into();
    let changed = desk.tell(2.0, applied(&[other]));
    assert_eq!(changed, "rps unavailable NoSample");
}

#[test]
fn a_policy_that_cannot_be_read_leaves_the_former_in_force() {
    let mut desk = Desk::with(vec![rps()], 3);
    assert_eq!(desk.tell(1.0, unreadable()), "");
    let answers = desk.answers(2.0, &checkout(), total("rps", 2.0, 40.0));
    assert_eq!(told(&answers[0].1), "rps 4 Proportional");
    assert_eq!(answers[0].1.revision.0, 1, "the former revision");
}

#[test]
fn a_removed_policy_is_silent_and_the_count_is_remembered() {
    let mut desk = Desk::with(vec![rps()], 3);
    play(
        &mut desk,
        [
            ("a wish", 1.0, total("rps", 1.0, 40.0), "rps 4 Proportional"),
            ("the policy goes", 2.0, removed(), ""),
            ("nobody listens", 3.0, total("rps", 3.0, 90.0), ""),
            ("nothing goes stale", 90.0, ticked(), ""),
            (
                "a policy again, and nothing known of the metric",
                91.0,
                applied(&[rps()]),
                "rps unavailable NoSample",
            ),
            (
                "but of the count",
                92.0,
                total("rps", 92.0, 90.0),
                "rps 9 Proportional",
            ),
        ],
    );
}

#[test]
fn rules_are_asked_again_when_the_replicas_change() {
    let strategy = Strategy::Proportional {
        target: TargetValue::Value(10.0),
        tolerance_up: 0.1,
        tolerance_down: 0.1,
    };
    let found = |replicas, ready| {
        Body::from(Drifted {
            expected: None,
            replicas: Replicas(replicas),
            ready: Some(Replicas(ready)),
        })
    };
    let failed = Outcome::TimedOut { after_ms: 300_000 };
    play(
        &mut Desk::with(vec![rule("lag", strategy)], 2),
        [
            (
                "half as much again",
                1.0,
                total("lag", 1.0, 15.0),
                "lag 3 Proportional",
            ),
            (
                "ordered, not ready: two share the load",
                2.0,
                actuated(5, 3, Outcome::Applied),
                "",
            ),
            ("all three do", 3.0, verified(5, 3, 3), "lag 5 Proportional"),
            (
                "one of them fell out",
                4.0,
                found(3, 2),
                "lag 3 Proportional",
            ),
            (
                "none is ready: no reason for any other count",
                5.0,
                found(3, 0),
                "lag 3 MissingReplicas",
            ),
            (
                "a plan that reached the target",
                6.0,
                actuated(6, 5, Outcome::Applied),
                "lag 5 MissingReplicas",
            ),
            ("an older one does not count", 7.0, verified(5, 3, 3), ""),
            (
                "nor does an older success",
                7.5,
                actuated(4, 9, Outcome::Adopted),
                "",
            ),
            (
                "never became ready: nobody can tell, so all count",
                8.0,
                actuated(6, 5, failed),
                "lag 8 Proportional",
            ),
        ],
    );
}

#[test]
fn rules_speak_in_the_order_of_the_file_and_workloads_in_that_of_their_deadlines() {
    let mut desk = Desk::default();
    let other = WorkloadId::new("shop", "basket").unwrap();
    for (second, id) in [(1.0, checkout()), (2.0, other)] {
        desk.answers(
            second,
            &id,
            applied(&[rule("b", rps().strategy), rule("a", rps().strategy)]),
        );
        desk.answers(second, &id, drifted(2));
        desk.answers(second, &id, total("a", second, 40.0));
        desk.answers(second, &id, total("b", second, 40.0));
    }
    let late = desk.answers(60.0, &WorkloadId::system("clock"), ticked());
    let order: Vec<_> = late
        .iter()
        .map(|(id, said)| format!("{id} {}", said.rule))
        .collect();
    assert_eq!(
        order,
        [
            "shop/checkout b",
            "shop/checkout a",
            "shop/basket b",
            "shop/basket a"
        ]
    );
}

#[test]
fn the_nearest_of_several_deadlines_counts() {
    let mut desk = Desk::with(
        [rule("new", rps().strategy), rule("old", rps().strategy)],
        2,
    );
    desk.tell(100.0, total("new", 100.0, 20.0));
    desk.tell(100.0, total("old", 80.0, 20.0));
    assert_eq!(desk.tell(110.001, ticked()), "old unavailable Stale");
    assert_eq!(desk.tell(130.001, ticked()), "new unavailable Stale");
}

#[test]
fn numbers_that_nothing_can_hold_saturate() {
    let mut desk = Desk::with([rps()], u32::MAX);
    let beyond = per_replica("rps", 1.0, &[f64::MAX, f64::MAX]);
    let answers = desk.answers(1.0, &checkout(), beyond);
    assert_eq!(answers[0].1.inputs[0].value, f64::MAX);
    assert_eq!(told(&answers[0].1), "rps 2147483647 Proportional");
    let full = total("rps", 2.0, 10.0 * f64::from(i32::MAX));
    assert_eq!(desk.tell(2.0, full), "rps 2147483647 WithinTolerance");
}

#[test]
fn time_never_runs_backwards() {
    let mut desk = Desk::with(vec![rps()], 2);
    desk.tell(100.0, total("rps", 100.0, 40.0));
    assert_eq!(
        desk.tell(50.0, total("rps", 101.0, 60.0)),
        "rps 6 Proportional"
    );
    assert_eq!(
        desk.tell(50.0, total("rps", 69.0, 20.0)),
        "",
        "late by the time that was"
    );
}

#[test]
fn what_a_rule_said_under_another_revision_is_not_what_it_says_now() {
    let mut desk = Desk::with(vec![rps()], 2);
    let other = Recommended {
        rule: "rps".into(),
        revision: Seq(99),
        recommendation: Recommendation::Desired {
            replicas: Replicas(4),
            reason: RuleReason::Proportional {
                ratio: 2.0,
                counted: Replicas(2),
            },
        },
        inputs: vec![],
    };
    let other = event(0, 0, &checkout(), Body::from(other));
    desk.evaluator.apply(&other);
    assert_eq!(
        desk.tell(1.0, total("rps", 1.0, 40.0)),
        "rps 4 Proportional"
    );
}

#[test]
fn a_workload_is_small() {
    let mut desk = Desk::with(vec![rps(), hot()], 3);
    desk.tell(1.0, total("rps", 1.0, 40.0));
    desk.tell(1.0, total("cpu", 1.0, 90.0));
    let state = rmp_serde::to_vec_named(&desk.evaluator).unwrap();
    assert!(state.len() < 2048, "{} bytes", state.len());
}

#[test]
fn there_is_never_work_outside() {
    assert!(Evaluator::default().outstanding().is_empty());
    assert!(!Evaluator::inputs().contains(&headroom_model::Kind::Recommended));
}
