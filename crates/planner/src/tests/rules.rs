//! From wishes to decisions: join, windows, rates, cooldown, bounds, and what is said when nothing changes.

use crate::testing::{Stage, policy, scaling, told, with_rules};
use headroom_model::{
    Replicas, Span,
    body::{Mode, Outcome, OverrideAction, PauseDirection, StepTaken},
};
use headroom_policy::{Cooldown, Policy, RateAmount, Select};

fn two_rules() -> Policy {
    with_rules(policy(2, 20), &["a", "b"])
}

fn one_rule() -> Policy {
    with_rules(policy(1, 100), &["a"])
}

#[test]
fn says_what_it_waits_for_before_it_knows_enough() {
    let mut stage = Stage::default();
    assert_eq!(
        told(&stage.wish("a", 9)),
        "",
        "without a policy there is nothing to say"
    );
    assert_eq!(told(&stage.policy(&two_rules())), "hold ?: current unknown");
    assert_eq!(told(&stage.drifted(5)), "hold 5: no recommendation");
    assert_eq!(told(&stage.cannot_say("a")), "hold 5: a and b cannot say");
    assert_eq!(told(&stage.wish("b", 3)), "hold 5: a cannot say");
    assert_eq!(told(&stage.wish("a", 4)), "scale 5 to 4");
}

#[test]
fn a_rule_that_cannot_say_keeps_the_count_from_falling_only() {
    let mut stage = Stage::set(&two_rules(), 5);
    stage.wish("a", 5);
    stage.wish("b", 5);
    assert_eq!(
        told(&stage.cannot_say("b")),
        "",
        "nobody wants anything else"
    );
    assert_eq!(told(&stage.wish("a", 2)), "hold 5: b cannot say");
    assert_eq!(told(&stage.wish("a", 8)), "scale 5 to 8");
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.wish("a", 6)), "hold 8: b cannot say");
    assert_eq!(
        told(&stage.no_opinion("b")),
        "scale 8 to 6",
        "no opinion stands in nobody's way"
    );
}

#[test]
fn rules_without_an_opinion_want_what_there_is() {
    let mut stage = Stage::set(&two_rules(), 5);
    stage.no_opinion("a");
    assert_eq!(told(&stage.no_opinion("b")), "hold 5: at desired");
    assert_eq!(told(&stage.drifted(7)), "hold 7: at desired");
}

#[test]
fn a_count_outside_the_bounds_is_corrected_whatever_the_rules_say() {
    let slow = |mut policy: Policy| {
        policy.scale_down = scaling(300, Select::Disabled, &[]);
        policy.scale_up = scaling(300, Select::Disabled, &[]);
        policy.cooldown = Cooldown {
            up: Span::seconds(600),
            down: Span::seconds(600),
        };
        policy
    };
    let cases = [
        ("below the minimum without a wish", 1, "scale 1 to 2"),
        ("above the maximum without a wish", 25, "scale 25 to 20"),
        ("none at all", 0, "scale 0 to 2"),
        ("within", 2, "hold 2: no recommendation"),
    ];
    for (name, current, want) in cases {
        let mut stage = Stage::default();
        stage.policy(&slow(two_rules()));
        assert_eq!(told(&stage.drifted(current)), want, "{name}");
    }
    let mut stage = Stage::set(&slow(two_rules()), 15);
    stage.wish("a", 15);
    stage.wish("b", 15);
    let lower = slow(with_rules(policy(2, 10), &["a", "b"]));
    assert_eq!(
        told(&stage.policy(&lower)),
        "scale 15 to 10",
        "a new policy is obeyed at once"
    );
}

