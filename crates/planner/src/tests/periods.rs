//! `trigger: Period`: as an HPA, at the ends of periods and at no other time.

use crate::Planner;
use crate::testing::{Stage, plain, policy, scaling, told, with_rules};
use headroom_model::{
    Checkpoint, Machine, Replicas, Seq, Service, Span, Timestamp,
    body::{Mode, Outcome, OverrideAction, OverrideSlot, PauseDirection},
    machine::{Fold, Stepped},
};
use headroom_policy::{Policy, RateAmount, Select, Trigger};

/// One rule, periods of 15 s, and `behavior` that limits nothing.
fn periodic() -> Policy {
    let mut policy = with_rules(policy(1, 100), &["a"]);
    policy.evaluation.trigger = Trigger::Period;
    policy
}

/// The same without `behavior`, and with this window downwards.
fn without_behavior(window: u64) -> Policy {
    let mut policy = plain(periodic());
    policy.scale_down.stabilization_window = Span::seconds(window);
    policy
}

/// A target with `current` replicas that is known at the end of the first period.
fn set(policy: &Policy, current: u32) -> Stage {
    let mut stage = Stage::set(policy, current);
    stage.pass(15);
    stage
}

#[test]
fn nothing_is_decided_between_the_ends_of_periods() {
    let mut stage = Stage::default();
    assert_eq!(told(&stage.policy(&periodic())), "hold ?: current unknown");
    assert_eq!(told(&stage.drifted(3)), "");
    assert_eq!(told(&stage.wish("a", 5)), "");
    assert_eq!(told(&stage.pass(14)), "");
    assert_eq!(told(&stage.wish("a", 6)), "");
    assert_eq!(told(&stage.pass(1)), "scale 3 to 6");
    assert_eq!(told(&stage.ended(Outcome::Applied)), "");
    assert_eq!(told(&stage.drifted(200)), "", "not even for the maximum");
    assert_eq!(told(&stage.wish("a", 8)), "");
    assert_eq!(told(&stage.pass(14)), "");
    assert_eq!(told(&stage.pass(1)), "scale 200 to 100");
}

#[test]
fn periods_count_from_the_policy_and_several_that_were_missed_are_one() {
    let mut stage = set(&periodic(), 3);
    stage.wish("a", 5);
    assert_eq!(told(&stage.leap(40)), "scale 3 to 5", "at 55 s");
    stage.ended(Outcome::Applied);
    stage.wish("a", 6);
    assert_eq!(told(&stage.pass(4)), "");
    assert_eq!(told(&stage.pass(1)), "scale 5 to 6", "at 60 s");
    stage.ended(Outcome::Applied);
    stage.pass(7);
    stage.wish("a", 7);
    assert_eq!(told(&stage.policy(&periodic())), "scale 6 to 7", "at 67 s");
    stage.ended(Outcome::Applied);
    stage.wish("a", 8);
    assert_eq!(told(&stage.pass(14)), "");
    assert_eq!(told(&stage.pass(1)), "scale 7 to 8", "at 82 s");
}

#[test]
fn a_fact_between_the_end_of_a_period_and_its_tick_puts_nothing_off() {
    let mut stage = set(&periodic(), 3);
    stage.pass(14);
    stage.now.0 += 1001;
    assert_eq!(
        told(&stage.wish("a", 5)),
        "",
        "a millisecond before the tick"
    );
    stage.now.0 -= 1;
    assert_eq!(told(&stage.leap(1)), "scale 3 to 5");
}

