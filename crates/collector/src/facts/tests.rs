use super::*;
use crate::assignments::Task;
use headroom_model::{Span, body::Measured};

fn turn() -> Turn {
    let asked = Asked {
        metric: "rps".to_owned(),
        query: "rps".to_owned(),
        interval: Span::seconds(15),
    };
    let workload = WorkloadId::new("shop", "web").unwrap();
    Turn {
        task: Arc::new(Task::new("prometheus", &workload, vec![asked.clone()])),
        due: Timestamp(15_000),
        metrics: vec![asked],
        skipped: None,
    }
}

/// What one collector makes of a reading of so many replicas.
fn facts(collector: &str, replicas: usize, value: f64) -> Vec<Event> {
    let reading = Reading {
        metric: "rps".to_owned(),
        at: Timestamp(15_000),
        measured: Measured::PerReplica {
            replicas: (0..replicas)
                .map(|number| format!("web-7d9c5b8f6-{number:05}.shop.svc:9090"))
                .collect(),
            values: vec![value; replicas],
        },
    };
    let answers = vec![("rps".to_owned(), Ok(reading))];
    Facts::new(collector).of_turn(&turn(), answers, Timestamp(15_010))
}

fn ids(facts: &[Event]) -> Vec<EventId> {
    facts.iter().map(|fact| fact.envelope.id).collect()
}

#[test]
fn what_is_too_large_for_one_event_comes_in_parts_that_doubled_collectors_write_once() {
    let one = facts("one", 10_000, 1.0);
    assert!(one.len() > 1, "{} events", one.len());
    for fact in &one {
        assert!(fact.body.encode().len() <= MOST_BYTES);
    }
    assert_eq!(ids(&one), ids(&facts("two", 10_000, 1.0)));
    let mut all = ids(&one);
    all.extend(ids(&facts("two", 10_000, 2.0)));
    all.sort();
    all.dedup();
    assert_eq!(all.len(), one.len() * 2, "other readings are other events");
    let parts = one.into_iter().filter_map(|fact| match fact.body {
        Body::Observed(observed) => Some(observed),
        _ => None,
    });
    let whole = Observed::from_parts(parts).unwrap();
    assert!(
        matches!(&whole.readings[0].measured, Measured::PerReplica { values, .. } if values.len() == 10_000)
    );
}

#[test]
fn what_fits_is_one_event_whatever_was_read() {
    let one = facts("one", 3, 1.0);
    assert_eq!(one.len(), 1);
    assert_eq!(
        ids(&one),
        ids(&facts("two", 4, 2.0)),
        "the first one stands"
    );
}
