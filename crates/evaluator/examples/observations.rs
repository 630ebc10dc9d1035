//! How many observations a second one core evaluates, and what a workload costs in memory:
//! `cargo run --release -p headroom-evaluator --example observations -- 1000 100000`.

use headroom_evaluator::Evaluator;
use headroom_model::{
    Body, Event, EventId, Machine, Producer, Replicas, Seq, Service, Timestamp, WorkloadId,
    body::{Drifted, Measured, Observed, Part, PolicyApplied, Reading},
};
use std::io::Write as _;

const OBSERVATIONS: usize = 2_000_000;

fn main() -> std::io::Result<()> {
    let counts = std::env::args().skip(1).map(|count| count.parse());
    let counts: Vec<usize> = counts
        .collect::<Result<_, _>>()
        .map_err(std::io::Error::other)?;
    for workloads in if counts.is_empty() {
        vec![1000]
    } else {
        counts
    } {
        measure(workloads)?;
    }
    Ok(())
}

fn measure(workloads: usize) -> std::io::Result<()> {
    let resident_before = resident_bytes();
    let (mut evaluator, ids) = with_policies(workloads);
    let resident = resident_bytes().saturating_sub(resident_before) / workloads;
    let mut input = event(0, 0, &ids[0], observed(0, 300.0));
    let (mut seq, mut outputs, mut due) = (0, 0, 0);
    #[expect(
        clippy::disallowed_methods,
        clippy::disallowed_types,
        reason = "a measurement needs the clock of the machine it runs on"
    )]
    let started = std::time::Instant::now();
    let rounds = OBSERVATIONS.div_ceil(workloads);
    for round in 0..rounds {
        due += 15_000;
        let value = if round % 32 == 31 { 450.0 } else { 300.0 };
        for id in &ids {
            seq += 1;
            (input.envelope.seq, input.envelope.stamp) = (Seq(seq), Timestamp(due));
            input.envelope.subject.clone_from(id);
            if let Body::Observed(observed) = &mut input.body {
                observed.readings[0].at = Timestamp(due);
                observed.readings[0].measured = Measured::Total(value);
            }
            outputs += answer(&mut evaluator, &input);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let done = (rounds * workloads) as f64;
    let state = rmp_serde::to_vec_named(&evaluator).expect("the state always encodes");
    writeln!(
        std::io::stdout(),
        "{workloads} workloads: {:.2} M observations/s, {:.0} ns each, {outputs} recommendations; a workload takes {resident} B of memory, {} B stored",
        done / seconds / 1e6,
        seconds / done * 1e9,
        state.len() / workloads,
    )
}

/// An evaluator with a policy and a known count for each workload, and the workloads in no order that memory knows.
fn with_policies(workloads: usize) -> (Evaluator, Vec<WorkloadId>) {
    const STRIDE: usize = 7919;
    let mut evaluator = Evaluator::default();
    let mut ids = Vec::with_capacity(workloads);
    for number in 0..workloads {
        let name = format!("checkout-{number:06}");
        let id = WorkloadId::new("shop", &name).expect("a plain name");
        let policy = PolicyApplied {
            policy: policy(&id),
            owner: "bench".into(),
        };
        let found = Drifted {
            expected: None,
            replicas: Replicas(10),
            ready: None,
        };
        for (body, seq) in [Body::from(policy), Body::from(found)].into_iter().zip(1..) {
            answer(&mut evaluator, &event(seq, 0, &id, body));
        }
        ids.push(id);
    }
    let scattered = (0..workloads).map(|number| ids[number * STRIDE % workloads].clone());
    let scattered = scattered.collect();
    (evaluator, scattered)
}

fn answer(evaluator: &mut Evaluator, input: &Event) -> usize {
    evaluator.apply(input);
    let outputs = evaluator.decide(input);
    let count = outputs.len();
    for output in outputs {
        let stamp = input.envelope.stamp.0;
        evaluator.apply(&event(0, stamp, &output.subject, output.body));
    }
    count
}

fn event(seq: u64, stamp: i64, subject: &WorkloadId, body: Body) -> Event {
    let producer = Producer {
        service: Service::Collector,
        instance: "bench".into(),
        behaviour: 0,
    };
    let id = EventId::named("bench");
    let mut event = Event::fact(id, subject.clone(), Timestamp(stamp), producer, body);
    (event.envelope.seq, event.envelope.stamp) = (Seq(seq), Timestamp(stamp));
    event
}

fn observed(at: i64, value: f64) -> Body {
    Body::from(Observed {
        source: "prometheus".into(),
        due: Timestamp(at),
        readings: vec![Reading {
            metric: "requests_per_second".into(),
            at: Timestamp(at),
            measured: Measured::Total(value),
        }],
        fleet: None,
        part: Part::default(),
    })
}

fn policy(workload: &WorkloadId) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": { "namespace": workload.namespace(), "name": workload.name() },
        "spec": {
            "scaleTargetRef": { "kind": "Process", "name": workload.name() },
            "maxReplicas": 100,
            "metrics": [{
                "type": "External",
                "external": {
                    "metric": { "name": "requests_per_second" },
                    "target": { "averageValue": 30 },
                },
                "from": {
                    "source": "prometheus",
                    "query": format!("sum(rate(http_requests_total{{service={:?}}}[1m]))", workload.name()),
                },
            }],
        },
    })
}

/// The memory this process holds, where the system tells; else 0.
fn resident_bytes() -> usize {
    #[expect(
        clippy::disallowed_methods,
        reason = "a measurement reads what the system says of the process"
    )]
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * 4096
}
