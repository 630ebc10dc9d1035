//! Rules of single replicas: resources, containers and pods metrics, with and without a list of the target's replicas.

use crate::support::{Desk, Step, applied, drifted, measured, play, rule};
use headroom_model::{
    Body, Span, Timestamp,
    body::{Container, ContainerUsage, FleetState, Measured, Observed, Part, Phase, Template},
};
use headroom_policy::{Rule, Scope, Strategy};

/// `cpu`: half of what is requested, of all containers or of one.
pub(crate) fn cpu(container: Option<&str>) -> Rule {
    let strategy = Strategy::Utilization {
        percent: 50,
        tolerance_up: 0.1,
        tolerance_down: 0.1,
    };
    let mut rule = rule("cpu", strategy);
    rule.metric.scope = match container {
        Some(container) => {
            rule.name = format!("{container}/cpu");
            Scope::Container(container.into())
        }
        None => Scope::Resource,
    };
    rule
}

/// `rps`: ten a second of each.
pub(crate) fn rps() -> Rule {
    let mut rule = crate::support::rps();
    rule.metric.scope = Scope::Pods;
    rule
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("r{number}")).collect()
}

/// Replicas that have been ready for ten minutes, with two containers that request half a core each.
pub(crate) fn fleet(count: usize, second: f64) -> FleetState {
    let long_ago = Timestamp((second * 1000.0) as i64 - 600_000);
    let container = |name: &str| Container {
        name: name.into(),
        requests: [("cpu".to_owned(), 500)].into(),
    };
    FleetState {
        names: names(count),
        ready: vec![Some(true); count],
        started: vec![Some(long_ago); count],
        ready_changed: vec![long_ago; count],
        templates: vec![Template {
            containers: vec![container("app"), container("proxy")],
            ..Template::default()
        }],
        ..FleetState::default()
    }
}

/// What each replica's two containers use of `cpu`, in cores.
pub(crate) fn usage(each: &[(f64, f64)]) -> Measured {
    Measured::PerContainer(ContainerUsage {
        replicas: names(each.len()),
        containers: vec!["app".into(), "proxy".into()],
        values: each
            .iter()
            .flat_map(|(app, proxy)| [*app, *proxy])
            .collect(),
        windows: vec![Span::seconds(15); each.len()],
        ..ContainerUsage::default()
    })
}

pub(crate) fn observed(
    second: f64,
    metric: &str,
    reading: Measured,
    fleet: Option<FleetState>,
) -> Observed {
    let Body::Observed(observed) = measured(metric, second, reading) else {
        panic!("a reading is an observation")
    };
    Observed { fleet, ..observed }
}

fn seen(second: f64, each: &[(f64, f64)]) -> Body {
    let fleet = fleet(each.len(), second);
    observed(second, "cpu", usage(each), Some(fleet)).into()
}

#[test]
fn a_share_of_what_is_requested_brings_as_many_replicas_as_use_it() {
    let mut desk = Desk::with([cpu(None)], 3);
    let busy = [(0.4, 0.3); 3];
    let idle = [(0.1, 0.05); 3];
    let scenario: [Step; 4] = [
        (
            "70 % of 50 %",
            10.0,
            seen(10.0, &busy),
            "cpu 5 Proportional",
        ),
        (
            "15 % of 50 %",
            20.0,
            seen(20.0, &idle),
            "cpu 1 Proportional",
        ),
        (
            "half, and so nothing",
            30.0,
            seen(30.0, &[(0.25, 0.25); 3]),
            "cpu 3 WithinTolerance",
        ),
        (
            "nobody there",
            40.0,
            seen(40.0, &[]),
            "cpu unavailable Missing",
        ),
    ];
    play(&mut desk, scenario);
}