#[test]
fn a_person_does_not_wait() {
    let mut stage = set(&periodic(), 3);
    stage.wish("a", 3);
    stage.pass(15);
    stage.pass(5);
    let pin = |replicas| OverrideAction::Pin(Replicas(replicas));
    assert_eq!(told(&stage.order(pin(7), None)), "scale 3 to 7");
    let failed = Outcome::Failed {
        error: "no".to_owned(),
        retry: false,
    };
    assert_eq!(told(&stage.ended(failed)), "hold 3: backing off, not 7");
    assert_eq!(told(&stage.pass(1)), "scale 3 to 7", "tried again at once");
    assert_eq!(told(&stage.ended(Outcome::Applied)), "hold 7: at desired");
    assert_eq!(told(&stage.clear(OverrideSlot::Pin)), "", "the rules wait");
    assert_eq!(told(&stage.pass(9)), "scale 7 to 3");
    stage.ended(Outcome::Applied);
    stage.order(OverrideAction::Pause(PauseDirection::Up), Some(20));
    stage.wish("a", 9);
    assert_eq!(told(&stage.pass(15)), "hold 3: paused by ana, not 9");
    assert_eq!(told(&stage.pass(14)), "", "the pause ends between periods");
    assert_eq!(told(&stage.pass(1)), "scale 3 to 9");
}

#[test]
fn only_what_is_wanted_at_the_end_of_a_period_is_remembered() {
    let mut with_behavior = periodic();
    with_behavior.scale_down.stabilization_window = Span::seconds(75);
    // A wish exactly one window old still counts without behavior, and no longer with it.
    for policy in [without_behavior(60), with_behavior] {
        let mut stage = set(&policy, 3);
        stage.wish("a", 90);
        stage.wish("a", 3);
        stage.pass(15);
        stage.wish("a", 90);
        stage.pass(7);
        stage.wish("a", 2);
        assert_eq!(told(&stage.pass(8)), "hold 3: stabilizing, not 2");
        assert_eq!(told(&stage.pass(59)), "");
        assert_eq!(told(&stage.pass(1)), "scale 3 to 2");
    }
}

#[test]
fn ages_count_to_the_end_of_the_period_and_not_to_the_tick() {
    let mut stage = Stage::set(&without_behavior(30), 5);
    stage.wish("a", 9);
    assert_eq!(told(&stage.leap(16)), "scale 5 to 9", "for 15 s");
    stage.ended(Outcome::Applied);
    stage.wish("a", 2);
    assert_eq!(
        told(&stage.leap(43)),
        "hold 9: stabilizing, not 2",
        "for 45 s, a window after the wish for nine"
    );
    assert_eq!(told(&stage.leap(1)), "scale 9 to 2", "for 60 s");
}

#[test]
fn without_behavior_the_brake_starts_anew_with_each_period() {
    let mut stage = set(&without_behavior(300), 1);
    stage.wish("a", 50);
    for want in [
        "scale 1 to 4",
        "scale 4 to 8",
        "scale 8 to 16",
        "scale 16 to 32",
    ] {
        assert_eq!(told(&stage.pass(15)), want);
        stage.pass(3);
        stage.ended(Outcome::Applied);
        stage.wish("a", 51);
        stage.now.0 -= 3000;
    }
}

#[test]
fn without_behavior_the_window_may_raise_the_count() {
    let mut stage = set(&without_behavior(300), 10);
    stage.wish("a", 10);
    stage.pass(15);
    stage.wish("a", 4);
    assert_eq!(told(&stage.pass(15)), "hold 10: stabilizing, not 4");
    stage.drifted(6);
    assert_eq!(told(&stage.pass(15)), "scale 6 to 10");
    stage.ended(Outcome::Applied);
    stage.cannot_say("a");
    stage.drifted(6);
    assert_eq!(told(&stage.pass(15)), "hold 6: a cannot say");
}

#[test]
fn rates_remember_what_was_done_and_what_is_under_way() {
    let mut policy = periodic();
    policy.scale_up = scaling(0, Select::Max, &[(RateAmount::Pods(4), 30)]);
    let mut stage = set(&policy, 3);
    stage.wish("a", 50);
    assert_eq!(told(&stage.pass(15)), "scale 3 to 7", "at 30 s");
    assert_eq!(
        told(&stage.pass(15)),
        "",
        "the plan in flight has used the rate up"
    );
    stage.ended(Outcome::Applied);
    assert_eq!(
        told(&stage.pass(15)),
        "scale 7 to 11",
        "a period after the decision, not after the outcome"
    );
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.pass(15)), "hold 11: rate limited, not 50");
    let failed = Outcome::Failed {
        error: "no".to_owned(),
        retry: false,
    };
    assert_eq!(told(&stage.pass(15)), "scale 11 to 15");
    stage.ended(failed);
    assert_eq!(
        told(&stage.pass(15)),
        "scale 11 to 15",
        "a failure is no change"
    );
}

