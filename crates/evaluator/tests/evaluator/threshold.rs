//! Threshold rules over time: when they fire, what they order, and what ends an order.

use crate::support::*;
use headroom_model::body::{Measured, Outcome};
use headroom_model::{Body, Replicas, Span};
use headroom_policy::{Change, Crossed, Rule};

fn hot() -> Rule {
    step("cpu", Crossed::Above(70.0), 30, Change::By(2))
}

fn cpu(second: f64, value: f64) -> Body {
    total("cpu", second, value)
}

/// A desk whose rule `hot` has fired at second 30: five ordered where there are three.
fn fired() -> Desk {
    let mut desk = Desk::with(vec![hot()], 3);
    for second in [0.0, 10.0, 20.0] {
        desk.tell(second, cpu(second, 90.0));
    }
    assert_eq!(desk.tell(30.0, cpu(30.0, 90.0)), "cpu 5 ThresholdHeld");
    desk
}

/// The same, with the order carried out by plan 7 and not yet verified.
fn under_way() -> Desk {
    let mut desk = fired();
    assert_eq!(desk.tell(31.0, actuated(7, 5, Outcome::Applied)), "");
    desk
}

#[test]
fn a_threshold_fires_once_it_has_held_long_enough() {
    play(
        &mut Desk::with(vec![hot()], 3),
        [
            (
                "at the threshold is not beyond it",
                0.0,
                cpu(0.0, 70.0),
                "cpu no opinion ThresholdQuiet",
            ),
            (
                "beyond it, the run begins",
                10.0,
                cpu(10.0, 70.1),
                "cpu 3 ThresholdWaiting",
            ),
            ("it goes on", 25.0, cpu(25.0, 80.0), ""),
            ("time alone is no evidence", 40.0, ticked(), ""),
            ("nearly long enough", 39.999, cpu(39.999, 80.0), ""),
            (
                "long enough, by the source's own time",
                41.0,
                cpu(40.0, 80.0),
                "cpu 5 ThresholdHeld",
            ),
            ("what was ordered stands", 50.0, cpu(50.0, 80.0), ""),
            ("and stands", 60.0, cpu(60.0, 80.0), ""),
        ],
    );
}

#[test]
fn whatever_interrupts_the_run_makes_it_begin_anew() {
    let interruptions = [
        ("a sample on the other side", 20.0, cpu(20.0, 60.0), 25.0),
        (
            "an answer without a series",
            20.0,
            measured("cpu", 20.0, Measured::Missing),
            25.0,
        ),
        (
            "an answer that is no number",
            20.0,
            cpu(20.0, f64::NAN),
            25.0,
        ),
        ("a silence beyond the freshness limit", 50.0, ticked(), 55.0),
    ];
    for (name, second, body, again) in interruptions {
        let mut desk = Desk::with(vec![hot()], 3);
        desk.tell(10.0, cpu(10.0, 90.0));
        desk.tell(second, body);
        desk.tell(again, cpu(again, 90.0));
        desk.tell(again + 20.0, cpu(again + 20.0, 90.0));
        let early = desk.tell(again + 29.9, cpu(again + 29.9, 90.0));
        assert_eq!(early, "", "{name}");
        let late = desk.tell(again + 30.0, cpu(again + 30.0, 90.0));
        assert_eq!(late, "cpu 5 ThresholdHeld", "{name}");
    }
}

#[test]
fn a_failed_scrape_or_a_late_sample_does_not_interrupt_the_run() {
    let cases = [
        ("a failed scrape", failed("cpu", 15.0)),
        ("an overtaken sample", cpu(5.0, 10.0)),
        ("a sample from the future", cpu(60.0, 10.0)),
        ("the same sample again", cpu(10.0, 10.0)),
    ];
    for (name, body) in cases {
        let mut desk = Desk::with(vec![hot()], 3);
        desk.tell(10.0, cpu(10.0, 90.0));
        desk.tell(15.0, body);
        desk.tell(25.0, cpu(25.0, 90.0));
        assert_eq!(
            desk.tell(40.0, cpu(40.0, 90.0)),
            "cpu 5 ThresholdHeld",
            "{name}"
        );
    }
}