#[test]
fn one_container_is_measured_alone_and_shares_the_readings() {
    let mut desk = Desk::with([cpu(None), cpu(Some("app")), cpu(Some("gone"))], 2);
    let told = desk.tell(10.0, seen(10.0, &[(0.5, 0.0); 2]));
    assert_eq!(
        told,
        "cpu 2 WithinTolerance, app/cpu 4 Proportional, gone/cpu unavailable NoSuchSamples"
    );
}

#[test]
fn who_starts_or_goes_or_is_silent_is_reckoned_as_the_hpa_does() {
    let busy = [(0.5, 0.5); 4];
    let mut starting = fleet(4, 10.0);
    starting.started[3] = Some(Timestamp(9_000));
    starting.ready_changed[3] = Timestamp(9_500);
    let mut pending = fleet(4, 10.0);
    pending.phases = vec![
        Phase::Running,
        Phase::Running,
        Phase::Pending,
        Phase::Failed,
    ];
    let mut going = fleet(4, 10.0);
    going.deleting = vec![false, false, true, true];
    let mut unknown = fleet(4, 10.0);
    unknown.ready.clear();
    let incomplete = |rows: &[usize]| {
        let Measured::PerContainer(mut usage) = usage(&busy) else {
            panic!("usage is of containers")
        };
        usage.incomplete = (0..4).map(|row| rows.contains(&row)).collect();
        Measured::PerContainer(usage)
    };
    let all = || usage(&busy);
    let cases = [
        ("all at work", all(), fleet(4, 10.0), "cpu 8 Proportional"),
        ("one only starts", all(), starting, "cpu 6 Proportional"),
        (
            "one waits, one failed",
            all(),
            pending,
            "cpu 4 Proportional",
        ),
        ("two are going", all(), going, "cpu 4 Proportional"),
        (
            "nobody says it is ready",
            all(),
            unknown,
            "cpu unavailable NoSuchSamples",
        ),
        (
            "one is silent",
            incomplete(&[2]),
            fleet(4, 10.0),
            "cpu 6 Proportional",
        ),
        (
            "none requests anything",
            all(),
            FleetState {
                templates: Vec::new(),
                ..fleet(4, 10.0)
            },
            "cpu unavailable MissingRequest",
        ),
    ];
    for (name, reading, fleet, want) in cases {
        let mut desk = Desk::with([cpu(None)], 4);
        let observed = observed(10.0, "cpu", reading, Some(fleet));
        assert_eq!(desk.tell(10.0, observed.into()), want, "{name}");
    }
}

#[test]
fn a_list_that_is_too_old_is_not_reckoned_with() {
    let mut desk = Desk::with([cpu(None)], 2);
    desk.tell(10.0, seen(10.0, &[(0.5, 0.5); 2]));
    let unlisted = observed(41.0, "cpu", usage(&[(0.5, 0.5); 2]), None);
    assert_eq!(desk.tell(41.0, unlisted.into()), "cpu unavailable Stale");
}

#[test]
fn one_replica_s_reading_that_is_too_old_or_from_the_future_is_none() {
    let mut desk = Desk::with([cpu(None)], 3);
    let Measured::PerContainer(mut usage) = usage(&[(0.5, 0.5); 3]) else {
        panic!("usage is of containers")
    };
    let at = |second: i64| Timestamp(second * 1000);
    usage.at = vec![at(100), at(60), at(103)];
    let reading = Measured::PerContainer(usage);
    let observed = observed(100.0, "cpu", reading, Some(fleet(3, 100.0)));
    // 100 % of the one that is left, and nothing of the two others: a third of that, below half and so turned.
    assert_eq!(desk.tell(100.0, observed.into()), "cpu 3 MissingReplicas");
}

