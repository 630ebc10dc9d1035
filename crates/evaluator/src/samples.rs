//! The newest sample of a rule, and what may take its place.

use crate::{
    proportional::Load,
    quality::{self, AHEAD_AT_MOST},
};
use headroom_model::{
    Envelope, EventId, Seq, Span, Timestamp,
    body::{CollectionFailed, Measured, Quality, Reading},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The readings of single replicas of one observation, which all rules that need them share.
#[derive(Debug, Default)]
pub(crate) struct Shared(Vec<(usize, Arc<Measured>)>);

impl Shared {
    /// The reading number `index`, if it is of single replicas.
    pub(crate) fn each(&mut self, index: usize, reading: &Reading) -> Option<Arc<Measured>> {
        match reading.measured {
            Measured::Total(_) | Measured::Missing => return None,
            Measured::PerReplica { .. } | Measured::PerContainer(_) => {}
        }
        if let Some((_, known)) = self.0.iter().find(|(known, _)| *known == index) {
            return Some(Arc::clone(known));
        }
        let each = Arc::new(reading.measured.clone());
        self.0.push((index, Arc::clone(&each)));
        Some(each)
    }
}

/// What a rule knows of its metric.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    /// The total, or the sum over the replicas that answered; meaningless unless the quality is fresh.
    pub(crate) value: f64,
    /// How many replicas the reading names; 0 for a total.
    pub(crate) replicas: u32,
    /// How many of them did not answer with a finite number.
    pub(crate) missing: u32,
    /// The quality on arrival. That it went stale since is asked by [`Sample::quality`].
    arrived: Quality,
    /// When the source says it was so; of a failure, when it was due.
    pub(crate) at: Timestamp,
    /// When the source was asked; at most as far ahead as clocks may differ.
    due: Timestamp,
    /// A failure that ended an answer before its time.
    ends: bool,
    /// The readings of single replicas, if the rule works on those; shared with the workload's other rules.
    pub(crate) each: Option<Arc<Measured>>,
    /// The event that brought it.
    pub(crate) event: EventId,
    /// Where that event is in the log.
    pub(crate) seq: Seq,
}

impl Sample {
    /// What a reading that was `due` then, in the event `envelope`, says when it is `now`.
    pub(crate) fn of(
        reading: &Reading,
        due: Timestamp,
        envelope: &Envelope,
        now: Timestamp,
        freshness: Span,
    ) -> Self {
        let (value, replicas, missing) = summed(&reading.measured);
        Self {
            value,
            replicas,
            missing,
            arrived: quality::on_arrival(&reading.measured, reading.at, now, freshness),
            at: reading.at,
            due: due.min(now.plus(AHEAD_AT_MOST)),
            ends: false,
            each: None,
            event: envelope.id,
            seq: envelope.seq,
        }
    }

    /// That the source failed.
    pub(crate) fn failed(failure: &CollectionFailed, envelope: &Envelope) -> Self {
        Self {
            value: f64::NAN,
            replicas: 0,
            missing: 0,
            arrived: Quality::Failed,
            at: failure.due,
            due: failure.due,
            ends: false,
            each: None,
            event: envelope.id,
            seq: envelope.seq,
        }
    }

    /// Whether this takes the place of `last`.
    ///
    /// An answer does when it is newer than the last answer: what was taken at the same instant is the same sample again.
    /// Without an answer (failed, late, skewed) only the want of any answer can be told more exactly. After a failure that
    /// ended an answer only one to the same question or to a later one is news: another collector may have been answered.
    pub(crate) fn replaces(&self, last: Option<&Self>) -> bool {
        match last {
            Some(last) if last.ends => quality::answered(self.arrived) && self.due >= last.due,
            Some(last) if quality::answered(last.arrived) => {
                quality::answered(self.arrived) && self.at > last.at
            }
            _ => true,
        }
    }

    /// Whether this failure, heard `now`, came after `last` was known, so that it can end it. One from a clock that cannot be
    /// believed ends nothing.
    pub(crate) fn can_end(&self, last: Option<&Self>, now: Timestamp) -> bool {
        let known = |last: &Self| last.ends || quality::answered(last.arrived);
        let ahead = self.due > now.plus(AHEAD_AT_MOST);
        last.is_some_and(|last| known(last) && self.due > last.due && !ahead)
    }

    /// This failure as one that ends an answer before its time.
    pub(crate) fn ending(self) -> Self {
        Self { ends: true, ..self }
    }

    /// How good it is by now.
    pub(crate) fn quality(&self, now: Timestamp, freshness: Span) -> Quality {
        if self.arrived == Quality::Fresh && quality::stale(self.at, now, freshness) {
            return Quality::Stale;
        }
        self.arrived
    }

    /// Whether it can be evaluated now.
    pub(crate) fn usable(&self, now: Timestamp, freshness: Span) -> bool {
        self.quality(now, freshness) == Quality::Fresh
    }

    /// The last instant at which it can be evaluated; `None` when it never could.
    pub(crate) fn fresh_until(&self, freshness: Span) -> Option<Timestamp> {
        (self.arrived == Quality::Fresh).then(|| self.at.plus(freshness))
    }

    /// The sample as a load to be shared.
    pub(crate) fn load(&self) -> Load {
        Load {
            total: self.value,
            replicas: self.replicas,
            missing: self.missing,
        }
    }

    /// The total, or the mean over the replicas that answered.
    pub(crate) fn mean(&self) -> f64 {
        match self.replicas - self.missing {
            0 => self.value,
            answered => self.value / f64::from(answered),
        }
    }
}

/// The sum of what was measured, how many replicas it names, and how many of them gave no finite number. A sum beyond
/// what a number can hold is the largest number.
fn summed(measured: &Measured) -> (f64, u32, u32) {
    match measured {
        Measured::Total(value) => (*value, 0, 0),
        Measured::Missing => (f64::NAN, 0, 0),
        Measured::PerReplica { replicas, values } => of_each(replicas.len(), values),
        Measured::PerContainer(usage) => {
            let rows = usage.replicas.len();
            let each = usage
                .values
                .chunks(usage.containers.len().max(1))
                .take(rows);
            let sums: Vec<_> = each.map(sum_of_finite).collect();
            of_each(rows, &sums)
        }
    }
}

/// The sum over those of `replicas` that gave a finite number, and how many did not. Where none did, what they say all the
/// same: so a total and the same number of one replica are alike.
fn of_each(replicas: usize, values: &[f64]) -> (f64, u32, u32) {
    let answered = values.iter().filter(|value| value.is_finite()).count();
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let sum = match answered {
        0 => added(values.iter().copied()),
        _ => sum_of_finite(values).clamp(f64::MIN, f64::MAX),
    };
    let missing = count(replicas.max(values.len())).saturating_sub(count(answered));
    (sum, count(replicas.max(values.len())), missing)
}

/// NaN when none is finite.
fn sum_of_finite(values: &[f64]) -> f64 {
    added(values.iter().copied().filter(|value| value.is_finite()))
}

/// NaN when there are none.
fn added(values: impl Iterator<Item = f64>) -> f64 {
    values.reduce(|sum, value| sum + value).unwrap_or(f64::NAN)
}
