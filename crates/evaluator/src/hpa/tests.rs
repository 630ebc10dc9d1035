//! What holds whatever is measured: no panic, no count beyond what Kubernetes can hold, and nothing assumed that turns the
//! direction.

use super::*;
use headroom_model::{Span, Timestamp, body::Phase};
use proptest::prelude::*;
use std::collections::BTreeMap;

const NOW: Timestamp = Timestamp(2_000_000_000_000);

fn moment() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        (0..1_000_000_i64).prop_map(|age| Timestamp(NOW.0 - age)),
        any::<i64>().prop_map(Timestamp),
    ]
}

fn replica(name: String) -> impl Strategy<Value = Replica> {
    let phase = prop_oneof![
        6 => Just(Phase::Running),
        1 => Just(Phase::Pending),
        1 => Just(Phase::Succeeded),
        1 => Just(Phase::Failed),
    ];
    let ready = prop_oneof![4 => Just(Some(true)), 1 => Just(Some(false)), 1 => Just(None)];
    (
        phase,
        prop::bool::weighted(0.1),
        ready,
        prop::option::weighted(0.9, moment()),
        moment(),
    )
        .prop_map(
            move |(phase, deleting, ready, started, ready_changed)| Replica {
                name: name.clone(),
                phase,
                deleting,
                ready,
                started,
                ready_changed,
            },
        )
}

fn replicas() -> impl Strategy<Value = Vec<Replica>> {
    (0..8_usize).prop_flat_map(|count| {
        (0..count)
            .map(|number| replica(format!("p{number}")))
            .collect::<Vec<_>>()
    })
}

fn milli() -> impl Strategy<Value = i64> {
    prop_oneof![8 => 0..10_000_i64, 1 => any::<i64>(), 1 => Just(i64::MAX), 1 => Just(i64::MIN)]
}

/// A sample of some of the replicas, and of one that nobody knows.
fn samples() -> impl Strategy<Value = Vec<Option<Sample>>> {
    let window = prop_oneof![0..120_000_u64, any::<u64>()];
    let sample = (milli(), moment(), window).prop_map(|(value, at, window)| Sample {
        value: Milli(value),
        at,
        window: Span(window),
    });
    prop::collection::vec(prop::option::weighted(0.7, sample), 9)
}

const NAMES: [&str; 9] = ["p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7", "stranger"];

fn named(samples: &[Option<Sample>]) -> BTreeMap<&str, Sample> {
    let named = NAMES.iter().zip(samples);
    named
        .filter_map(|(name, sample)| Some((*name, (*sample)?)))
        .collect()
}

fn tolerance() -> impl Strategy<Value = Tolerance> {
    (0.0..=1.0, 0.0..=1.0).prop_map(|(up, down)| Tolerance { up, down })
}

#[test]
fn what_is_wanting_is_told_in_the_order_in_which_the_hpa_asks() {
    let unready = Replica {
        name: "p0".into(),
        phase: Phase::Pending,
        deleting: false,
        ready: Some(false),
        started: None,
        ready_changed: NOW,
    };
    let sample = Sample {
        value: Milli(1),
        at: NOW,
        window: Span::ZERO,
    };
    let (none, one) = (BTreeMap::new(), BTreeMap::from([("p0", sample)]));
    let cases = [
        // name, replicas, whether the source gave anything, what of it is complete, what is wrong
        ("nothing at all", vec![], false, &none, Failure::NoSamples),
        (
            "no sample of anybody",
            vec![unready.clone()],
            false,
            &none,
            Failure::NoSamples,
        ),
        ("nobody there", vec![], true, &one, Failure::NoReplicas),
        (
            "nobody ready",
            vec![unready.clone()],
            true,
            &one,
            Failure::NoUsableSamples,
        ),
        (
            "nothing complete",
            vec![unready],
            true,
            &none,
            Failure::NoUsableSamples,
        ),
    ];
    for (name, replicas, answered, samples, want) in cases {
        let samples = Samples {
            replicas: &replicas,
            answered,
            samples,
            cpu: None,
            now: NOW,
        };
        let tolerance = Tolerance { up: 0.1, down: 0.1 };
        let got = average_value(samples, Milli(1), tolerance, Replicas(1));
        assert_eq!(got, Err(want), "{name}");
    }
}

proptest! {
    #[test]
    fn whatever_replicas_say_the_proposal_is_a_count_and_never_against_the_readings(
        replicas in replicas(), samples in samples(), cpu in any::<bool>(), target in 1..i64::MAX,
        percent in 1..=i32::MAX, request in milli(), tolerance in tolerance(), current in 0..=MOST_REPLICAS.0,
    ) {
        let (samples, current) = (named(&samples), Replicas(current));
        let samples = Samples {
            replicas: &replicas,
            answered: true,
            samples: &samples,
            cpu: cpu.then(CpuRules::default),
            now: NOW,
        };
        let groups = group(&replicas, samples.samples, samples.cpu, NOW);
        let counted = groups.unready.len() + groups.missing.len() + groups.ignored.len();
        prop_assert_eq!(counted + groups.ready as usize, replicas.len());
        let requests = || Ok(replicas.iter().map(|replica| (replica.name.clone(), Milli(request))).collect());
        let proposals = [
            average_value(samples, Milli(target), tolerance, current),
            resource_utilization(samples, requests, percent, tolerance, current),
        ];
        for proposal in proposals.into_iter().flatten() {
            prop_assert!(proposal.replicas <= MOST_REPLICAS);
            prop_assert!(!proposal.stays || proposal.replicas == current);
            let assumed = !groups.missing.is_empty() || (!groups.unready.is_empty() && proposal.ratio > 1.0);
            if assumed && proposal.ratio > 1.0 {
                prop_assert!(proposal.replicas >= current, "{:?}", proposal);
            }
            if assumed && proposal.ratio < 1.0 {
                prop_assert!(proposal.replicas <= current, "{:?}", proposal);
            }
        }
    }

    #[test]
    fn whatever_a_total_is_the_proposal_is_a_count(
        total in any::<i64>(), target in 1..=i64::MAX, tolerance in tolerance(), current in 0..=MOST_REPLICAS.0,
        ready in 0..=MOST_REPLICAS.0,
    ) {
        let (total, target, current) = (Milli(total), Milli(target), Replicas(current));
        let ready = || Ok::<_, Failure>(Replicas(ready));
        let value = value(total, target, tolerance, current, ready).unwrap();
        let average = average_of_total(total, target, tolerance, current);
        for proposal in [value, average] {
            prop_assert!(proposal.replicas <= MOST_REPLICAS);
            prop_assert!(!proposal.stays || proposal.replicas == current);
        }
    }

    #[test]
    fn sums_saturate(values in prop::collection::vec(any::<i64>(), 0..20)) {
        let exact: i128 = values.iter().map(|value| i128::from(*value)).sum();
        let sum = Milli::sum(values.into_iter().map(Milli));
        prop_assert_eq!(i128::from(sum.0), exact.clamp(i64::MIN.into(), i64::MAX.into()));
    }
}