#[test]
fn an_observation_in_parts_is_evaluated_when_all_are_there() {
    let whole = |second: f64| {
        let each = vec![(0.5, 0.5); 40];
        observed(second, "cpu", usage(&each), Some(fleet(40, second)))
    };
    let mut desk = Desk::with([cpu(None)], 40);
    let parts = whole(10.0).into_parts(600);
    let (last, first) = parts.split_last().unwrap();
    assert!(first.len() > 2);
    for part in first.iter().rev() {
        assert_eq!(desk.tell(10.0, part.clone().into()), "", "{:?}", part.part);
    }
    assert_eq!(desk.tell(10.0, last.clone().into()), "cpu 80 Proportional");

    let newer = whole(20.0).into_parts(600);
    desk.tell(20.0, newer[0].clone().into());
    for part in whole(15.0).into_parts(600) {
        assert_eq!(
            desk.tell(20.5, part.into()),
            "",
            "older than what is under way"
        );
    }
    let impossible = Observed {
        part: Part {
            number: 9,
            of: 3,
            ..newer[1].part
        },
        ..newer[1].clone()
    };
    assert_eq!(desk.tell(20.6, impossible.into()), "");
}

#[test]
fn parts_from_the_future_do_not_make_later_ones_too_old() {
    let parts = |second: f64| {
        let each = vec![(0.5, 0.5); 40];
        observed(second, "cpu", usage(&each), Some(fleet(40, second))).into_parts(600)
    };
    let mut desk = Desk::with([cpu(None)], 40);
    for part in parts(3600.0) {
        assert_eq!(desk.tell(10.0, part.into()), "");
    }
    let said: String = parts(15.0)
        .into_iter()
        .map(|part| desk.tell(15.0, part.into()))
        .collect();
    assert_eq!(said, "cpu 80 Proportional");
}

#[test]
fn parts_of_what_two_collectors_read_are_not_mixed() {
    let of = |usage_of_each: f64| {
        let each = vec![(usage_of_each, 0.0); 40];
        let whole = observed(10.0, "cpu", usage(&each), Some(fleet(40, 10.0)));
        whole.into_parts(600)
    };
    let (one, other) = (of(0.75), of(1.5));
    assert_eq!(one.len(), other.len());
    let mut desk = Desk::with([cpu(None)], 40);
    let (last, first) = one.split_last().unwrap();
    for (part, strange) in first.iter().zip(&other) {
        desk.tell(10.0, part.clone().into());
        assert_eq!(desk.tell(10.0, strange.clone().into()), "");
    }
    assert_eq!(desk.tell(10.0, last.clone().into()), "cpu 60 Proportional");
    let rest = other[first.len()].clone();
    assert_eq!(
        desk.tell(10.0, rest.into()),
        "",
        "the instant is known by then"
    );
}

#[test]
fn five_thousand_replicas_are_evaluated_and_kept_once() {
    let each = vec![(0.4, 0.2); 5000];
    let rules = [cpu(None), cpu(Some("app")), cpu(Some("proxy"))];
    let mut desk = Desk::with(&rules, 5000);
    let whole = observed(10.0, "cpu", usage(&each), Some(fleet(5000, 10.0)));
    let mut told = String::new();
    for part in whole.into_parts(headroom_model::body::MOST_BYTES) {
        told = desk.tell(10.0, part.into());
    }
    assert_eq!(
        told,
        "cpu 6000 Proportional, app/cpu 8000 Proportional, proxy/cpu 4000 Proportional"
    );
}

#[test]
fn a_state_that_was_written_goes_on_the_same() {
    let mut desk = Desk::with([cpu(None), rps()], 2);
    desk.tell(10.0, seen(10.0, &[(0.1, 0.1); 2]));
    let bytes = rmp_serde::to_vec_named(&desk.evaluator).unwrap();
    let mut restored = desk.clone();
    restored.evaluator = rmp_serde::from_slice(&bytes).unwrap();
    assert_eq!(rmp_serde::to_vec_named(&restored.evaluator).unwrap(), bytes);
    for body in [drifted(9), seen(12.0, &[(0.6, 0.5); 2])] {
        assert_eq!(desk.tell(12.0, body.clone()), restored.tell(12.0, body),);
    }
    let removed = desk.tell(13.0, applied(&[rps()]));
    assert_eq!(removed, "rps unavailable NoSample");
}