#[test]
fn fewer_wait_until_nobody_wanted_more_for_a_window() {
    let mut policy = one_rule();
    policy.scale_down.stabilization_window = Span::seconds(300);
    let mut stage = Stage::set(&policy, 10);
    assert_eq!(
        told(&stage.wish("a", 4)),
        "hold 10: stabilizing, not 4",
        "it starts as wanting what it has"
    );
    assert_eq!(told(&stage.pass(100)), "");
    assert_eq!(told(&stage.wish("a", 7)), "hold 10: stabilizing, not 7");
    assert_eq!(told(&stage.pass(100)), "");
    stage.wish("a", 3);
    assert_eq!(told(&stage.pass(99)), "");
    assert_eq!(
        told(&stage.pass(1)),
        "scale 10 to 7",
        "the beginning is a window ago"
    );
    assert_eq!(
        told(&stage.ended(Outcome::Applied)),
        "hold 7: stabilizing, not 3"
    );
    assert_eq!(told(&stage.pass(199)), "");
    assert_eq!(
        told(&stage.pass(1)),
        "scale 7 to 3",
        "the wish for seven ended a window ago"
    );
}

#[test]
fn a_gap_does_not_put_off_a_scale_down_by_a_whole_window() {
    let mut policy = one_rule();
    policy.scale_down.stabilization_window = Span::seconds(300);
    let mut stage = Stage::set(&policy, 10);
    stage.wish("a", 4);
    stage.pass(290);
    assert_eq!(told(&stage.cannot_say("a")), "hold 10: a cannot say");
    stage.pass(5);
    stage.wish("a", 4);
    assert_eq!(told(&stage.pass(5)), "scale 10 to 4");
}

#[test]
fn more_come_in_steps_as_the_rates_allow() {
    let mut policy = one_rule();
    policy.scale_up = scaling(
        0,
        Select::Max,
        &[(RateAmount::Pods(4), 15), (RateAmount::Percent(100), 15)],
    );
    let mut stage = Stage::set(&policy, 3);
    assert_eq!(told(&stage.wish("a", 50)), "scale 3 to 7");
    stage.pass(1);
    assert_eq!(
        told(&stage.ended(Outcome::Applied)),
        "hold 7: rate limited, not 50"
    );
    assert_eq!(told(&stage.pass(13)), "");
    assert_eq!(
        told(&stage.pass(1)),
        "scale 7 to 14",
        "a period after the decision"
    );
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.pass(15)), "scale 14 to 28");
}

#[test]
fn fewer_go_in_steps_as_the_rates_allow() {
    let mut policy = one_rule();
    policy.scale_down = scaling(0, Select::Max, &[(RateAmount::Pods(3), 20)]);
    policy.scale_up = scaling(0, Select::Disabled, &[]);
    let mut stage = Stage::set(&policy, 10);
    assert_eq!(told(&stage.wish("a", 2)), "scale 10 to 7");
    assert_eq!(
        told(&stage.ended(Outcome::Applied)),
        "hold 7: rate limited, not 2"
    );
    assert_eq!(told(&stage.pass(19)), "");
    assert_eq!(told(&stage.pass(1)), "scale 7 to 4");
}

#[test]
fn a_plan_that_failed_uses_up_no_rate() {
    let mut policy = one_rule();
    policy.scale_up = scaling(0, Select::Max, &[(RateAmount::Pods(4), 600)]);
    let mut stage = Stage::set(&policy, 3);
    assert_eq!(told(&stage.wish("a", 50)), "scale 3 to 7");
    let refused = Outcome::Failed {
        error: "no".to_owned(),
        retry: false,
    };
    assert_eq!(told(&stage.ended(refused)), "hold 3: backing off, not 7");
    assert_eq!(told(&stage.pass(1)), "scale 3 to 7");
    assert_eq!(
        told(&stage.ended(Outcome::Applied)),
        "hold 7: rate limited, not 50"
    );
}

