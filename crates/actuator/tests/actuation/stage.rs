//! An actuator with a policy, a target and a clock, for its tests.

use headroom_actuator::{Actuator, Job};
use headroom_model::body::*;
use headroom_model::machine::{as_own, output_event};
use headroom_model::{
    Event, EventId, Generation, Machine, Producer, Replicas, Seq, Service, Span, Timestamp,
    WorkloadId,
};

const START: Timestamp = Timestamp(1_790_000_000_000);

/// An actuator, its clock, and all that it has said.
pub(crate) struct Stage {
    pub(crate) actuator: Actuator,
    pub(crate) now: Timestamp,
    seq: u64,
    pub(crate) revision: Seq,
}

impl Stage {
    /// With a policy from 1 to 9 in force, and a target that has 2.
    pub(crate) fn new() -> Self {
        let mut stage = Self {
            actuator: Actuator::default(),
            now: START,
            seq: 0,
            revision: Seq::ZERO,
        };
        stage.policy(1, 9, "active");
        stage.tell(
            Service::Target,
            Drifted {
                expected: None,
                replicas: Replicas(2),
                ready: None,
            },
        );
        stage
    }

    pub(crate) fn policy(&mut self, minimum: u32, maximum: u32, mode: &str) -> Vec<Body> {
        let policy = serde_json::json!({
            "apiVersion": "headroom.dev/v1alpha1", "kind": "ScalingPolicy", "metadata": { "namespace": "shop", "name": "web" },
            "spec": {
                "scaleTargetRef": { "kind": "Command", "name": "web" }, "minReplicas": minimum, "maxReplicas": maximum, "mode": mode,
                "metrics": [{ "type": "External", "external": {
                    "metric": { "name": "queue" }, "target": { "type": "AverageValue", "averageValue": "10" } } }],
            },
        });
        self.revision = Seq(self.seq + 1);
        self.tell(
            Service::Operator,
            PolicyApplied {
                policy,
                owner: "ada".into(),
            },
        )
    }

    /// The policy is deleted.
    pub(crate) fn remove(&mut self) -> Vec<Body> {
        self.tell(
            Service::Operator,
            PolicyRemoved {
                owner: "ada".into(),
            },
        )
    }

    /// Feeds an input, and gives what the machine says to it.
    pub(crate) fn tell(&mut self, service: Service, body: impl Into<Body>) -> Vec<Body> {
        self.seq += 1;
        let producer = Producer {
            service,
            instance: "test".into(),
            behaviour: 0,
        };
        let id = EventId::named(&format!("input {}", self.seq));
        let mut event = Event::fact(id, web(), self.now, producer, body.into());
        (event.envelope.seq, event.envelope.stamp) = (Seq(self.seq), self.now);
        self.actuator.apply(&event);
        let outputs = self.actuator.decide(&event);
        for (output, index) in outputs.iter().cloned().zip(0..) {
            let own = output_event::<Actuator>(&event.envelope, index, output, &"".into());
            self.actuator.apply(&as_own(own, self.now));
        }
        outputs.into_iter().map(|output| output.body).collect()
    }

    pub(crate) fn decide(&mut self, from: u32, to: u32) -> Vec<Body> {
        self.decide_under(self.revision, from, to)
    }

    pub(crate) fn decide_under(&mut self, revision: Seq, from: u32, to: u32) -> Vec<Body> {
        let decision = Decision::Scale {
            from: Replicas(from),
            to: Replicas(to),
        };
        let decided = Decided {
            revision,
            mode: Mode::Active,
            decision,
            wishes: vec![],
            trail: vec![],
        };
        self.tell(Service::Planner, decided)
    }

    /// The target answers the attempt under way.
    pub(crate) fn answer(&mut self, outcome: Outcome) -> Vec<Body> {
        let order = self.job().order().clone();
        let Order {
            decision,
            generation,
            attempt,
            to,
        } = Order::of(&order);
        self.tell(
            Service::Target,
            Actuated {
                decision,
                generation,
                attempt,
                to,
                outcome,
            },
        )
    }

    pub(crate) fn tick(&mut self, later: Span) -> Vec<Body> {
        self.now = self.now.plus(later);
        self.tell(Service::Clock, Ticked { number: 1 })
    }

    pub(crate) fn job(&self) -> Job {
        self.actuator
            .outstanding()
            .into_iter()
            .next()
            .expect("something is under way")
    }
}

/// What a fact repeats of an order.
pub(crate) struct Order {
    pub(crate) decision: EventId,
    pub(crate) generation: Generation,
    pub(crate) attempt: u32,
    pub(crate) to: Replicas,
}

impl Order {
    pub(crate) fn of(order: &headroom_actuator::Order) -> Self {
        Self {
            decision: order.decision,
            generation: order.generation,
            attempt: order.attempt,
            to: order.to,
        }
    }
}

pub(crate) fn web() -> WorkloadId {
    WorkloadId::new("shop", "web").expect("it is a name")
}
