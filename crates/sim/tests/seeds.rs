//! What must always hold, over many seeds. `HEADROOM_SEEDS` sets how many, `HEADROOM_SEED` runs a single one.

use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_model::body::{Body, Recommendation, Unavailable};
use headroom_model::{Machine, Seq};
use headroom_planner::Planner;
use headroom_sim::{Effect, Run, Scenario, check, noise, run};
use std::collections::{BTreeMap, BTreeSet};
use std::mem::discriminant;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn every_seed_keeps_what_must_always_hold() {
    let seeds = match number("HEADROOM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("HEADROOM_SEEDS").unwrap_or(100),
    };
    let many = seeds.end - seeds.start >= 100;
    let (mut bad, mut overtaken) = (Vec::new(), 0);
    for seed in seeds {
        let scenario = Scenario::from_seed(seed);
        let run = run(&scenario);
        overtaken += orders_overtaken(&run);
        let found = check::violations(&run);
        if !found.is_empty() {
            bad.push(format!("seed {seed}:\n  {}", found.join("\n  ")));
        }
        if bad.len() >= 5 {
            break;
        }
    }
    assert!(bad.is_empty(), "{}", bad.join("\n"));
    assert!(
        !many || overtaken > 0,
        "orders are slow enough now and then for a newer one to come first"
    );
}

/// How many orders had their effect after a newer one.
fn orders_overtaken(run: &Run) -> usize {
    let generations = |effects: &Vec<Effect>| -> Vec<_> {
        let orders = effects.iter().filter_map(|effect| effect.order.as_ref());
        orders.map(|order| order.generation).collect()
    };
    let overtaken = |effects| {
        let generations = generations(effects);
        let pairs = generations.windows(2);
        pairs.filter(|pair| pair[1] < pair[0]).count()
    };
    run.effects.values().map(overtaken).sum()
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
    let answers = |noise| {
        let mut told = Told::default();
        noise::answers::<M>(&run.store, noise)
            .iter()
            .filter_map(|answer| told.told(answer))
            .collect::<Vec<_>>()
    };
    let (quiet, noisy) = (answers(None), answers(Some(seed)));
    let first = quiet
        .iter()
        .zip(&noisy)
        .find(|(quiet, noisy)| quiet != noisy);
    assert!(first.is_none(), "seed {seed}, {}: {first:?}", M::SERVICE);
    assert_eq!(quiet.len(), noisy.len(), "seed {seed}, {}", M::SERVICE);
}

/// What the rules said, as far as strewn events must not change it.
#[derive(Default)]
struct Told {
    /// Rules that are known to be unavailable.
    unavailable: BTreeSet<Rule>,
    /// What rules wanted last, and for what kind of reason.
    wanted: BTreeMap<Rule, String>,
}

/// A workload and a rule of it.
type Rule = (String, String);

impl Told {
    /// What an answer says, as text, since NaN is not equal to itself.
    ///
    /// That a rule is unavailable is told once, whatever the cause: a sample that is too new may well be named as one while
    /// there is none to obey. That a sample is stale is not told: in the moments between its end and the next sample it is
    /// said if anything happens to the workload, and what is wanted is then said again.
    fn told(&mut self, (subject, body): &(String, Body)) -> Option<String> {
        if let Body::Recommended(recommended) = body {
            let rule = (subject.clone(), recommended.rule.clone());
            match &recommended.recommendation {
                Recommendation::Unavailable {
                    cause: Unavailable::Stale { .. },
                } => return None,
                Recommendation::Unavailable { .. } => {
                    self.wanted.remove(&rule);
                    let text = format!("{rule:?} is unavailable");
                    return self.unavailable.insert(rule).then_some(text);
                }
                wanted => {
                    self.unavailable.remove(&rule);
                    let wanted = kind(wanted);
                    let before = self.wanted.insert(rule, wanted.clone());
                    if before == Some(wanted) {
                        return None;
                    }
                }
            }
        }
        Some(format!("{subject}: {body:?}"))
    }
}

/// What is wanted, and for what kind of reason.
fn kind(wanted: &Recommendation) -> String {
    match wanted {
        Recommendation::Desired { replicas, reason } => {
            format!("{replicas} {:?}", discriminant(reason))
        }
        other => format!("{:?}", discriminant(other)),
    }
}