#[test]
fn a_cooldown_counts_from_the_outcome_and_holds_its_own_direction() {
    let mut policy = one_rule();
    policy.cooldown = Cooldown {
        up: Span::seconds(60),
        down: Span::seconds(100),
    };
    let mut stage = Stage::set(&policy, 3);
    assert_eq!(told(&stage.wish("a", 5)), "scale 3 to 5");
    stage.pass(30);
    assert_eq!(told(&stage.ended(Outcome::Applied)), "hold 5: at desired");
    assert_eq!(told(&stage.wish("a", 8)), "hold 5: cooling down, not 8");
    assert_eq!(
        told(&stage.wish("a", 4)),
        "scale 5 to 4",
        "down has not moved yet"
    );
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.wish("a", 8)), "hold 4: cooling down, not 8");
    assert_eq!(told(&stage.pass(59)), "");
    assert_eq!(told(&stage.pass(1)), "scale 4 to 8");
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.wish("a", 2)), "hold 8: cooling down, not 2");
    assert_eq!(told(&stage.pass(39)), "");
    assert_eq!(told(&stage.pass(1)), "scale 8 to 2");
}

#[test]
fn at_a_bound_it_says_what_was_wanted() {
    let mut stage = Stage::set(&with_rules(policy(2, 10), &["a"]), 10);
    assert_eq!(told(&stage.wish("a", 30)), "hold 10: at maximum, not 30");
    assert_eq!(told(&stage.wish("a", 30)), "", "once is enough");
    assert_eq!(told(&stage.wish("a", 10)), "hold 10: at desired");
    assert_eq!(told(&stage.wish("a", 0)), "scale 10 to 2");
    assert_eq!(
        told(&stage.ended(Outcome::Applied)),
        "hold 2: at minimum, not 0"
    );
}

#[test]
fn in_shadow_mode_current_is_what_others_did() {
    let mut policy = one_rule();
    policy.mode = Mode::Shadow;
    policy.scale_up = scaling(0, Select::Max, &[(RateAmount::Pods(4), 60)]);
    let mut stage = Stage::set(&policy, 3);
    assert_eq!(told(&stage.wish("a", 50)), "scale 3 to 7");
    assert_eq!(
        told(&stage.pass(30)),
        "",
        "nothing was done, so nothing is news"
    );
    assert_eq!(
        told(&stage.drifted(5)),
        "scale 5 to 7",
        "others used two of the four"
    );
    assert_eq!(told(&stage.pass(60)), "scale 5 to 9");
    policy.mode = Mode::Active;
    assert_eq!(
        told(&stage.policy(&policy)),
        "scale 5 to 9",
        "now it is meant"
    );
    assert_eq!(told(&stage.wish("a", 60)), "");
}

#[test]
fn a_new_policy_keeps_what_was_lived_through() {
    let mut policy = one_rule();
    policy.scale_down.stabilization_window = Span::seconds(60);
    let mut stage = Stage::set(&policy, 10);
    stage.wish("a", 10);
    stage.pass(600);
    assert_eq!(told(&stage.wish("a", 4)), "hold 10: stabilizing, not 4");
    stage.pass(30);
    policy.scale_down.stabilization_window = Span::seconds(300);
    stage.policy(&policy);
    assert_eq!(
        told(&stage.pass(269)),
        "",
        "the longer window finds the older wishes"
    );
    assert_eq!(told(&stage.pass(1)), "scale 10 to 4");
    stage.ended(Outcome::Applied);
    let other = with_rules(policy.clone(), &["b"]);
    assert_eq!(
        told(&stage.policy(&other)),
        "hold 4: no recommendation",
        "wishes of rules that are gone are too"
    );
}

#[test]
fn a_policy_that_cannot_be_read_leaves_the_former_in_force() {
    let mut stage = Stage::set(&one_rule(), 3);
    let unreadable = headroom_model::body::PolicyApplied {
        policy: serde_json::json!({ "spec": 7 }),
        owner: "ana".to_owned(),
    };
    assert_eq!(told(&stage.happens(unreadable)), "");
    assert_eq!(told(&stage.wish("a", 5)), "scale 3 to 5");
}

