//! All services in one thread, on a virtual clock and a log in memory, with faults on demand.
//!
//! The machines, and the pure cores of their shells, are those of production; only what calls them is made up. One seed
//! run twice gives identical logs. [`check`] says whether a run kept what must always hold (ARCHITECTURE.md,
//! "Invariants").

pub mod check;
mod clock;
mod fleet;
mod hands;
mod load;
mod machine;
pub mod noise;
mod operator;
mod scenario;
mod world;

pub use fleet::{Effect, Given, Guarantee};
pub use scenario::{Faults, Scenario};

use clock::ClockNode;
use fleet::Fleet;
use hands::{NoHands, SimHands};
use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_log::memory::Store;
use headroom_model::{Span, WorkloadId, machine::Stop};
use headroom_planner::Planner;
use load::Load;
use machine::Node;
use operator::Operator;
use std::collections::BTreeMap;
use world::World;

/// What is left of a run.
#[derive(Debug)]
pub struct Run {
    /// The log.
    pub store: Store,
    /// What happened to each target, in order.
    pub effects: BTreeMap<WorkloadId, Vec<Effect>>,
    /// What each target was ordered, in order.
    pub given: BTreeMap<WorkloadId, Vec<Given>>,
    /// The count of each target in the end.
    pub counts: BTreeMap<WorkloadId, u32>,
    /// The demand of each workload in the end, in the metric's unit.
    pub demand: BTreeMap<WorkloadId, f64>,
    /// Instances that stopped for good, and why. None should.
    pub stops: Vec<Stop>,
    /// How often an actuator was killed or stood still, or lost its lease with an attempt in hand.
    pub interruptions: u64,
    /// Whether targets refuse older generations.
    pub guarantee: Guarantee,
}

/// Runs a scenario: faults for its duration, then none for long enough to come to rest.
#[must_use]
pub fn run(scenario: &Scenario) -> Run {
    let mut world = World::new(scenario);
    let mut fleet = Fleet::new(scenario);
    let mut operator = Operator::new(scenario);
    let mut load = Load::new(scenario);
    let mut clock = ClockNode::default();
    let mut evaluators = Node::<Evaluator, NoHands>::several(scenario, "evaluator");
    let mut planners = Node::<Planner, NoHands>::several(scenario, "planner");
    let mut actuators = Node::<Actuator, SimHands>::several(scenario, "actuator");
    let heal_at = world.now().plus(scenario.duration);
    let end = heal_at.plus(scenario.rest);
    while world.now() < end {
        let faulty = world.now() < heal_at;
        world.heal(!faulty);
        operator.step(&mut world, faulty);
        load.step(&mut world, faulty);
        clock.step(&mut world);
        for node in &mut evaluators {
            node.step(&mut world, &mut fleet);
        }
        for node in &mut planners {
            node.step(&mut world, &mut fleet);
        }
        for node in &mut actuators {
            node.step(&mut world, &mut fleet);
        }
        fleet.step(&mut world);
        world.advance();
    }
    let stops = evaluators
        .iter()
        .filter_map(Node::stopped)
        .chain(planners.iter().filter_map(Node::stopped))
        .chain(actuators.iter().filter_map(Node::stopped))
        .collect();
    Run {
        stops,
        interruptions: actuators.iter().map(Node::interruptions).sum(),
        effects: fleet.effects().clone(),
        given: fleet.given().clone(),
        counts: fleet.counts(),
        demand: load.demand(),
        guarantee: fleet.guarantee(),
        store: world.into_store(),
    }
}

/// How long a step of the virtual clock is at most.
pub(crate) const LONGEST_STEP: Span = Span(250);
