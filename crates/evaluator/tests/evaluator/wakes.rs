//! What a tick brings though nothing was heard of a workload: its first deadline has passed, whatever came since.

use crate::replicas::{cpu, fleet, observed, usage};
use crate::support::{Desk, actuated, applied, applied_with, drifted, rps, rule, ticked, total};
use headroom_model::{Body, Span, Timestamp, WorkloadId, body::Outcome};
use headroom_policy::{Strategy, TargetValue};

#[test]
fn those_with_one_deadline_speak_in_the_order_of_their_names() {
    let mut desk = Desk::default();
    for (name, second) in [("c", 1.5), ("b", 1.2), ("a", 1.5)] {
        let id = WorkloadId::new("shop", name).unwrap();
        desk.answers(1.0, &id, applied(&[rps()]));
        desk.answers(1.0, &id, drifted(2));
        desk.answers(2.0, &id, total("rps", second, 20.0));
    }
    let clock = WorkloadId::system("clock");
    assert_eq!(desk.answers(31.2, &clock, ticked()), []);
    let late = desk.answers(31.501, &clock, ticked());
    let order: Vec<_> = late.iter().map(|(id, _)| id.name()).collect();
    assert_eq!(order, ["b", "a", "c"]);
}

#[test]
fn a_deadline_that_comes_nearer_within_its_second_is_kept_once() {
    let mut desk = Desk::with([rps(), rule("old", rps().strategy)], 2);
    desk.tell(10.0, total("rps", 9.9, 20.0));
    desk.tell(10.0, total("old", 9.1, 20.0));
    assert_eq!(desk.tell(39.2, ticked()), "old unavailable Stale");
    assert_eq!(desk.tell(39.9, ticked()), "");
    assert_eq!(desk.tell(39.901, ticked()), "rps unavailable Stale");
}

#[test]
fn a_change_that_cooled_down_meanwhile_is_reckoned_with() {
    let share = Strategy::Proportional {
        target: TargetValue::Value(10.0),
        tolerance_up: 0.1,
        tolerance_down: 0.1,
    };
    let mut desk = Desk::default();
    desk.tell(0.0, applied_with(&[rule("rps", share)], Span::seconds(20)));
    desk.tell(0.0, drifted(2));
    desk.tell(0.0, total("rps", 0.0, 20.0));
    desk.tell(5.0, actuated(7, 4, Outcome::Applied));
    let ready = desk.tell(20.0, total("rps", 20.0, 30.0));
    assert_eq!(ready, "rps 6 Proportional", "three times two, of four");
    let all = desk.tell(30.001, ticked());
    assert_eq!(all, "rps 12 Proportional", "nobody knows who is ready");
}

#[test]
fn a_replica_that_has_started_meanwhile_is_reckoned_with() {
    let mut desk = Desk::with([cpu(None)], 2);
    let seen = |second: f64| -> Body {
        let mut starting = fleet(2, second);
        starting.ready[1] = Some(false);
        starting.started[1] = Some(Timestamp(-275_000)); // believed after 300 s: at second 25
        starting.ready_changed[1] = Timestamp(-100_000);
        let busy = usage(&[(0.5, 0.5); 2]);
        observed(second, "cpu", busy, Some(starting)).into()
    };
    desk.tell(0.0, seen(0.0));
    assert_eq!(desk.tell(20.0, seen(20.0)), "");
    assert_eq!(desk.tell(30.001, ticked()), "cpu 4 Proportional");
}