#[test]
fn a_step_fires_again_only_when_its_change_is_verified_and_new_evidence_came() {
    play(
        &mut under_way(),
        [
            (
                "not while the new replicas start",
                50.0,
                cpu(50.0, 90.0),
                "",
            ),
            ("though it holds on", 70.0, cpu(70.0, 90.0), ""),
            (
                "verified: the run begins anew",
                75.0,
                verified(7, 5, 5),
                "cpu 5 ThresholdWaiting",
            ),
            (
                "a sample from before does not count",
                76.0,
                cpu(74.0, 90.0),
                "",
            ),
            ("the next ones do", 90.0, cpu(90.0, 90.0), ""),
            (
                "until it has held again",
                105.0,
                cpu(105.0, 90.0),
                "cpu 7 ThresholdHeld",
            ),
        ],
    );
}

#[test]
fn without_a_span_to_hold_a_step_still_waits_for_a_sample_after_its_change() {
    let eager = step("cpu", Crossed::Above(70.0), 0, Change::By(1));
    play(
        &mut Desk::with(vec![eager], 3),
        [
            (
                "the first sample fires",
                0.0,
                cpu(0.0, 90.0),
                "cpu 4 ThresholdHeld",
            ),
            ("carried out", 1.0, actuated(7, 4, Outcome::Applied), ""),
            (
                "verified, and no sample since",
                5.0,
                verified(7, 4, 4),
                "cpu 4 ThresholdWaiting",
            ),
            (
                "the next sample fires again",
                6.0,
                cpu(6.0, 90.0),
                "cpu 5 ThresholdHeld",
            ),
        ],
    );
}

