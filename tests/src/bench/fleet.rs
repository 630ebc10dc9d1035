//! The workloads that every row scales: one total each, of which a share moves between two and three replicas.

use headroom_model::{
    Body, Event, EventId, Generation, Producer, Replicas, Service, Span, Timestamp, WorkloadId,
    body::{
        Actuated, Decided, Decision, Drifted, Measured, Observed, Outcome, Part, PolicyApplied,
        Reading, Verified,
    },
};
use serde_json::{Value, json};
use uuid::Uuid;

/// One in so many observations of a workload changes its number: 5 %.
const PERIOD: usize = 20;
/// What two replicas carry at the target value of 30, and what three do.
const TOTALS: (f64, f64) = (60.0, 90.0);
/// The namespace of all of them.
const NAMESPACE: &str = "bench";
/// The kind of target that their policies name.
pub(super) const TARGET_KIND: &str = "probe";

/// Workloads, each with a target of its own.
#[derive(Clone, Debug)]
pub(super) struct Fleet {
    ids: Vec<WorkloadId>,
    observers: Producer,
}

impl Fleet {
    /// So many of them.
    pub(super) fn of(count: usize) -> Self {
        let id = |number| {
            WorkloadId::new(NAMESPACE, &format!("checkout-{number:06}")).expect("a plain name")
        };
        Self {
            ids: (0..count).map(id).collect(),
            observers: producer(Service::Collector),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn ids(&self) -> &[WorkloadId] {
        &self.ids
    }

    /// Which workload of the fleet this name belongs to.
    pub(super) fn number_of(name: &str) -> Option<usize> {
        name.rsplit_once('-')?.1.parse().ok()
    }

    /// Everything that must be known before observations can be answered: each workload's policy, and that it has two
    /// replicas.
    pub(super) fn introductions(&self, at: Timestamp) -> impl Iterator<Item = Event> + '_ {
        self.policies(at)
            .zip(self.counts(at))
            .flat_map(|(policy, count)| [policy, count])
    }

    /// Each workload's policy, applied.
    pub(super) fn policies(&self, at: Timestamp) -> impl Iterator<Item = Event> + '_ {
        let applied = move |id: &WorkloadId| {
            let body = PolicyApplied {
                policy: policy(id),
                owner: "bench".to_owned(),
            };
            fact(id, at, producer(Service::Operator), body)
        };
        self.ids.iter().map(applied)
    }

    fn counts(&self, at: Timestamp) -> impl Iterator<Item = Event> + '_ {
        let found = move |id: &WorkloadId| {
            let body = Drifted {
                expected: None,
                replicas: START,
                ready: Some(START),
            };
            fact(id, at, producer(Service::Target), body)
        };
        self.ids.iter().map(found)
    }

    /// Whether the observation `round` of workload `number` brings another number than the one before.
    pub(super) fn flips(number: usize, round: usize) -> bool {
        round > 0 && (round + number).is_multiple_of(PERIOD)
    }

    /// How many replicas a workload wants from the observation `round` on.
    pub(super) fn wanted(number: usize, round: usize) -> Replicas {
        let flips = (number % PERIOD + round) / PERIOD;
        Replicas(2 + u32::from(!flips.is_multiple_of(2)))
    }

    /// The total that wants [`Fleet::wanted`].
    pub(super) fn total(number: usize, round: usize) -> f64 {
        match Self::wanted(number, round) {
            START => TOTALS.0,
            _ => TOTALS.1,
        }
    }

    /// The observation `round` of workload `number`.
    pub(super) fn observation(&self, number: usize, round: usize, at: Timestamp) -> Event {
        self.observed(number, at, at, Self::total(number, round))
    }

    /// The same with digits and times as real sources have them, which do not compress: for figures in bytes.
    pub(super) fn noisy_observation(&self, number: usize, round: usize, at: Timestamp) -> Event {
        let mut digits = Uuid::new_v5(
            &Uuid::nil(),
            &[number.to_be_bytes(), round.to_be_bytes()].concat(),
        )
        .as_u128();
        let lag = i64::try_from(digits % 50).expect("below fifty");
        digits >>= 76; // 52 bits, as many as a number between 1 and 2 has
        let noise = digits as f64 / (1_u64 << 52) as f64;
        self.observed(
            number,
            at,
            Timestamp(at.0 - lag),
            Self::total(number, round) + noise,
        )
    }

    fn observed(&self, number: usize, due: Timestamp, at: Timestamp, total: f64) -> Event {
        let id = &self.ids[number];
        let reading = Reading {
            metric: "requests_per_second".to_owned(),
            at,
            measured: Measured::Total(total),
        };
        let body = Observed {
            source: "prometheus".to_owned(),
            due,
            readings: vec![reading],
            fleet: None,
            part: Part::default(),
        };
        Event::fact(
            EventId::scraped("prometheus", id, due),
            id.clone(),
            due,
            self.observers.clone(),
            body.into(),
        )
    }
}

