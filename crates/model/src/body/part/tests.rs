use super::*;
use crate::{
    Body, Span,
    body::{Container, Template},
};
use proptest::prelude::*;

fn observation(rows: usize, full: bool) -> Observed {
    let names: Vec<_> = (0..rows)
        .map(|row| format!("checkout-6d4cf56db6-{row:05}"))
        .collect();
    let column = |value: fn(usize) -> bool| match full {
        true => (0..rows).map(value).collect(),
        false => Vec::new(),
    };
    let moments = |first: i64| {
        let moment = |row: usize| Timestamp(first + i64::try_from(row).unwrap());
        match full {
            true => (0..rows).map(moment).collect(),
            false => Vec::new(),
        }
    };
    let reading = |metric: &str, measured| Reading {
        metric: metric.to_owned(),
        at: Timestamp(7),
        measured,
    };
    let usage = ContainerUsage {
        replicas: names.clone(),
        containers: vec!["app".into(), "proxy".into()],
        values: (0..rows * 2).map(|cell| cell as f64 / 8.0).collect(),
        incomplete: column(|row| row % 7 == 0),
        at: moments(1_790_000_000_000),
        windows: match full {
            true => vec![Span::seconds(15); rows],
            false => Vec::new(),
        },
    };
    let values = (0..rows).map(|row| row as f64 / 4.0);
    let per_replica = Measured::PerReplica {
        replicas: names.clone(),
        values: values.collect(),
    };
    Observed {
        source: "kubernetes".into(),
        due: Timestamp(5),
        readings: vec![
            reading("queue", Measured::Total(3.0)),
            reading("cpu", Measured::PerContainer(usage)),
            reading("rps", per_replica),
            reading("gone", Measured::Missing),
        ],
        fleet: Some(FleetState {
            counted: None,
            names,
            phases: match full {
                true => vec![Phase::Running; rows],
                false => Vec::new(),
            },
            deleting: column(|row| row % 3 == 0),
            ready: column(|row| row % 2 == 0).into_iter().map(Some).collect(),
            started: moments(1_790_000_000_000).into_iter().map(Some).collect(),
            ready_changed: moments(1_790_000_001_000),
            made_from: Vec::new(),
            templates: vec![Template {
                containers: vec![Container {
                    name: "app".into(),
                    requests: [("cpu".to_owned(), 500)].into(),
                }],
                ..Template::default()
            }],
        }),
        part: Part::default(),
    }
}

#[test]
fn five_thousand_replicas_fit_into_parts_of_a_quarter_of_a_megabyte() {
    let whole = observation(5000, true);
    let parts = whole.clone().into_parts(MOST_BYTES);
    assert!((2..=6).contains(&parts.len()), "{} parts", parts.len());
    for part in &parts {
        let bytes = Body::from(part.clone()).encode().len();
        assert!(bytes <= MOST_BYTES, "{bytes} bytes");
    }
    assert_eq!(Observed::from_parts(parts), Some(whole));
}

#[test]
fn what_fits_stays_whole_and_says_nothing_of_parts() {
    let whole = observation(3, true);
    let parts = whole.clone().into_parts(MOST_BYTES);
    assert_eq!(parts.as_slice(), std::slice::from_ref(&whole));
    let json = Body::from(whole).to_json();
    assert_eq!(json.get("part"), None, "{json}");
}

#[test]
fn a_missing_part_gives_nothing() {
    let parts = observation(40, false).into_parts(400);
    assert!(parts.len() > 3, "{} parts", parts.len());
    for missing in 0..parts.len() {
        let mut some = parts.clone();
        some.remove(missing);
        assert_eq!(Observed::from_parts(some), None, "without part {missing}");
    }
    assert_eq!(Observed::from_parts(parts.into_iter().rev()), None);
}

#[test]
fn rows_of_another_length_never_shift_their_neighbours() {
    let mut parts = observation(10, true).into_parts(900);
    assert!(parts.len() > 1);
    let fleet = parts[0].fleet.as_mut().unwrap();
    let first = fleet.names.len();
    fleet.deleting.clear();
    fleet.ready.push(Some(true));
    let second = parts[1].fleet.clone().unwrap();
    let whole = Observed::from_parts(parts).unwrap().fleet.unwrap();
    assert_eq!(whole.deleting[..first], vec![false; first]);
    assert_eq!(whole.deleting[first], second.deleting[0]);
    assert_eq!(whole.ready[first], second.ready[0]);
}

proptest! {
    #[test]
    fn parts_are_the_whole(rows in 0_usize..60, full in any::<bool>(), most in 1_usize..4000) {
        let whole = observation(rows, full);
        let parts = whole.clone().into_parts(most);
        prop_assert!(parts.iter().all(|part| part.part.is_sound()));
        prop_assert_eq!(Observed::from_parts(parts), Some(whole));
    }
}