#[test]
fn in_shadow_mode_what_others_change_uses_up_the_rate() {
    let mut policy = periodic();
    policy.mode = Mode::Shadow;
    policy.scale_up = scaling(0, Select::Max, &[(RateAmount::Pods(4), 30)]);
    let mut stage = set(&policy, 3);
    stage.wish("a", 50);
    assert_eq!(told(&stage.pass(15)), "scale 3 to 7");
    stage.drifted(5);
    assert_eq!(told(&stage.pass(15)), "scale 5 to 7");
    assert_eq!(told(&stage.pass(15)), "scale 5 to 9");
}

#[test]
fn a_change_of_the_trigger_keeps_the_rates_and_starts_the_windows_anew() {
    let mut policy = periodic();
    policy.scale_up = scaling(0, Select::Max, &[(RateAmount::Pods(4), 60)]);
    policy.scale_down.stabilization_window = Span::seconds(60);
    policy.evaluation.trigger = Trigger::OnArrival;
    let mut stage = Stage::set(&policy, 3);
    assert_eq!(told(&stage.wish("a", 50)), "scale 3 to 7");
    stage.ended(Outcome::Applied);
    policy.evaluation.trigger = Trigger::Period;
    assert_eq!(told(&stage.policy(&policy)), "", "still limited");
    assert_eq!(told(&stage.pass(59)), "");
    assert_eq!(told(&stage.pass(1)), "scale 7 to 11");
    stage.ended(Outcome::Applied);
    policy.evaluation.trigger = Trigger::OnArrival;
    stage.policy(&policy);
    assert_eq!(told(&stage.wish("a", 3)), "hold 11: stabilizing, not 3");
    assert_eq!(told(&stage.pass(60)), "scale 11 to 3");
}

#[test]
fn what_is_remembered_does_not_grow_with_time() {
    let mut policy = periodic();
    policy.scale_up = scaling(30, Select::Max, &[(RateAmount::Pods(50), 60)]);
    policy.scale_down = scaling(60, Select::Max, &[(RateAmount::Pods(50), 60)]);
    let mut stage = set(&policy, 3);
    let mut hour = || {
        for quarter in 0..240 {
            stage.wish("a", 3 + quarter % 9);
            stage.leap(15);
            if !stage.plans.is_empty() {
                stage.ended(Outcome::Applied);
            }
        }
        let state = serde_json::to_value(&stage.planner).expect("plain data");
        state["workloads"]["shop/web"]["periods"].to_string().len()
    };
    let (first, tenth) = (hour(), (0..9).map(|_| hour()).last());
    assert!(first > 100, "{first}");
    assert!(
        tenth.is_some_and(|tenth| tenth < first + first / 4),
        "{first} bytes became {tenth:?}"
    );
}

#[test]
fn a_checkpoint_from_before_there_were_periods_is_refused() {
    let checkpoint = |version| Checkpoint {
        service: Service::Planner,
        version,
        behaviour: Planner::BEHAVIOUR,
        through: Seq(1),
        stamp: Timestamp(0),
        state: rmp_serde::to_vec_named(&Stepped::<Planner>::default()).expect("states encode"),
    };
    let read = |version| Fold::<Planner>::from_checkpoint(&checkpoint(version)).map(|_| ());
    assert_eq!(read(Planner::STATE), Ok(()));
    let refused = read(1).expect_err("its policies know no evaluation");
    assert!(refused.contains("planner state version 1"), "{refused}");
}
