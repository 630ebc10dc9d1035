//! How long a list of the target's replicas holds, and for which rules.

use crate::support::{Desk, applied, drifted, measured, play, rps, rule, ticked, total};
use headroom_model::{
    Body, Replicas, Span, Timestamp,
    body::{FleetState, Measured, Observed},
};
use headroom_policy::{Rule, Scope, Strategy, TargetValue};

/// `load`: a value of ten, whatever the count, read where nobody lists replicas.
fn load() -> Rule {
    let strategy = Strategy::Proportional {
        target: TargetValue::Value(10.0),
        tolerance_up: 0.1,
        tolerance_down: 0.1,
    };
    rule("load", strategy)
}

/// `rps`: ten a second of each replica, read of a source that lists them, every second or so.
fn each() -> Rule {
    let mut rule = rps();
    rule.metric.scope = Scope::Pods;
    rule.metric.source = "cluster".into();
    rule.metric.interval = Span::seconds(1);
    rule.metric.freshness = Span::seconds(10);
    rule
}

/// What the cluster says: so many replicas, of which so many are ready, and what each serves.
fn listed(second: f64, count: usize, ready: usize, rps: f64) -> Body {
    let names: Vec<_> = (0..count).map(|number| format!("r{number}")).collect();
    let reading = Measured::PerReplica {
        values: vec![rps; count],
        replicas: names.clone(),
    };
    let Body::Observed(observed) = measured("rps", second, reading) else {
        panic!("a reading is an observation")
    };
    let fleet = FleetState {
        counted: Some(Replicas(u32::try_from(count).unwrap())),
        ready: (0..count).map(|number| Some(number < ready)).collect(),
        started: vec![Some(Timestamp::EPOCH); count],
        names,
        ..FleetState::default()
    };
    Body::from(Observed {
        source: "cluster".into(),
        fleet: Some(fleet),
        ..observed
    })
}

#[test]
fn a_total_goes_on_with_the_counts_of_the_log_when_the_list_is_too_old() {
    let mut desk = Desk::with([load(), each()], 4);
    play(
        &mut desk,
        [
            (
                "four replicas",
                9.0,
                listed(9.0, 4, 2, 10.0),
                "rps 4 WithinTolerance",
            ),
            (
                "two of them share the load",
                10.0,
                total("load", 10.0, 20.0),
                "load 4 Proportional",
            ),
            (
                "the list holds as long as samples of its source",
                19.0,
                ticked(),
                "",
            ),
            (
                "and then all four count, but nothing is known of single ones",
                19.5,
                ticked(),
                "load 8 Proportional, rps unavailable Stale",
            ),
            (
                "a new list",
                20.0,
                listed(20.0, 4, 3, 10.0),
                "load 6 Proportional, rps 4 WithinTolerance",
            ),
        ],
    );
}

#[test]
fn a_list_of_a_source_that_no_rule_reads_holds_as_long_as_any_sample() {
    let mut desk = Desk::with([load()], 4);
    desk.tell(9.0, listed(9.0, 4, 2, 10.0));
    let scenario = [
        (
            "two share the load",
            10.0,
            total("load", 10.0, 20.0),
            "load 4 Proportional",
        ),
        ("thirty seconds later", 39.0, total("load", 39.0, 20.0), ""),
        ("and a little later", 39.5, ticked(), "load 8 Proportional"),
    ];
    play(&mut desk, scenario);
}

#[test]
fn a_list_of_a_source_that_the_policy_gave_up_is_forgotten() {
    let mut other = each();
    other.metric.source = "prometheus".into();
    let mut desk = Desk::with([each()], 2);
    desk.tell(10.0, listed(10.0, 2, 1, 30.0));
    desk.tell(11.0, applied(&[other]));
    let readings = |second: f64| {
        let reading = Measured::PerReplica {
            replicas: vec!["new".into(), "newer".into()],
            values: vec![20.0, 20.0],
        };
        measured("rps", second, reading)
    };
    let scenario = [
        (
            "those that answer are those there are",
            12.0,
            readings(12.0),
            "rps 4 Proportional",
        ),
        (
            "also when the list would be too old",
            40.0,
            readings(40.0),
            "",
        ),
    ];
    play(&mut desk, scenario);
}

#[test]
fn who_is_ready_is_asked_only_when_it_matters() {
    let mut desk = Desk::with([load()], 2);
    desk.tell(9.0, listed(9.0, 0, 0, 0.0));
    let scenario = [
        (
            "nobody is there, and the value is near its target",
            10.0,
            total("load", 10.0, 10.5),
            "load 2 WithinTolerance",
        ),
        (
            "and far from it",
            11.0,
            total("load", 11.0, 15.0),
            "load unavailable NoReplicas",
        ),
        (
            "and the target has none",
            12.0,
            drifted(0),
            "load 2 Proportional",
        ),
    ];
    play(&mut desk, scenario);
}
