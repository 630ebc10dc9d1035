//! What must always hold, over many seeds. `HEADROOM_SEEDS` sets how many, `HEADROOM_SEED` runs a single one.

use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_model::{Body, Machine, Seq};
use headroom_planner::Planner;
use headroom_sim::{Run, Scenario, check, noise, run};

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_seed_keeps_what_must_always_hold() {
    let seeds = match number("HEADROOM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HEADROOM_SEEDS").unwrap_or(100),
    };
    let mut bad = Vec::new();
    for seed in seeds {
        let scenario = Scenario::from_seed(seed);
        let found = check::violations(&run(&scenario));
        if !found.is_empty() {
            bad.push(format!("seed {seed}:\n  {}", found.join("\n  ")));
        }
        if bad.len() >= 5 {
            break;
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

#[test]
fn one_seed_run_twice_gives_identical_logs() {
    for seed in [1, 7, 42] {
        let scenario = Scenario::from_seed(seed);
        let (first, second) = (run(&scenario), run(&scenario));
        assert_eq!(
            first.store.entries(Seq(1)),
            second.store.entries(Seq(1)),
            "seed {seed}"
        );
        assert!(
            first.store.bounds().last > Seq(1000),
            "seed {seed} has a log worth comparing"
        );
    }
}

#[test]
fn repeated_late_and_future_events_change_no_answer() {
    for seed in 0..number("HEADROOM_SEEDS").unwrap_or(100) {
        let run = run(&Scenario::from_seed(seed));
        assert_same::<Evaluator>(&run, seed);
        assert_same::<Planner>(&run, seed);
        assert_same::<Actuator>(&run, seed);
    }
}

fn assert_same<M: Machine>(run: &Run, seed: u64) {
    let told = |noise| {
        noise::answers::<M>(&run.store, noise)
            .iter()
            .map(text)
            .collect::<Vec<_>>()
    };
    let (quiet, noisy) = (told(None), told(Some(seed)));
    let first = quiet
        .iter()
        .zip(&noisy)
        .find(|(quiet, noisy)| quiet != noisy);
    assert!(first.is_none(), "seed {seed}, {}: {first:?}", M::SERVICE);
    assert_eq!(quiet.len(), noisy.len(), "seed {seed}, {}", M::SERVICE);
}

/// As text, since NaN is not equal to itself.
fn text(answer: &(String, Body)) -> String {
    format!("{answer:?}")
}
