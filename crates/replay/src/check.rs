//! Reads a whole log and says what is wrong with it, without replaying it.

use futures::StreamExt as _;
use headroom_log::{Bounds, Entry, Filter, Log, LogError};
use headroom_model::{Record, Seq, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::error::Error as _;

/// How many faults are kept in full.
const KEPT: usize = 100;

/// What a log holds, and what is wrong with it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Check {
    /// Where the log begins and ends.
    pub bounds: Bounds,
    /// Events.
    pub events: u64,
    /// Heads of commits.
    pub heads: u64,
    /// Events by producer and kind, as `planner decided`.
    pub counts: BTreeMap<String, u64>,
    /// Events of a kind or version that this build does not know: no fault.
    pub unknown: u64,
    /// The first faults, at most 100.
    pub faults: Vec<Fault>,
    /// How many faults there are.
    pub fault_count: u64,
}

/// Something wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The first position it concerns.
    pub first: Seq,
    /// The last one.
    pub last: Seq,
    /// What is wrong.
    pub detail: String,
}

impl Check {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn sound(&self) -> bool {
        self.fault_count == 0
    }

    /// Notes a fault that is not of the log itself, as of the file that it is in.
    pub fn fault(&mut self, first: Seq, last: Seq, detail: String) {
        self.fault_count += 1;
        if self.faults.len() < KEPT {
            self.faults.push(Fault {
                first,
                last,
                detail,
            });
        }
    }
}

/// Reads everything that the log has.
///
/// # Errors
/// When the log cannot be read at all. What is wrong within it is no error: see [`Check::faults`].
pub async fn check(log: &dyn Log) -> Result<Check, LogError> {
    let bounds = log.bounds().await?;
    let mut found = Check {
        bounds,
        ..Check::default()
    };
    let mut place = Place {
        next: bounds.first,
        stamp: Timestamp(i64::MIN),
    };
    let mut entries = log.read(bounds.first, Filter::default()).await?;
    while let Some(chunk) = entries.next().await {
        for entry in chunk? {
            place.take(&entry, &mut found);
        }
    }
    if place.next <= bounds.last {
        let detail = "these positions are not in the log".to_owned();
        found.fault(place.next, bounds.last, detail);
    }
    Ok(found)
}

/// What the next entry must fit to.
struct Place {
    next: Seq,
    stamp: Timestamp,
}

impl Place {
    fn take(&mut self, entry: &Entry, found: &mut Check) {
        let seq = entry.seq();
        if seq > self.next {
            let detail = "these positions are not in the log".to_owned();
            found.fault(self.next, Seq(seq.0 - 1), detail);
        } else if seq < self.next {
            found.fault(seq, seq, format!("it stands behind {}", self.next.0 - 1));
        }
        match entry {
            Entry::Event(record) => {
                self.follow(seq, record.envelope.stamp, found);
                count(record, found);
            }
            Entry::Head(placed) => {
                self.follow(seq, placed.stamp, found);
                found.heads += 1;
            }
            Entry::Damaged {
                first,
                last,
                detail,
            } => {
                self.next = self.next.max(last.next());
                found.fault(*first, *last, detail.clone());
            }
        }
    }

    fn follow(&mut self, seq: Seq, stamp: Timestamp, found: &mut Check) {
        self.next = self.next.max(seq.next());
        if stamp < self.stamp {
            let by = self.stamp.since(stamp);
            found.fault(
                seq,
                seq,
                format!("its stamp lies {by} before an earlier one; machines take the later"),
            );
        }
        self.stamp = self.stamp.max(stamp);
    }
}

fn count(record: &Record, found: &mut Check) {
    let envelope = &record.envelope;
    found.events += 1;
    let name = format!("{} {}", envelope.producer.service, envelope.kind);
    *found.counts.entry(name).or_default() += 1;
    match record.decode().map(|event| event.body) {
        Ok(headroom_model::Body::Unknown { .. }) => found.unknown += 1,
        Ok(_) => {}
        Err(error) => {
            let cause = error.source().map(|cause| format!(": {cause}"));
            let detail = format!("{error}{}", cause.unwrap_or_default());
            found.fault(envelope.seq, envelope.seq, detail);
        }
    }
}
