//! What must hold of a log, whatever befell those who wrote it.

use anyhow::{Context as _, Result, ensure};
use futures::TryStreamExt as _;
use headroom_log::{Entry, Filter, Log};
use headroom_model::{
    Body, Event, EventId, Kind, Seq, Service, WorkloadId,
    body::{CollectionFailure, Decision, Mode, Outcome},
};
use std::collections::{BTreeMap, BTreeSet};

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Decisions to scale.
    pub scaled: usize,
    /// Those of them that were carried out.
    pub applied: usize,
    /// Those that a newer one replaced.
    pub superseded: usize,
    /// Those of which nobody knows how they ended.
    pub unknown: usize,
    /// Those that ended in another way.
    pub otherwise: usize,
    /// Failures `log_unavailable` of collectors.
    pub log_unavailable: usize,
}

/// Every event, in order.
///
/// # Errors
/// When something cannot be read.
pub async fn events(log: &dyn Log) -> Result<Vec<Event>> {
    let chunks: Vec<_> = log
        .read(Seq(1), Filter::default())
        .await?
        .try_collect()
        .await?;
    let mut events = Vec::new();
    for entry in chunks.into_iter().flatten() {
        match entry {
            Entry::Event(record) => events.push(record.into_event()?),
            Entry::Head(_) => {}
            Entry::Damaged {
                first,
                last,
                detail,
            } => {
                anyhow::bail!("{first} to {last} are damaged: {detail}")
            }
        }
    }
    Ok(events)
}

/// The newest event that decides, does or finds something.
///
/// # Errors
/// When the log cannot be read.
pub async fn newest_change(log: &dyn Log) -> Result<Option<Seq>> {
    let kinds = [
        Kind::Decided,
        Kind::ActuationStarted,
        Kind::Actuated,
        Kind::Verified,
        Kind::Drifted,
    ];
    let chunks: Vec<_> = log
        .read(Seq(1), Filter::kinds(kinds))
        .await?
        .try_collect()
        .await?;
    Ok(chunks.iter().flatten().map(Entry::seq).max())
}

/// Checks that nothing was lost, doubled or put out of order.
///
/// # Errors
/// When something was.
pub async fn check_log(log: &dyn Log) -> Result<Tally> {
    let events = events(log).await?;
    check_causes(&events)?;
    let outcomes = outcomes(&events);
    let mut tally = Tally::default();
    for event in &events {
        match &event.body {
            Body::Decided(decided) if decided.mode == Mode::Active => {
                if matches!(decided.decision, Decision::Scale { .. }) {
                    let ends = outcomes
                        .get(&event.envelope.id)
                        .map_or(&[][..], Vec::as_slice);
                    tally
                        .count(ends)
                        .with_context(|| format!("decision at {}", event.envelope.seq))?;
                }
            }
            Body::CollectionFailed(failed) => {
                let lost = matches!(failed.failure, CollectionFailure::LogUnavailable { .. });
                tally.log_unavailable += usize::from(lost);
            }
            _ => {}
        }
    }
    Ok(tally)
}

impl Tally {
    /// Counts a decision to scale, which must have ended in exactly one way.
    fn count(&mut self, ends: &[Outcome]) -> Result<()> {
        let [end] = ends else {
            anyhow::bail!("it ended {} times: {ends:?}", ends.len());
        };
        self.scaled += 1;
        *match end {
            Outcome::Applied | Outcome::Adopted => &mut self.applied,
            Outcome::Superseded { .. } => &mut self.superseded,
            Outcome::Unknown => &mut self.unknown,
            _ => &mut self.otherwise,
        } += 1;
        Ok(())
    }
}

/// How each plan ended. A second result of the same attempt is the same event, and the first one counts.
fn outcomes(events: &[Event]) -> BTreeMap<EventId, Vec<Outcome>> {
    let mut seen = BTreeSet::new();
    let mut outcomes: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in events {
        if let Body::Actuated(actuated) = &event.body
            && seen.insert(event.envelope.id)
            && actuated.ends_plan()
        {
            outcomes
                .entry(actuated.decision)
                .or_default()
                .push(actuated.outcome.clone());
        }
    }
    outcomes
}

/// Each answer of a machine stands once, after what it answers; and answers stand in the order of what they answer.
fn check_causes(events: &[Event]) -> Result<()> {
    let mut placed = BTreeMap::new();
    let mut answered: BTreeMap<(Service, WorkloadId), Seq> = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for event in events {
        let envelope = &event.envelope;
        placed.insert(envelope.seq, envelope.id);
        let Some(cause) = envelope.cause else {
            continue;
        };
        let what = || {
            format!(
                "{} {} at {}",
                envelope.producer.service,
                envelope.kind.token(),
                envelope.seq
            )
        };
        ensure!(ids.insert(envelope.id), "{} stands there twice", what());
        ensure!(
            placed.get(&cause.seq) == Some(&cause.id),
            "{}: {} is not its cause",
            what(),
            cause.seq
        );
        let last = answered
            .entry((envelope.producer.service, envelope.subject.clone()))
            .or_default();
        ensure!(
            cause.seq >= *last,
            "{} answers {} after {last}",
            what(),
            cause.seq
        );
        *last = cause.seq;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{output, workload};

    /// An answer of the planner about `web`, numbered `number`, at `seq`, caused by what stands at `cause`.
    fn answer(number: u32, seq: u64, cause: u64, id: u32) -> Event {
        let mut event = output(Service::Planner, "web", number)
            .into_event()
            .expect("it decodes");
        event.envelope.seq = Seq(seq);
        event.caused_by(EventId::named(&id.to_string()), Seq(cause), None)
    }

    fn fact(seq: u64) -> Event {
        let mut event = output(Service::Collector, "web", 0)
            .into_event()
            .expect("it decodes");
        event.envelope.id = EventId::named(&seq.to_string());
        event.envelope.seq = Seq(seq);
        event
    }

    #[test]
    fn answers_stand_once_and_in_order() {
        assert_eq!(fact(1).envelope.subject, workload("web"));
        let cases = [
            (
                "each has its cause",
                [answer(1, 3, 1, 1), answer(2, 4, 2, 2)],
                true,
            ),
            (
                "one fact may have two answers",
                [answer(1, 3, 1, 1), answer(2, 4, 1, 1)],
                true,
            ),
            (
                "none stands there twice",
                [answer(1, 3, 1, 1), answer(1, 4, 2, 2)],
                false,
            ),
            (
                "none overtakes another",
                [answer(1, 3, 2, 2), answer(2, 4, 1, 1)],
                false,
            ),
            (
                "none names another cause",
                [answer(1, 3, 1, 2), answer(2, 4, 2, 2)],
                false,
            ),
            (
                "none comes before its cause",
                [answer(1, 3, 4, 4), answer(2, 4, 4, 4)],
                false,
            ),
        ];
        for (name, answers, good) in cases {
            let events: Vec<_> = [fact(1), fact(2)].into_iter().chain(answers).collect();
            assert_eq!(check_causes(&events).is_ok(), good, "{name}");
        }
    }

    #[test]
    fn a_plan_ends_in_exactly_one_way() {
        let cases = [
            ("never", vec![], false),
            ("once", vec![Outcome::Applied], true),
            ("twice", vec![Outcome::Applied, Outcome::Unknown], false),
        ];
        for (name, ends, good) in cases {
            assert_eq!(Tally::default().count(&ends).is_ok(), good, "{name}");
        }
    }
}
