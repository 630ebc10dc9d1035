//! Any bytes as the body of an event, and the machines that read it.

use headroom_evaluator::Evaluator;
use headroom_model::{
    Body, Event, EventId, Kind, Machine, Producer, Replicas, Seq, Service, Timestamp, WorkloadId,
    body::{Drifted, PolicyApplied},
};
use headroom_planner::Planner;

/// Bytes as the body of an event, its kind by the first byte: they are refused, or they are a body that is written the same
/// however often it is read, and no machine panics over it.
pub fn codec(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else {
        return;
    };
    let kind = &Kind::ALL[usize::from(*first) % Kind::ALL.len()];
    let Ok(body) = Body::decode(kind, 1, bytes) else {
        return;
    };
    let written = body.encode();
    let again = Body::decode(kind, 1, &written).expect("what was written can be read");
    assert_eq!(again.encode(), written, "a body is written the same again");
    let _ = body.to_json();
    let facts = [
        Body::from(applied()),
        Body::from(Drifted {
            expected: None,
            replicas: Replicas(3),
            ready: None,
        }),
        body.clone(),
        body,
    ];
    let (mut evaluator, mut planner) = (Evaluator::default(), Planner::default());
    let mut seq = 0;
    for body in facts {
        seq += 1;
        let fact = event(seq, body);
        for said in step(&mut evaluator, &fact) {
            seq += 1;
            step(&mut planner, &event(seq, said));
        }
        step(&mut planner, &fact);
    }
}

/// A policy with rules of each type.
fn applied() -> PolicyApplied {
    let metrics = serde_json::json!([
        { "type": "External", "external": { "metric": { "name": "a" }, "target": { "averageValue": "1" } } },
        { "type": "Object", "object": {
            "describedObject": { "kind": "Ingress", "name": "main" },
            "metric": { "name": "a" },
            "target": { "value": "1" },
        } },
        { "type": "Pods", "pods": { "metric": { "name": "a" }, "target": { "averageValue": "1" } } },
        { "type": "Resource", "resource": { "name": "cpu", "target": { "averageUtilization": 50 } } },
        { "type": "ContainerResource", "containerResource": {
            "name": "cpu", "container": "app", "target": { "averageValue": "500m" },
        } },
    ]);
    let policy = serde_json::json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": { "namespace": "shop", "name": "web" },
        "spec": {
            "scaleTargetRef": { "kind": "Process", "name": "web" },
            "maxReplicas": i32::MAX,
            "metrics": metrics,
            "thresholds": [{ "metric": "a", "above": 1, "change": { "percent": 50 } }],
        },
    });
    PolicyApplied {
        policy,
        owner: "fuzz".to_owned(),
    }
}

fn step<M: Machine>(machine: &mut M, input: &Event) -> Vec<Body> {
    machine.apply(input);
    let outputs = machine.decide(input);
    outputs.into_iter().map(|output| output.body).collect()
}

fn event(seq: u64, body: Body) -> Event {
    let producer = Producer {
        service: Service::Operator,
        instance: "fuzz".into(),
        behaviour: 0,
    };
    let workload = WorkloadId::new("shop", "web").expect("a good name");
    let id = EventId::named(&format!("event {seq}"));
    let at = Timestamp(1_790_000_000_000);
    let mut event = Event::fact(id, workload, at, producer, body);
    (event.envelope.seq, event.envelope.stamp) = (Seq(seq), at);
    event
}
