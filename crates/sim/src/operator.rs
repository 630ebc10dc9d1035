//! The person who applies policies and takes a hand now and then.

use crate::load::{METRIC, SOURCE, workloads};
use crate::scenario::Scenario;
use crate::world::World;
use headroom_model::body::{
    Body, OverrideAction, OverrideCleared, OverrideSet, OverrideSlot, PauseDirection,
    PolicyApplied, PolicyRemoved,
};
use headroom_model::{Event, EventId, Producer, Replicas, Service, Span, WorkloadId};

/// The threshold of every third workload. While demand stays above it, its rule goes on adding.
pub(crate) const HIGH: f64 = 150.0;

pub(crate) struct Operator {
    workloads: Vec<WorkloadId>,
    begun: bool,
    healed: bool,
    facts: u64,
}

impl Operator {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        Self {
            workloads: workloads(scenario).collect(),
            begun: false,
            healed: false,
            facts: 0,
        }
    }

    pub(crate) fn step(&mut self, world: &mut World, faulty: bool) {
        if !self.begun {
            self.begun = true;
            self.each(world, |index| vec![policy(index, 1, 20)]);
        }
        if !faulty && !self.healed {
            self.healed = true;
            let cleared = |what| {
                Body::from(OverrideCleared {
                    what,
                    owner: "sim".to_owned(),
                })
            };
            self.each(world, |index| {
                vec![
                    cleared(OverrideSlot::Pin),
                    cleared(OverrideSlot::Pause),
                    policy(index, 1, 20),
                ]
            });
        }
        let likely = world.scenario.faults.operator;
        if world.fault(likely) {
            let index = world.dice.usize(0..self.workloads.len());
            let body = self.whim(world, index);
            self.say(world, index, body);
        }
    }

    fn whim(&self, world: &mut World, index: usize) -> Body {
        let owner = "sim".to_owned();
        let replicas = Replicas(world.dice.u32(0..40));
        let expires_at = world
            .dice
            .bool()
            .then(|| world.now().plus(Span(world.dice.u64(0..60_000))));
        let set = |action| {
            Body::from(OverrideSet {
                action,
                owner: owner.clone(),
                reason: "a whim".to_owned(),
                expires_at,
            })
        };
        match world.dice.u8(0..8) {
            0 => set(OverrideAction::Pin(replicas)),
            1 => set(OverrideAction::Pause(PauseDirection::Both)),
            2 => set(OverrideAction::Pause(PauseDirection::Down)),
            3 => Body::from(OverrideCleared {
                what: OverrideSlot::Pin,
                owner,
            }),
            4 => Body::from(OverrideCleared {
                what: OverrideSlot::Pause,
                owner,
            }),
            5 => Body::from(PolicyRemoved { owner }),
            _ => {
                let minimum = world.dice.u32(1..10);
                let mut body = policy(index, minimum, minimum + world.dice.u32(0..20));
                if let Body::PolicyApplied(applied) = &mut body
                    && world.dice.u8(0..10) == 0
                {
                    applied.policy["spec"]["mode"] = "shadow".into();
                }
                body
            }
        }
    }

    fn each(&mut self, world: &mut World, bodies: impl Fn(usize) -> Vec<Body>) {
        for index in 0..self.workloads.len() {
            for body in bodies(index) {
                self.say(world, index, body);
            }
        }
    }

    fn say(&mut self, world: &mut World, index: usize, body: Body) {
        self.facts += 1;
        let id = EventId::named(&format!("operator {}", self.facts));
        let producer = Producer {
            service: Service::Operator,
            instance: "operator".into(),
            behaviour: 0,
        };
        let fact = Event::fact(
            id,
            self.workloads[index].clone(),
            world.now(),
            producer,
            body,
        );
        let now = world.now();
        world.store.append(now, vec![fact.to_record()]);
    }
}

/// Every third workload has a threshold too, every second one rate policies and windows; of each kind every second one is looked
/// at in periods, as an HPA does.
fn policy(index: usize, minimum: u32, maximum: u32) -> Body {
    let mut spec = serde_json::json!({
        "scaleTargetRef": { "kind": "Sim", "name": format!("w{index}") },
        "minReplicas": minimum,
        "maxReplicas": maximum,
        "metrics": [{
            "type": "External",
            "external": { "metric": { "name": METRIC }, "target": { "type": "AverageValue", "averageValue": "10" } },
            "from": { "source": SOURCE, "interval": "5s", "freshness": "30s" },
        }],
    });
    if index % 2 == 1 {
        spec["behavior"] = serde_json::json!({
            "scaleUp": { "stabilizationWindowSeconds": 10, "policies": [{ "type": "Pods", "value": 3, "periodSeconds": 15 }] },
            "scaleDown": { "stabilizationWindowSeconds": 30, "policies": [{ "type": "Percent", "value": 50, "periodSeconds": 20 }] },
        });
        spec["cooldown"] = serde_json::json!({ "scaleUp": "5s", "scaleDown": "20s" });
    }
    if index % 4 >= 2 {
        spec["evaluation"] = serde_json::json!({ "trigger": "Period", "period": "7s" });
    }
    if index % 3 == 2 {
        spec["thresholds"] = serde_json::json!([{
            "name": "high", "metric": METRIC, "from": { "source": SOURCE, "interval": "5s", "freshness": "30s" },
            "above": HIGH, "for": "10s", "change": { "add": 2 },
        }]);
    }
    let policy = serde_json::json!({
        "apiVersion": "headroom.dev/v1alpha1", "kind": "ScalingPolicy",
        "metadata": { "namespace": "sim", "name": format!("w{index}") }, "spec": spec,
    });
    Body::from(PolicyApplied {
        policy,
        owner: "sim".to_owned(),
    })
}