#[test]
fn an_order_ends_when_it_has_lost_its_ground() {
    type Case = (&'static str, Desk, Vec<Step>);
    let cases: Vec<Case> = vec![
        (
            "nobody took it up and the load is gone",
            fired(),
            vec![("", 40.0, cpu(40.0, 20.0), "cpu no opinion ThresholdQuiet")],
        ),
        (
            "while it is under way it stands, then the load is gone",
            under_way(),
            vec![
                ("", 40.0, cpu(40.0, 20.0), ""),
                ("", 45.0, verified(7, 5, 5), "cpu no opinion ThresholdQuiet"),
            ],
        ),
        (
            "the attempt failed and the load is still there: it stands for the next attempt",
            fired(),
            vec![
                ("", 31.0, actuated(7, 5, refused()), ""),
                ("", 40.0, cpu(40.0, 90.0), ""),
            ],
        ),
        (
            "it failed after it began, and the load is gone",
            under_way(),
            vec![
                ("", 40.0, cpu(40.0, 20.0), ""),
                (
                    "",
                    41.0,
                    actuated(7, 5, refused()),
                    "cpu no opinion ThresholdQuiet",
                ),
            ],
        ),
        (
            "another plan failed: it is still waited for",
            under_way(),
            vec![
                ("", 40.0, cpu(40.0, 20.0), ""),
                ("", 41.0, actuated(6, 5, refused()), ""),
            ],
        ),
        (
            "someone else went the other way",
            fired(),
            vec![("", 31.0, drifted(2), "cpu 2 ThresholdWaiting")],
        ),
        (
            "a part of it was carried out: the rest stands while the load does",
            fired(),
            vec![
                ("", 31.0, actuated(7, 4, Outcome::Applied), ""),
                ("", 35.0, verified(7, 4, 4), ""),
                ("", 40.0, cpu(40.0, 90.0), ""),
                ("", 50.0, cpu(50.0, 20.0), "cpu no opinion ThresholdQuiet"),
            ],
        ),
        (
            "nothing is heard of the metric",
            under_way(),
            vec![
                ("", 61.0, ticked(), "cpu unavailable Stale"),
                ("", 62.0, cpu(62.0, 90.0), "cpu 5 ThresholdWaiting"),
            ],
        ),
    ];
    for (name, mut desk, scenario) in cases {
        for (_, second, body, want) in scenario {
            assert_eq!(desk.tell(second, body), want, "{name} (second {second})");
        }
    }
}

fn refused() -> Outcome {
    Outcome::Failed {
        error: "no".into(),
        retry: false,
    }
}

#[test]
fn a_change_that_is_never_verified_is_waited_for_as_long_as_the_cooldown() {
    for (cooldown, until) in [(0, 331.0), (60, 91.0)] {
        let mut desk = Desk::default();
        desk.tell(0.0, applied_with(&[hot()], Span::seconds(cooldown)));
        desk.tell(0.0, drifted(3));
        for second in [0.0, 15.0, 30.0] {
            desk.tell(second, cpu(second, 90.0));
        }
        desk.tell(31.0, actuated(7, 5, Outcome::Applied));
        let mut second = 45.0;
        while second < until {
            assert_eq!(
                desk.tell(second, cpu(second, 90.0)),
                "",
                "cooldown {cooldown}, second {second}"
            );
            second += 15.0;
        }
        let waits = desk.tell(until, cpu(until, 90.0));
        assert_eq!(waits, "cpu 5 ThresholdWaiting", "cooldown {cooldown}");
        desk.tell(until + 15.0, cpu(until + 15.0, 90.0));
        let again = desk.tell(until + 30.0, cpu(until + 30.0, 90.0));
        assert_eq!(again, "cpu 7 ThresholdHeld", "cooldown {cooldown}");
    }
}

#[test]
fn under_a_new_policy_an_order_still_stands() {
    let again = fired().tell(31.0, applied(&[hot()]));
    assert_eq!(again, "cpu 5 ThresholdOrdered");
}

#[test]
fn the_same_number_ordered_again_is_news() {
    let eager = step("cpu", Crossed::Above(70.0), 0, Change::By(2));
    play(
        &mut Desk::with([eager], 3),
        [
            (
                "the first order",
                0.0,
                cpu(0.0, 90.0),
                "cpu 5 ThresholdHeld",
            ),
            ("it stands", 10.0, cpu(10.0, 90.0), ""),
            (
                "after a silence that no tick told of",
                50.0,
                cpu(50.0, 90.0),
                "cpu 5 ThresholdHeld",
            ),
            ("the second stands too", 51.0, cpu(51.0, 90.0), ""),
        ],
    );
}

#[test]
fn a_step_does_not_fire_into_a_change_that_another_rule_caused() {
    let mut desk = Desk::with(vec![hot()], 3);
    play(
        &mut desk,
        [
            (
                "the run begins",
                0.0,
                cpu(0.0, 90.0),
                "cpu 3 ThresholdWaiting",
            ),
            (
                "another rule's plan for four",
                20.0,
                actuated(7, 4, Outcome::Applied),
                "cpu 4 ThresholdWaiting",
            ),
            (
                "it has held, and four are not there yet",
                30.0,
                cpu(30.0, 90.0),
                "",
            ),
            (
                "now they are: evidence begins anew",
                40.0,
                verified(7, 4, 4),
                "",
            ),
            ("", 60.0, cpu(60.0, 90.0), ""),
            (
                "and four are not enough",
                70.0,
                cpu(70.0, 90.0),
                "cpu 6 ThresholdHeld",
            ),
        ],
    );
}

#[test]
fn quiet_rules_stand_in_nobodys_way_upwards_and_must_agree_downwards() {
    let both = vec![
        step("up", Crossed::Above(70.0), 30, Change::By(2)),
        step("down", Crossed::Below(30.0), 30, Change::By(-1)),
        step("least", Crossed::Above(70.0), 30, Change::To(Replicas(5))),
        step("idle", Crossed::Below(30.0), 30, Change::To(Replicas(1))),
    ];
    let mut desk = Desk::with(both, 3);
    let quiet = [
        ("up", "up no opinion ThresholdQuiet"),
        ("down", "down 3 ThresholdQuiet"),
        ("least", "least no opinion ThresholdQuiet"),
        ("idle", "idle 3 ThresholdQuiet"),
    ];
    for (metric, want) in quiet {
        assert_eq!(desk.tell(1.0, total(metric, 1.0, 50.0)), want);
    }
    let all = desk.tell(2.0, drifted(4));
    assert_eq!(
        all, "down 4 ThresholdQuiet, idle 4 ThresholdQuiet",
        "the count is the news"
    );
}

#[test]
fn each_kind_of_change_orders_its_count() {
    use Change::{By, ByPercent, To};
    let cases = [
        ("so many more", By(2), 3, "cpu 5 ThresholdHeld"),
        ("so many fewer", By(-2), 3, "cpu 1 ThresholdHeld"),
        ("not below none", By(-5), 3, "cpu 0 ThresholdHeld"),
        ("nothing below none", By(-5), 0, "cpu 0 ThresholdHeld"),
        (
            "percents round away from zero",
            ByPercent(10),
            11,
            "cpu 13 ThresholdHeld",
        ),
        ("downwards too", ByPercent(-10), 11, "cpu 9 ThresholdHeld"),
        (
            "exact percents stay exact",
            ByPercent(-10),
            10,
            "cpu 9 ThresholdHeld",
        ),
        (
            "one percent of three is one",
            ByPercent(1),
            3,
            "cpu 4 ThresholdHeld",
        ),
        (
            "any percent of none is one",
            ByPercent(50),
            0,
            "cpu 1 ThresholdHeld",
        ),
        (
            "never beyond what counts",
            ByPercent(i32::MAX),
            u32::MAX,
            "cpu 2147483647 ThresholdHeld",
        ),
        (
            "nor below",
            ByPercent(-100),
            u32::MAX,
            "cpu 0 ThresholdHeld",
        ),
        ("to a count", To(Replicas(9)), 3, "cpu 9 ThresholdHeld"),
        (
            "to the count there is",
            To(Replicas(3)),
            3,
            "cpu 3 ThresholdHeld",
        ),
    ];
    for (name, change, current, want) in cases {
        let rule = step("cpu", Crossed::Above(70.0), 0, change);
        let mut desk = Desk::with(vec![rule], current);
        assert_eq!(desk.tell(1.0, cpu(1.0, 90.0)), want, "{name}");
    }
}

#[test]
fn an_absolute_count_is_wanted_while_the_threshold_holds() {
    let rule = step("cpu", Crossed::Above(70.0), 10, Change::To(Replicas(8)));
    play(
        &mut Desk::with(vec![rule], 3),
        [
            (
                "the run begins",
                0.0,
                cpu(0.0, 90.0),
                "cpu 3 ThresholdWaiting",
            ),
            ("it has held", 10.0, cpu(10.0, 90.0), "cpu 8 ThresholdHeld"),
            ("carried out", 11.0, actuated(7, 8, Outcome::Applied), ""),
            ("verified, and still wanted", 12.0, verified(7, 8, 8), ""),
            ("and still", 20.0, cpu(20.0, 90.0), ""),
            (
                "no more",
                30.0,
                cpu(30.0, 50.0),
                "cpu no opinion ThresholdQuiet",
            ),
        ],
    );
}

#[test]
fn replicas_are_held_against_a_threshold_as_their_mean() {
    let eager = step("cpu", Crossed::Above(70.0), 0, Change::By(1));
    let mut desk = Desk::with(vec![eager], 3);
    let cool = per_replica("cpu", 1.0, &[40.0, 90.0, f64::NAN]);
    assert_eq!(desk.tell(1.0, cool), "cpu no opinion ThresholdQuiet");
    let hot = per_replica("cpu", 2.0, &[60.0, 90.0, f64::NAN]);
    assert_eq!(desk.tell(2.0, hot), "cpu 4 ThresholdHeld");
}
