//! The actuator's hands in the simulation: the pure core of the real ones, over the made-up fleet.

use crate::fleet::{Fleet, Given, Guarantee, Told};
use crate::world::{Address, World};
use headroom_actuator::attempt::Found;
use headroom_actuator::hands::{Act, Hands as InHand, drifted, verified};
use headroom_actuator::{Actuator, Job};
use headroom_model::body::{Outcome, Refusal};
use headroom_model::machine::{Committed, Live};
use headroom_model::{Event, EventId, Machine, Producer, Service, Span, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// What a machine does besides deciding.
pub(crate) trait Hands<M: Machine>: Default {
    fn committed(&mut self, _committed: &Committed) {}
    /// How many attempts were let go of, begun or about to be, because the lease was lost or another leads.
    fn let_go(&self) -> u64 {
        0
    }
    fn step(&mut self, _live: &Live<M>, _world: &mut World, _fleet: &mut Fleet, _address: Address) {
    }
}

/// The hands of a machine that only thinks.
#[derive(Default)]
pub(crate) struct NoHands;

impl<M: Machine> Hands<M> for NoHands {}

/// The actuator's.
#[derive(Default)]
pub(crate) struct SimHands {
    in_hand: InHand,
    fresh: BTreeSet<EventId>,
    given: BTreeMap<EventId, UnderWay>,
    next_look: Timestamp,
    looks: u64,
    led: bool,
    let_go: u64,
}

/// An order given and not answered.
struct UnderWay {
    job: Job,
    number: u64,
    fails: bool,
    /// When it has had its effect, or will have none.
    until: Timestamp,
}

/// Targets are looked at this often.
const LOOK_EVERY: Span = Span(500);
/// Most orders take no longer than this, less than the lease.
const USUAL_ORDER: Span = Span(2500);
/// Some take as long as this: they outlive the lease, and whoever gave them.
const LONGEST_ORDER: Span = Span::seconds(20);
/// One order of so many may take long.
const USUAL_ORDERS: u8 = 3;

impl Hands<Actuator> for SimHands {
    fn let_go(&self) -> u64 {
        self.let_go
    }

    fn committed(&mut self, committed: &Committed) {
        self.fresh.extend(&committed.outputs);
    }

    fn step(
        &mut self,
        live: &Live<Actuator>,
        world: &mut World,
        fleet: &mut Fleet,
        address: Address,
    ) {
        let now = world.moment();
        if !live.leading() {
            self.fresh.clear(); // another may have begun what this one committed
        }
        let lost = self.led && !live.leading();
        self.led = live.leading();
        if !live.may_act(now) {
            let begun = live.machine().outstanding().into_iter();
            let begun = begun.filter(|job| lost && matches!(job, Job::Perform { .. }));
            self.let_go += begun.count().max(self.in_hand.len()) as u64;
            self.in_hand.let_go();
            self.end_all(world, fleet);
            return;
        }
        let producer = Producer {
            service: Service::Target,
            instance: format!("{}-{}-{}", address.0, address.1, address.2).into(),
            behaviour: 0,
        };
        self.hear(live, world, fleet, &producer);
        let jobs: Vec<_> = live
            .machine()
            .outstanding()
            .into_iter()
            .filter(|job| !matches!(job, Job::Perform { started, .. } if live.is_pending(*started)))
            .collect();
        let fresh = std::mem::take(&mut self.fresh);
        let acts = self.in_hand.take_up(
            &jobs,
            |started| fresh.contains(&started),
            live.stamp(),
            &producer,
        );
        for act in acts {
            self.act(act, live, world, fleet, &producer);
        }
        self.look(&jobs, live, world, fleet, &producer);
    }
}

impl SimHands {
    /// Ends every order under way; some are beyond recall.
    fn end_all(&mut self, world: &mut World, fleet: &mut Fleet) {
        for under_way in std::mem::take(&mut self.given).into_values() {
            if world.dice.bool() {
                fleet.end(under_way.job.workload(), under_way.number);
            }
        }
    }

    fn act(
        &mut self,
        act: Act,
        live: &Live<Actuator>,
        world: &mut World,
        fleet: &mut Fleet,
        producer: &Producer,
    ) {
        match act {
            Act::Report(fact) => tell(world, &fact),
            Act::Read { started, job } => {
                let found = (fleet.guarantee() != Guarantee::AtLeastOnce)
                    .then(|| fleet.look(job.workload()))
                    .flatten()
                    .map(|(replicas, _)| Found {
                        replicas,
                        generation: fleet.generation(job.workload()),
                    });
                let repeatable = fleet.guarantee() != Guarantee::AtLeastOnce;
                let next = self
                    .in_hand
                    .read(started, found, repeatable, live.stamp(), producer);
                if let Some(next) = next {
                    self.act(next, live, world, fleet, producer);
                }
            }
            Act::Set { started, job } => {
                let likely = world.scenario.faults.failing_target;
                let fails = world.fault(likely);
                let longest = if world.dice.u8(0..USUAL_ORDERS) == 0 {
                    LONGEST_ORDER
                } else {
                    USUAL_ORDER
                };
                let until = world.now().plus(Span(world.dice.u64(0..longest.0)));
                let order = job.order();
                let given = Given {
                    generation: order.generation,
                    attempt: order.attempt,
                    to: order.to,
                    at: world.moment(),
                    read_through: live.seen(),
                    lease_ends: live.may_act_until(),
                };
                // Some of those that fail have their effect all the same.
                let takes_effect = (!fails || world.dice.bool()).then_some(until);
                let number = fleet.order(job.workload(), given, takes_effect);
                let under_way = UnderWay {
                    job,
                    number,
                    fails,
                    until,
                };
                self.given.insert(started, under_way);
            }
        }
    }

    fn hear(
        &mut self,
        live: &Live<Actuator>,
        world: &mut World,
        fleet: &Fleet,
        producer: &Producer,
    ) {
        let mut answered = Vec::new();
        for (started, under_way) in &self.given {
            let (workload, generation) =
                (under_way.job.workload(), under_way.job.order().generation);
            let outcome = match fleet.told(workload, under_way.number, generation) {
                _ if world.now() <= under_way.until => continue,
                Told::UnderWay => continue,
                _ if under_way.fails => Outcome::Failed {
                    error: "the dice said so".to_owned(),
                    retry: generation.0 % 2 == 0,
                },
                Told::Older => Outcome::Refused {
                    reason: Refusal::OlderGeneration,
                },
                Told::Done => Outcome::Applied,
            };
            answered.push((*started, outcome));
        }
        for (started, outcome) in answered {
            self.given.remove(&started);
            if let Some(fact) = self.in_hand.set(started, outcome, live.stamp(), producer) {
                tell(world, &fact);
            }
        }
    }

    fn look(
        &mut self,
        jobs: &[Job],
        live: &Live<Actuator>,
        world: &mut World,
        fleet: &Fleet,
        producer: &Producer,
    ) {
        if world.now() < self.next_look {
            return;
        }
        self.next_look = world.now().plus(LOOK_EVERY);
        let now = live.stamp();
        for watched in live.machine().watched() {
            let Some((replicas, ready)) = fleet.look(&watched.workload) else {
                continue;
            };
            self.looks += 1;
            let job = jobs.iter().find(|job| *job.workload() == watched.workload);
            let fact = match job {
                Some(job @ Job::Verify { order, .. }) if order.to == replicas => {
                    verified(job, replicas, Some(ready), now, producer)
                }
                _ => {
                    let id = EventId::named(&format!("drift {} {}", producer.instance, self.looks));
                    drifted(&watched, replicas, Some(ready), id, now, producer)
                }
            };
            if let Some(fact) = fact {
                tell(world, &fact);
            }
        }
    }
}

fn tell(world: &mut World, fact: &Event) {
    world.send_facts(vec![fact.to_record()]);
}
