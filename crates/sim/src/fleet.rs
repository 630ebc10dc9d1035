//! The targets: they take their time, fail, start replicas slowly, and are changed by others.

use crate::load::workloads;
use crate::scenario::Scenario;
use crate::world::World;
use headroom_model::machine::Moment;
use headroom_model::{Generation, Replicas, Seq, Span, Timestamp, WorkloadId};
use std::collections::BTreeMap;

/// What targets promise about orders that come twice or late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guarantee {
    /// They refuse an older generation.
    CompareAndSet,
    /// They take any order, as it comes; the same one twice does no harm.
    IdempotentSet,
    /// They take any order, as it comes, and cannot be asked.
    AtLeastOnce,
}

/// Something that happened to a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// When.
    pub at: Timestamp,
    /// The order; `None` when someone else did it.
    pub order: Option<Given>,
    /// The count then.
    pub to: Replicas,
}

/// An order as it was given, whether it had an effect or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Its generation.
    pub generation: Generation,
    /// The attempt, from 1.
    pub attempt: u32,
    /// The count ordered.
    pub to: Replicas,
    /// When it was given.
    pub at: Moment,
    /// How far the log had been read by the one who gave it.
    pub read_through: Seq,
    /// Until when the one who gave it might act, had its lease not been renewed.
    pub lease_ends: Moment,
}

pub(crate) struct Fleet {
    guarantee: Guarantee,
    targets: BTreeMap<WorkloadId, Target>,
    effects: BTreeMap<WorkloadId, Vec<Effect>>,
    given: BTreeMap<WorkloadId, Vec<Given>>,
    orders: u64,
}

#[derive(Default)]
struct Target {
    count: Replicas,
    ready: Replicas,
    ready_at: Timestamp,
    generation: Generation,
    orders: Vec<Order>,
}

/// An order under way. It goes on when the one who gave it dies.
struct Order {
    number: u64,
    takes_effect: Timestamp,
    given: Given,
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    UnderWay,
    Done,
    Older,
}

impl Fleet {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let guarantee = match scenario.seed % 3 {
            0 => Guarantee::CompareAndSet,
            1 => Guarantee::IdempotentSet,
            _ => Guarantee::AtLeastOnce,
        };
        let one = || Target {
            count: Replicas(1),
            ready: Replicas(1),
            ..Target::default()
        };
        let targets = workloads(scenario)
            .map(|workload| (workload, one()))
            .collect();
        Self {
            guarantee,
            targets,
            effects: BTreeMap::new(),
            given: BTreeMap::new(),
            orders: 0,
        }
    }

    pub(crate) fn guarantee(&self) -> Guarantee {
        self.guarantee
    }

    pub(crate) fn effects(&self) -> &BTreeMap<WorkloadId, Vec<Effect>> {
        &self.effects
    }

    pub(crate) fn given(&self) -> &BTreeMap<WorkloadId, Vec<Given>> {
        &self.given
    }

    pub(crate) fn counts(&self) -> BTreeMap<WorkloadId, u32> {
        self.targets
            .iter()
            .map(|(workload, target)| (workload.clone(), target.count.0))
            .collect()
    }

    /// The count and how many are ready.
    pub(crate) fn look(&self, workload: &WorkloadId) -> Option<(Replicas, Replicas)> {
        let target = self.targets.get(workload)?;
        Some((target.count, target.ready.min(target.count)))
    }

    /// The generation that a target last took, where it keeps one.
    pub(crate) fn generation(&self, workload: &WorkloadId) -> Option<Generation> {
        let target = self.targets.get(workload)?;
        (self.guarantee == Guarantee::CompareAndSet).then_some(target.generation)
    }

    /// Gives an order, which takes its time; the number names it. Without `takes_effect` it fails before it has any.
    pub(crate) fn order(
        &mut self,
        workload: &WorkloadId,
        given: Given,
        takes_effect: Option<Timestamp>,
    ) -> u64 {
        self.orders += 1;
        let number = self.orders;
        self.given
            .entry(workload.clone())
            .or_default()
            .push(given.clone());
        let target = self.targets.get_mut(workload);
        if let (Some(target), Some(takes_effect)) = (target, takes_effect) {
            target.orders.push(Order {
                number,
                takes_effect,
                given,
            });
        }
        number
    }

    /// Ends an order under way before it has had its effect.
    pub(crate) fn end(&mut self, workload: &WorkloadId, number: u64) {
        if let Some(target) = self.targets.get_mut(workload) {
            target.orders.retain(|order| order.number != number);
        }
    }

    pub(crate) fn told(&self, workload: &WorkloadId, number: u64, generation: Generation) -> Told {
        let Some(target) = self.targets.get(workload) else {
            return Told::Done;
        };
        if target.orders.iter().any(|order| order.number == number) {
            Told::UnderWay
        } else if self.guarantee == Guarantee::CompareAndSet && target.generation > generation {
            Told::Older
        } else {
            Told::Done
        }
    }

    pub(crate) fn step(&mut self, world: &mut World) {
        let now = world.now();
        for (workload, target) in &mut self.targets {
            let effects = self.effects.entry(workload.clone()).or_default();
            let (due, later) = target
                .orders
                .drain(..)
                .partition(|order| order.takes_effect <= now);
            target.orders = later;
            let due: Vec<Order> = due;
            for Order { given, .. } in due {
                let refused = self.guarantee == Guarantee::CompareAndSet
                    && given.generation < target.generation;
                if !refused {
                    target.generation = target.generation.max(given.generation);
                    target.change(given.to, now);
                    effects.push(Effect {
                        at: now,
                        to: given.to,
                        order: Some(given),
                    });
                }
            }
            if now >= target.ready_at {
                target.ready = target.count;
            }
            let likely = world.scenario.faults.drift;
            if world.fault(likely) {
                let to = Replicas(world.dice.u32(0..30));
                target.change(to, now);
                effects.push(Effect {
                    at: now,
                    order: None,
                    to,
                });
            }
        }
    }
}

impl Target {
    fn change(&mut self, to: Replicas, now: Timestamp) {
        if to > self.count {
            self.ready_at = now.plus(Span::seconds(5));
        }
        self.count = to;
        self.ready = self.ready.min(to);
    }
}