/// What every workload has before anything is decided.
pub(super) const START: Replicas = Replicas(2);

fn fact(id: &WorkloadId, at: Timestamp, producer: Producer, body: impl Into<Body>) -> Event {
    Event::fact(
        EventId(Uuid::now_v7()),
        id.clone(),
        at,
        producer,
        body.into(),
    )
}

pub(super) fn producer(service: Service) -> Producer {
    Producer {
        service,
        instance: "bench".into(),
        behaviour: 0,
    }
}

/// What the world answers to a decision that takes effect at once; nothing to a hold. The ids are for the log to give.
pub(super) fn answers(decided: &Event) -> Vec<Event> {
    let Body::Decided(Decided {
        decision: Decision::Scale { to, .. },
        ..
    }) = &decided.body
    else {
        return Vec::new();
    };
    let envelope = &decided.envelope;
    let generation = Generation(envelope.seq.0);
    let actuated = Actuated {
        decision: envelope.id,
        generation,
        attempt: 1,
        to: *to,
        outcome: Outcome::Applied,
    };
    let verified = Verified {
        decision: envelope.id,
        generation,
        replicas: *to,
        ready: *to,
        took: Span::ZERO,
    };
    [Body::from(actuated), Body::from(verified)]
        .map(|body| {
            let subject = envelope.subject.clone();
            Event::fact(
                EventId(Uuid::nil()),
                subject,
                envelope.at,
                producer(Service::Target),
                body,
            )
        })
        .into()
}

/// Scales by a total, at once in both directions.
fn policy(workload: &WorkloadId) -> Value {
    json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": { "namespace": workload.namespace(), "name": workload.name() },
        "spec": {
            "scaleTargetRef": { "kind": TARGET_KIND, "name": workload.name() },
            "minReplicas": 1,
            "maxReplicas": 10,
            "metrics": [{
                "type": "External",
                "external": {
                    "metric": { "name": "requests_per_second" },
                    "target": { "type": "AverageValue", "averageValue": "30" },
                },
                "from": {
                    "source": "prometheus",
                    "query": format!("sum(rate(http_requests_total{{service={:?}}}[1m]))", workload.name()),
                },
            }],
            "behavior": {
                "scaleUp": { "policies": [{ "type": "Pods", "value": 100, "periodSeconds": 1 }] },
                "scaleDown": {
                    "stabilizationWindowSeconds": 0,
                    "policies": [{ "type": "Pods", "value": 100, "periodSeconds": 1 }],
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_in_twenty_observations_changes_the_number() {
        let mut flips = 0;
        for number in 0..100 {
            for round in 1..=200 {
                let changed = Fleet::wanted(number, round) != Fleet::wanted(number, round - 1);
                assert_eq!(
                    changed,
                    Fleet::flips(number, round),
                    "workload {number}, round {round}"
                );
                flips += usize::from(changed);
            }
        }
        assert_eq!(flips, 100 * 200 / PERIOD);
    }
}
