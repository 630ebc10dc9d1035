//! Demand that wanders, and the collectors that report it: doubled, late, wrong, or not at all.

use crate::scenario::Scenario;
use crate::world::World;
use headroom_model::body::{
    Body, CollectionFailed, CollectionFailure, Measured, Observed, Part, Reading,
};
use headroom_model::{Event, EventId, Producer, Record, Service, Span, Timestamp, WorkloadId};
use std::collections::BTreeMap;

/// Scrapes are this far apart.
const INTERVAL: Span = Span::seconds(5);
/// The name of the source in policies.
pub(crate) const SOURCE: &str = "sim";
/// The name of the metric in policies.
pub(crate) const METRIC: &str = "load";

/// Demand, and when it is reported next.
pub(crate) struct Load {
    demand: BTreeMap<WorkloadId, f64>,
    next: Timestamp,
}

impl Load {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let demand = workloads(scenario)
            .map(|workload| (workload, 50.0))
            .collect();
        Self {
            demand,
            next: Timestamp::EPOCH,
        }
    }

    pub(crate) fn demand(&self) -> BTreeMap<WorkloadId, f64> {
        self.demand.clone()
    }

    pub(crate) fn step(&mut self, world: &mut World, faulty: bool) {
        if world.now() < self.next {
            return;
        }
        let due = Timestamp(world.now().0 - world.now().0.rem_euclid(5000));
        self.next = due.plus(INTERVAL);
        if !world.reachable() {
            return; // collectors stop scraping while the log is out of reach
        }
        let mut facts = Vec::new();
        for (workload, demand) in &mut self.demand {
            if faulty {
                let jump = world.dice.u8(0..30) == 0;
                let factor = if jump {
                    world.dice.f64() * 4.0
                } else {
                    0.9 + world.dice.f64() * 0.2
                };
                *demand = (*demand * factor).clamp(1.0, 2000.0).round();
            }
            let likely = world.scenario.faults.bad_samples;
            let fault = world.fault(likely).then(|| world.dice.u8(0..5));
            facts.push(report(workload, *demand, due, world.now(), fault));
        }
        let doubled = facts.clone();
        world.send_facts(facts);
        world.send_facts(doubled); // the second collector
    }
}

/// The scenario's workloads.
pub(crate) fn workloads(scenario: &Scenario) -> impl Iterator<Item = WorkloadId> {
    (0..scenario.workloads).map(|index| {
        WorkloadId::new("sim", &format!("w{index}")).expect("it is made of letters and digits")
    })
}

/// What a collector says of a workload, with one of five faults or none.
pub(crate) fn report(
    workload: &WorkloadId,
    demand: f64,
    due: Timestamp,
    at: Timestamp,
    fault: Option<u8>,
) -> Record {
    let measured = match fault {
        Some(0) => Measured::Missing,
        Some(1) => Measured::Total(f64::NAN),
        Some(2) => Measured::Total(f64::INFINITY),
        _ => Measured::Total(demand),
    };
    let body = if fault == Some(3) {
        let failure = CollectionFailure::TimedOut { after_ms: 1000 };
        Body::from(CollectionFailed {
            source: SOURCE.to_owned(),
            metrics: vec![METRIC.to_owned()],
            due,
            failure,
        })
    } else {
        let reading = Reading {
            metric: METRIC.to_owned(),
            at,
            measured,
        };
        Body::from(Observed {
            source: SOURCE.to_owned(),
            due,
            readings: vec![reading],
            fleet: None,
            part: Part::default(),
        })
    };
    let id = EventId::scraped(SOURCE, workload, due);
    let producer = Producer {
        service: Service::Collector,
        instance: "collector".into(),
        behaviour: 0,
    };
    Event::fact(id, workload.clone(), at, producer, body).to_record()
}