#[test]
fn a_removed_policy_leaves_nothing_behind() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 3);
    assert_eq!(told(&stage.policy_removed()), "");
    assert_eq!(told(&stage.wish("a", 5)), "");
    let left = serde_json::to_value(&stage.planner).expect("plain data");
    assert_eq!(left["workloads"], serde_json::json!({}));
    assert_eq!(left["agenda"], serde_json::json!([]));
}

#[test]
fn a_plan_in_flight_outlives_its_policy() {
    let mut stage = Stage::set(&one_rule(), 3);
    stage.wish("a", 5);
    stage.policy_removed();
    assert_eq!(
        told(&stage.policy(&one_rule())),
        "",
        "the plan to five is still on its way"
    );
    assert_eq!(
        told(&stage.ended(Outcome::Applied)),
        "hold 5: no recommendation"
    );
}

#[test]
fn what_was_looked_at_with_a_tick_is_not_looked_at_with_the_next() {
    let mut stage = Stage::set(&one_rule(), 10);
    stage.wish("a", 10);
    stage.order(OverrideAction::Pause(PauseDirection::Up), Some(5));
    assert!(!stage.planner.agenda.is_empty());
    for _ in 0..10 {
        let before = stage.planner.ticked;
        assert_eq!(
            told(&stage.pass(1)),
            "",
            "the end of the pause changes nothing"
        );
        let agenda = &stage.planner.agenda;
        assert!(agenda.iter().all(|(at, _)| *at > before), "{agenda:?}");
    }
}

#[test]
fn what_is_remembered_does_not_grow_with_time() {
    let mut policy = one_rule();
    policy.scale_down.stabilization_window = Span::seconds(60);
    let mut stage = Stage::set(&policy, 3);
    let mut hour = || {
        for minute in 0..60 {
            stage.wish("a", 3 + minute % 9);
            stage.leap(60);
            if !stage.plans.is_empty() {
                stage.ended(Outcome::Applied);
            }
        }
        let state = serde_json::to_string(&stage.planner).expect("plain data");
        state.len()
    };
    let two_hours = (hour(), hour()).1;
    let ten_hours = (0..8).map(|_| hour()).last().expect("eight of them");
    assert!(
        ten_hours < two_hours + two_hours / 4,
        "{two_hours} bytes became {ten_hours}"
    );
}

#[test]
fn the_trail_leads_from_the_count_to_the_number_without_a_break() {
    let mut policy = with_rules(policy(1, 100), &["a", "b"]);
    policy.scale_up = scaling(30, Select::Max, &[(RateAmount::Pods(4), 15)]);
    let mut stage = Stage::set(&policy, 10);
    stage.wish("a", 16);
    stage.wish("b", 40);
    let decisions = stage.pass(30);
    assert_eq!(told(&decisions), "scale 10 to 14");
    let decided = &decisions[0];
    let numbers: Vec<_> = decided
        .trail
        .iter()
        .map(|step| (step.before.0, step.after.0))
        .collect();
    assert_eq!(numbers, [(10, 40), (40, 40), (40, 14)]);
    let [joined, stabilized, bounded] = &decided.trail[..] else {
        panic!("{:?}", decided.trail);
    };
    assert!(matches!(&joined.step, StepTaken::Joined { winner: Some(rule), .. } if rule == "b"));
    assert!(matches!(
        &stabilized.step,
        StepTaken::Stabilized {
            lowest: Replicas(40),
            ..
        }
    ));
    assert!(
        matches!(&bounded.step, StepTaken::Bounded { rate_limit: Some(rate), .. }
        if rate.limit == Replicas(14) && rate.policy == "Pods 4 per 15s")
    );
    let wishes: Vec<_> = decided
        .wishes
        .iter()
        .map(|wish| (wish.rule.as_str(), wish.replicas))
        .collect();
    assert_eq!(
        wishes,
        [("a", Some(Replicas(16))), ("b", Some(Replicas(40)))]
    );
}
