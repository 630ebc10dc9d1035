//! Any events in any order, for the properties.

use crate::support::*;
use headroom_model::{
    Body,
    body::{Measured, Outcome, PolicyRemoved},
};
use headroom_policy::{Change, Crossed, Rule, Strategy as Reckoning, TargetValue};
use proptest::prelude::*;

/// The metrics of [`rules`].
pub(crate) const METRICS: [&str; 4] = ["rps", "lag", "cpu", "idle"];

/// A proportional rule of each kind, and a threshold each way.
pub(crate) fn rules() -> Vec<Rule> {
    let value = Reckoning::Proportional {
        target: TargetValue::Value(10.0),
        tolerance_up: 0.1,
        tolerance_down: 0.1,
    };
    vec![
        rps(),
        rule("lag", value),
        step("cpu", Crossed::Above(70.0), 20, Change::By(2)),
        step("idle", Crossed::Below(30.0), 20, Change::ByPercent(-25)),
    ]
}

/// Something that happens to a workload.
#[derive(Clone, Debug)]
enum Happening {
    /// A total, so many seconds old (or ahead) when it comes.
    Total(&'static str, f64, f64),
    PerReplica(&'static str, Vec<f64>),
    Missing(&'static str),
    Failed(&'static str),
    Tick,
    Drift(u32),
    Actuated(u64, u32, Outcome),
    Verified(u64, u32, u32),
    /// A policy with so many of the rules.
    Policy(usize),
    Removed,
}

impl Happening {
    fn at(self, second: f64) -> Body {
        match self {
            Self::Total(metric, age, value) => total(metric, second - age, value),
            Self::PerReplica(metric, values) => per_replica(metric, second, &values),
            Self::Missing(metric) => measured(metric, second, Measured::Missing),
            Self::Failed(metric) => failed(metric, second),
            Self::Tick => ticked(),
            Self::Drift(replicas) => drifted(replicas),
            Self::Actuated(generation, to, outcome) => actuated(generation, to, outcome),
            Self::Verified(generation, replicas, ready) => verified(generation, replicas, ready),
            Self::Policy(kept) => applied(&rules()[..kept]),
            Self::Removed => Body::from(PolicyRemoved {
                owner: "test".into(),
            }),
        }
    }
}

pub(crate) fn metric() -> impl Strategy<Value = &'static str> {
    prop::sample::select(METRICS.as_slice())
}

/// Mostly what a source may say, and sometimes anything.
pub(crate) fn number() -> impl Strategy<Value = f64> {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, 0.0];
    prop_oneof![
        6 => 0.0..120.0_f64,
        1 => prop::sample::select(odd.as_slice().to_vec()),
        1 => any::<f64>(),
    ]
}

fn happening() -> impl Strategy<Value = Happening> {
    use Happening::{
        Actuated, Drift, Failed, Missing, PerReplica, Policy, Removed, Tick, Total, Verified,
    };
    let outcome = prop::sample::select(vec![
        Outcome::Applied,
        Outcome::Adopted,
        Outcome::Unknown,
        Outcome::TimedOut { after_ms: 1 },
    ]);
    prop_oneof![
        12 => (metric(), 0.0..120.0_f64).prop_map(|(of, value)| Total(of, 0.0, value)),
        3 => (metric(), -5.0..45.0_f64, number()).prop_map(|(of, age, value)| Total(of, age, value)),
        3 => (metric(), prop::collection::vec(number(), 0..5)).prop_map(|(of, values)| PerReplica(of, values)),
        1 => metric().prop_map(Missing),
        1 => metric().prop_map(Failed),
        3 => Just(Tick),
        1 => (0..9_u32).prop_map(Drift),
        2 => (1..9_u64, 0..9_u32, outcome).prop_map(|(generation, to, how)| Actuated(generation, to, how)),
        2 => (1..9_u64, 0..9_u32, 0..9_u32).prop_map(|(generation, all, ready)| Verified(generation, all, ready.min(all))),
        1 => (1..=METRICS.len()).prop_map(Policy),
        1 => Just(Removed),
    ]
}

/// Any events, each with the second at which it happens.
pub(crate) fn history() -> impl Strategy<Value = Vec<(f64, Body)>> {
    let gap = prop_oneof![4 => 0.0..12.0_f64, 1 => 0.0..90.0_f64];
    prop::collection::vec((gap, happening()), 1..60).prop_map(|steps| {
        let mut second = 0.0;
        let at_its_time = |(gap, what): (f64, Happening)| {
            second += gap;
            (second, what.at(second))
        };
        steps.into_iter().map(at_its_time).collect()
    })
}

/// The same with each total as the number of one replica, which bears another name each time.
pub(crate) fn of_one_replica(history: &[(f64, Body)]) -> Vec<(f64, Body)> {
    let mut changed = history.to_vec();
    for (number, (_, body)) in changed.iter_mut().enumerate() {
        let Body::Observed(observed) = body else {
            continue;
        };
        for reading in &mut observed.readings {
            if let Measured::Total(value) = reading.measured {
                reading.measured = Measured::PerReplica {
                    replicas: vec![format!("exporter-{number}:9121")],
                    values: vec![value],
                };
            }
        }
    }
    changed
}
