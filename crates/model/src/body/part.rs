//! Observations too large for one event: how they are divided, and put together again.

use super::{Body, ContainerUsage, FleetState, Measured, Observed, Phase, Reading};
use crate::{EventId, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// So many bytes a body may have at most. NATS takes 1 MB unless told otherwise.
pub const MOST_BYTES: usize = 256 * 1024;

/// Which part of an observation an event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// Its number, from 1.
    pub number: u32,
    /// How many there are.
    pub of: u32,
    /// Names the whole, so that parts of what another collector read at the same instant are not taken for its own.
    pub whole: EventId,
}

impl Default for Part {
    /// The whole.
    fn default() -> Self {
        Self {
            number: 1,
            of: 1,
            whole: EventId(Uuid::nil()),
        }
    }
}

impl Part {
    /// More parts than this are not believed: some 500,000 replicas.
    pub const MOST: u32 = 256;

    /// Whether nothing is missing.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.of == 1
    }

    /// Whether there can be such a part.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        (1..=self.of).contains(&self.number) && self.of <= Self::MOST
    }
}

impl Observed {
    /// The same in parts of at most `most` bytes each, or of one row each if even that is more. What is not of single
    /// replicas is in the first.
    #[must_use]
    pub fn into_parts(self, most: usize) -> Vec<Self> {
        let rows = self.rows();
        if rows <= 1 {
            return vec![self];
        }
        let bytes = self.encoded();
        if bytes.len() <= most {
            return vec![self];
        }
        let whole = EventId::of_bytes(&bytes);
        let mut of = times(bytes.len(), most);
        loop {
            let part = |number| self.part_of(Part { number, of, whole });
            let parts: Vec<_> = (1..=of).map(part).collect();
            let lengths = parts.iter().map(|part| part.encoded().len());
            let largest = lengths.max().unwrap_or(0);
            if largest <= most || of >= Part::MOST || usize::try_from(of).is_ok_and(|of| of >= rows)
            {
                return parts;
            }
            of = of
                .saturating_mul(times(largest, most))
                .max(of + 1)
                .min(Part::MOST);
        }
    }

    /// Puts parts of one observation together, in the order of their numbers. `None` when one is missing.
    #[must_use]
    pub fn from_parts(parts: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut whole: Option<Self> = None;
        let mut next = 1;
        for part in parts {
            let before = whole.as_ref().map_or(part.part, |whole| whole.part);
            let expected = Part {
                number: next,
                ..before
            };
            if part.part != expected {
                return None;
            }
            next += 1;
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => whole.append(part),
            }
        }
        let mut whole = whole.filter(|whole| next == whole.part.of.saturating_add(1))?;
        whole.part = Part::default();
        Some(whole)
    }

    fn rows(&self) -> usize {
        let fleet = self.fleet.as_ref().map_or(0, |fleet| fleet.names.len());
        let readings = self.readings.iter().map(|reading| match &reading.measured {
            Measured::PerReplica { replicas, .. } => replicas.len(),
            Measured::PerContainer(usage) => usage.replicas.len(),
            Measured::Total(_) | Measured::Missing => 0,
        });
        readings.max().unwrap_or(0).max(fleet)
    }

    fn encoded(&self) -> Vec<u8> {
        Body::from(self.clone()).encode()
    }

    fn part_of(&self, part: Part) -> Self {
        let readings = self.readings.iter().filter_map(|reading| {
            let measured = match &reading.measured {
                Measured::Total(_) | Measured::Missing if part.number > 1 => return None,
                Measured::PerReplica { replicas, values } => Measured::PerReplica {
                    replicas: slice(replicas, replicas.len(), part),
                    values: slice(values, replicas.len(), part),
                },
                Measured::PerContainer(usage) => Measured::PerContainer(usage.part_of(part)),
                whole => whole.clone(),
            };
            Some(Reading {
                measured,
                ..reading.clone()
            })
        });
        Self {
            source: self.source.clone(),
            due: self.due,
            readings: readings.collect(),
            fleet: self.fleet.as_ref().map(|fleet| fleet.part_of(part)),
            part,
        }
    }

    fn append(&mut self, other: Self) {
        for reading in other.readings {
            let same = |known: &&mut Reading| known.metric == reading.metric;
            match self.readings.iter_mut().find(same) {
                Some(known) => known.measured.append(reading.measured),
                None => self.readings.push(reading),
            }
        }
        match (&mut self.fleet, other.fleet) {
            (Some(fleet), Some(more)) => fleet.append(more),
            (fleet @ None, more) => *fleet = more,
            (Some(_), None) => {}
        }
    }
}

