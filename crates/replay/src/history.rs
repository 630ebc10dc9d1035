//! What happened to a workload, in order.

use crate::moment::rfc3339;
use crate::{gather, sentences};
use headroom_log::{Filter, Log, LogError};
use headroom_model::body::{Body, Decision};
use headroom_model::{Event, EventId, Kind, Replicas, Seq, Timestamp, WorkloadId};
use serde::Serialize;
use std::fmt::Write as _;

/// What is told.
const KINDS: [Kind; 9] = [
    Kind::PolicyApplied,
    Kind::PolicyRemoved,
    Kind::OverrideSet,
    Kind::OverrideCleared,
    Kind::Decided,
    Kind::ActuationStarted,
    Kind::Actuated,
    Kind::Verified,
    Kind::Drifted,
];

/// One thing that happened. The names of its fields are stable.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// When the log had it.
    pub at: Timestamp,
    /// Its position.
    pub seq: Seq,
    /// Its id.
    pub id: EventId,
    /// Its kind.
    pub event: String,
    /// The count before, where it is about a change.
    pub from: Option<Replicas>,
    /// The count after, or where it stays.
    pub to: Option<Replicas>,
    /// What happened and why.
    pub reason: String,
    /// Who: a person, or the service.
    pub by: String,
}

/// What happened to a workload since a moment, oldest first; of many the newest `limit`.
///
/// # Errors
/// When the log cannot be read.
pub async fn history(
    log: &dyn Log,
    workload: &WorkloadId,
    since: Option<Timestamp>,
    limit: usize,
) -> Result<Vec<Row>, LogError> {
    let filter = Filter {
        kinds: KINDS.to_vec(),
        since,
        ..Filter::workload(workload)
    };
    let events = gather::story(log, filter).await?;
    let skip = events.len().saturating_sub(limit);
    Ok(events.iter().skip(skip).filter_map(Row::of).collect())
}

impl Row {
    /// An event as a row; `None` for kinds that no history tells.
    #[must_use]
    pub fn of(event: &Event) -> Option<Self> {
        let Event { envelope, body } = event;
        let (from, to) = counts(body);
        Some(Self {
            at: envelope.stamp,
            seq: envelope.seq,
            id: envelope.id,
            event: envelope.kind.to_string(),
            from,
            to,
            reason: sentences::event_line(body)?,
            by: by(body).unwrap_or_else(|| envelope.producer.service.to_string()),
        })
    }
}

fn counts(body: &Body) -> (Option<Replicas>, Option<Replicas>) {
    match body {
        Body::Decided(decided) => match &decided.decision {
            Decision::Scale { from, to } => (Some(*from), Some(*to)),
            Decision::Hold { at, .. } => (None, *at),
        },
        Body::ActuationStarted(started) => (Some(started.from), Some(started.to)),
        Body::Actuated(actuated) => (None, Some(actuated.to)),
        Body::Verified(verified) => (None, Some(verified.replicas)),
        Body::Drifted(drifted) => (drifted.expected, Some(drifted.replicas)),
        _ => (None, None),
    }
}

fn by(body: &Body) -> Option<String> {
    match body {
        Body::PolicyApplied(applied) => Some(applied.owner.clone()),
        Body::PolicyRemoved(removed) => Some(removed.owner.clone()),
        Body::OverrideSet(set) => Some(set.owner.clone()),
        Body::OverrideCleared(cleared) => Some(cleared.owner.clone()),
        _ => None,
    }
}

/// The rows as a table, with a heading.
#[must_use]
pub fn render(rows: &[Row]) -> String {
    let mut text = String::new();
    let event_width = rows
        .iter()
        .map(|row| row.event.len())
        .max()
        .unwrap_or(0)
        .max(5);
    let by_width = rows
        .iter()
        .map(|row| row.by.len())
        .max()
        .unwrap_or(0)
        .max(2);
    let _ = writeln!(
        text,
        "{:<24}  {:>8}  {:<event_width$}  {:>9}  {:<by_width$}  REASON",
        "TIME", "SEQ", "EVENT", "REPLICAS", "BY"
    );
    for row in rows {
        let _ = writeln!(
            text,
            "{:<24}  {:>8}  {:<event_width$}  {:>9}  {:<by_width$}  {}",
            rfc3339(row.at),
            row.seq.0,
            row.event,
            change(row),
            row.by,
            row.reason
        );
    }
    text
}

fn change(row: &Row) -> String {
    match (row.from, row.to) {
        (Some(from), Some(to)) => format!("{from} → {to}"),
        (_, Some(to)) => to.to_string(),
        _ => String::new(),
    }
}
