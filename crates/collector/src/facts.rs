//! From answers to facts for the log.

use crate::{assignments::Asked, schedule::Turn, sources::Answers, status::token};
use headroom_model::{
    Body, Event, EventId, Producer, Service, Timestamp, WorkloadId,
    body::{CollectionFailed, CollectionFailure, MOST_BYTES, Observed, Part, Reading},
};
use std::sync::Arc;
use uuid::Uuid;

/// Makes the facts of one collector process.
#[derive(Clone, Debug)]
pub(crate) struct Facts {
    producer: Producer,
}

impl Facts {
    pub(crate) fn new(instance: &str) -> Self {
        Self {
            producer: Producer {
                service: Service::Collector,
                instance: instance.into(),
                behaviour: 0,
            },
        }
    }

    /// What came of a turn: one observation of all that was read, and one failure for each way to fail.
    ///
    /// Doubled collectors give the same ids, so the log keeps one of each. A failure has another id than an observation:
    /// a collector that cannot reach a source must not suppress what its double has read.
    pub(crate) fn of_turn(&self, turn: &Turn, answers: Answers, now: Timestamp) -> Vec<Event> {
        let mut readings = Vec::new();
        let mut failures: Vec<(CollectionFailure, Vec<String>)> = Vec::new();
        for (metric, answer) in answers {
            match answer {
                Ok(reading) => readings.push(reading),
                Err(failure) => match failures.iter_mut().find(|(other, _)| *other == failure) {
                    Some((_, metrics)) => metrics.push(metric),
                    None => failures.push((failure, vec![metric])),
                },
            }
        }
        let mut facts = Vec::new();
        if !readings.is_empty() {
            facts.extend(self.observed(turn, readings, now));
        }
        for (failure, metrics) in failures {
            facts.push(self.failed(turn, turn.due, metrics, failure, now));
        }
        facts
    }

    /// One observation, in parts if it is too large for one event.
    fn observed(&self, turn: &Turn, readings: Vec<Reading>, now: Timestamp) -> Vec<Event> {
        let task = &turn.task;
        let scraped = EventId::scraped(&task.source, &task.workload, turn.due);
        let body = Observed {
            source: task.source.to_string(),
            due: turn.due,
            readings,
            fleet: None,
            part: Part::default(),
        };
        self.in_parts(scraped, &task.workload, body, now)
    }

    /// An observation named `id`, as one event or as many as it takes.
    fn in_parts(
        &self,
        id: EventId,
        workload: &WorkloadId,
        body: Observed,
        now: Timestamp,
    ) -> Vec<Event> {
        let fact = |body: Observed| {
            let id = match body.part.is_whole() {
                true => id,
                false => EventId::scraped_part(id, body.part.whole, body.part.number),
            };
            self.fact(id, workload, now, body.into())
        };
        body.into_parts(MOST_BYTES).into_iter().map(fact).collect()
    }

    /// The instants of a task that went by while it was at work, as one failure of the last of them.
    pub(crate) fn overrun(&self, turn: &Turn, last: Timestamp, now: Timestamp) -> Event {
        let metrics = turn
            .task
            .metrics
            .iter()
            .map(|asked: &Asked| asked.metric.clone());
        self.failed(
            turn,
            last,
            metrics.collect(),
            CollectionFailure::Overrun,
            now,
        )
    }

    fn failed(
        &self,
        turn: &Turn,
        due: Timestamp,
        metrics: Vec<String>,
        failure: CollectionFailure,
        now: Timestamp,
    ) -> Event {
        let task = &turn.task;
        let what = format!(
            "{}\u{0}{}\u{0}{}",
            task.source,
            token(&failure),
            metrics.join("\u{0}")
        );
        let id = EventId::scraped(&what, &task.workload, due);
        let body = CollectionFailed {
            source: task.source.to_string(),
            metrics,
            due,
            failure,
        };
        self.fact(id, &task.workload, now, body.into())
    }

    /// A whole source went unasked because the log was out of reach.
    pub(crate) fn log_unavailable(
        &self,
        source: &Arc<str>,
        (from, to): (Timestamp, Timestamp),
        now: Timestamp,
    ) -> Event {
        let body = CollectionFailed {
            source: source.to_string(),
            metrics: Vec::new(),
            due: to,
            failure: CollectionFailure::LogUnavailable { from, to },
        };
        self.fact(outside(), &WorkloadId::system(source), now, body.into())
    }

    /// A reading that somebody sent, in parts if it is too large for one event.
    pub(crate) fn pushed(
        &self,
        workload: &WorkloadId,
        source: &str,
        reading: Reading,
        now: Timestamp,
    ) -> Vec<Event> {
        let body = Observed {
            source: source.to_owned(),
            due: now,
            readings: vec![reading],
            fleet: None,
            part: Part::default(),
        };
        self.in_parts(outside(), workload, body, now)
    }

    fn fact(&self, id: EventId, subject: &WorkloadId, at: Timestamp, body: Body) -> Event {
        Event::fact(id, subject.clone(), at, self.producer.clone(), body)
    }
}

/// The id of a fact that no two processes share.
fn outside() -> EventId {
    EventId(Uuid::now_v7())
}

#[cfg(test)]
mod tests;