impl Measured {
    /// Adds the rows of another part. What does not fit together is left out.
    fn append(&mut self, other: Self) {
        match (self, other) {
            (
                Self::PerReplica { replicas, values },
                Self::PerReplica {
                    replicas: more,
                    values: their_values,
                },
            ) => {
                let rows = (replicas.len(), more.len());
                extend(values, their_values, rows, f64::NAN);
                replicas.extend(more);
            }
            (Self::PerContainer(usage), Self::PerContainer(more))
                if usage.containers == more.containers && usage.is_full() && more.is_full() =>
            {
                usage.append(more);
            }
            _ => {}
        }
    }
}

impl ContainerUsage {
    /// Whether there is a value for each container of each replica.
    fn is_full(&self) -> bool {
        let cells = self.replicas.len().checked_mul(self.containers.len());
        cells == Some(self.values.len())
    }

    fn part_of(&self, part: Part) -> Self {
        let rows = self.replicas.len();
        let columns = self.containers.len();
        let (from, to) = range(rows, part);
        let cell = |row: usize| row.saturating_mul(columns).min(self.values.len());
        Self {
            replicas: slice(&self.replicas, rows, part),
            containers: self.containers.clone(),
            values: self.values[cell(from)..cell(to)].to_vec(),
            incomplete: slice(&self.incomplete, rows, part),
            at: slice(&self.at, rows, part),
            windows: slice(&self.windows, rows, part),
        }
    }

    fn append(&mut self, other: Self) {
        let rows = (self.replicas.len(), other.replicas.len());
        self.values.extend(other.values);
        extend(&mut self.incomplete, other.incomplete, rows, false);
        extend(&mut self.at, other.at, rows, Timestamp::EPOCH);
        extend(&mut self.windows, other.windows, rows, crate::Span::ZERO);
        self.replicas.extend(other.replicas);
    }
}

impl FleetState {
    fn part_of(&self, part: Part) -> Self {
        let rows = self.names.len();
        Self {
            counted: self.counted,
            names: slice(&self.names, rows, part),
            phases: slice(&self.phases, rows, part),
            deleting: slice(&self.deleting, rows, part),
            ready: slice(&self.ready, rows, part),
            started: slice(&self.started, rows, part),
            ready_changed: slice(&self.ready_changed, rows, part),
            made_from: slice(&self.made_from, rows, part),
            templates: match part.number {
                1 => self.templates.clone(),
                _ => Vec::new(),
            },
        }
    }

    fn append(&mut self, other: Self) {
        let rows = (self.names.len(), other.names.len());
        extend(&mut self.phases, other.phases, rows, Phase::Running);
        extend(&mut self.deleting, other.deleting, rows, false);
        extend(&mut self.ready, other.ready, rows, None);
        extend(&mut self.started, other.started, rows, None);
        let changed = &mut self.ready_changed;
        extend(changed, other.ready_changed, rows, Timestamp::EPOCH);
        extend(&mut self.made_from, other.made_from, rows, 0);
        self.names.extend(other.names);
    }
}

/// How many parts of `most` bytes so many bytes take at least; no more than there can be.
fn times(bytes: usize, most: usize) -> u32 {
    let parts = u32::try_from(bytes.div_ceil(most.max(1))).unwrap_or(u32::MAX);
    parts.clamp(2, Part::MOST)
}

/// The rows of a part.
fn range(rows: usize, part: Part) -> (usize, usize) {
    let end = |number: u32| {
        let share = rows as u128 * u128::from(number) / u128::from(part.of.max(1));
        usize::try_from(share).unwrap_or(rows).min(rows)
    };
    (end(part.number.saturating_sub(1)), end(part.number))
}

/// The rows of a part; of a column that is left out, none.
fn slice<T: Clone>(column: &[T], rows: usize, part: Part) -> Vec<T> {
    let (from, to) = range(rows, part);
    let (from, to) = (from.min(column.len()), to.min(column.len()));
    column[from..to].to_vec()
}

/// Puts a column of `rows.1` rows behind one of `rows.0`. Where it is left out in only one of them, it has `usual` in each
/// row.
fn extend<T: Clone>(column: &mut Vec<T>, more: Vec<T>, rows: (usize, usize), usual: T) {
    if column.is_empty() && more.is_empty() {
        return;
    }
    column.resize(rows.0, usual.clone());
    column.extend(more);
    column.resize(rows.0.saturating_add(rows.1), usual);
}

#[cfg(test)]
mod tests;
