//! A policy without `behavior`, on arrival.

use crate::testing::{Stage, plain, policy, scaling, told, with_rules};
use headroom_model::{Span, body::Outcome};
use headroom_policy::{Policy, Select, Trigger};

/// One rule, and this window downwards.
fn one_rule(window: u64) -> Policy {
    let mut policy = plain(with_rules(policy(1, 100), &["a"]));
    policy.scale_down.stabilization_window = Span::seconds(window);
    policy
}

#[test]
fn the_brake_counts_from_the_start_of_the_period() {
    let mut stage = Stage::set(&one_rule(300), 3);
    assert_eq!(told(&stage.wish("a", 5)), "scale 3 to 5");
    stage.ended(Outcome::Applied);
    stage.pass(5);
    assert_eq!(told(&stage.wish("a", 50)), "scale 5 to 6");
    assert_eq!(
        told(&stage.ended(Outcome::Applied)),
        "hold 6: rate limited, not 50"
    );
    assert_eq!(told(&stage.pass(9)), "");
    assert_eq!(
        told(&stage.pass(1)),
        "scale 6 to 10",
        "the first change is a period ago: twice five"
    );
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.pass(15)), "scale 10 to 12; scale 12 to 20");
}

#[test]
fn no_rate_holds_downwards() {
    let mut stage = Stage::set(&one_rule(0), 90);
    assert_eq!(told(&stage.wish("a", 0)), "scale 90 to 1");
}

#[test]
fn the_highest_wish_of_the_window_is_what_is_wanted() {
    let mut stage = Stage::set(&one_rule(300), 10);
    stage.wish("a", 10);
    stage.pass(5);
    assert_eq!(told(&stage.wish("a", 4)), "hold 10: stabilizing, not 4");
    assert_eq!(
        told(&stage.drifted(6)),
        "scale 6 to 10",
        "also when that is more than there is"
    );
    stage.ended(Outcome::Applied);
    stage.cannot_say("a");
    assert_eq!(
        told(&stage.drifted(6)),
        "hold 6: a cannot say",
        "what nobody can tell is not raised"
    );
    assert_eq!(told(&stage.wish("a", 4)), "hold 6: rate limited, not 10");
    assert_eq!(told(&stage.pass(15)), "scale 6 to 10");
    stage.ended(Outcome::Applied);
    assert_eq!(told(&stage.pass(284)), "");
    assert_eq!(told(&stage.pass(1)), "scale 10 to 4");
}

#[test]
fn what_rules_that_cannot_say_hold_the_count_at_is_not_raised() {
    for trigger in [Trigger::OnArrival, Trigger::Period] {
        let mut policy = with_rules(one_rule(300), &["a", "b"]);
        policy.evaluation.trigger = trigger;
        let mut stage = Stage::set(&policy, 10);
        stage.wish("b", 10);
        stage.wish("a", 4);
        stage.pass(15);
        stage.cannot_say("b");
        stage.drifted(6);
        stage.pass(15);
        assert_eq!(told(&stage.drifted(6)), "");
        assert!(stage.plans.is_empty(), "{:?}", stage.plans);
        stage.wish("b", 3);
        stage.pass(15);
        let raised: Vec<_> = stage.plans.iter().map(|(_, _, to)| to.0).collect();
        assert_eq!(raised, [10], "now they can");
    }
}

#[test]
fn with_behavior_the_window_never_raises_the_count() {
    let mut policy = with_rules(policy(1, 100), &["a"]);
    policy.scale_down = scaling(300, Select::Disabled, &[]);
    let mut stage = Stage::set(&policy, 10);
    stage.wish("a", 10);
    stage.pass(5);
    stage.wish("a", 4);
    assert_eq!(told(&stage.drifted(6)), "hold 6: stabilizing, not 4");
}

#[test]
fn a_workload_of_kubernetes_at_zero_stays_there_until_somebody_scales_it_up() {
    let mut of_kubernetes = one_rule(0);
    of_kubernetes.target.api_version = Some("apps/v1".to_owned());
    let mut stage = Stage::set(&of_kubernetes, 0);
    assert_eq!(told(&stage.wish("a", 5)), "");
    assert_eq!(told(&stage.pass(60)), "");
    assert_eq!(told(&stage.drifted(1)), "scale 1 to 4");
}
