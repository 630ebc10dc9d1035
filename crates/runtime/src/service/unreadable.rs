//! What a machine is given and cannot read: it is passed over, but never in silence.

use crate::metrics::Metrics;
use headroom_log::Entry;
use headroom_model::{Body, Kind, Record};
use headroom_policy::Policy;
use std::collections::BTreeSet;

/// What was said already.
#[derive(Debug, Default)]
pub(super) struct Unreadable {
    /// Kinds and versions of another build: each is told of once, since all its events are alike.
    unknown: BTreeSet<(Kind, u16)>,
}

impl Unreadable {
    /// Counts an entry that `service` cannot read, and tells of it.
    pub(super) fn look(&mut self, service: &str, entry: &Entry, metrics: &Metrics) {
        let readable = match entry {
            Entry::Head(_) => true,
            Entry::Event(record) => self.event(service, record),
            Entry::Damaged {
                first,
                last,
                detail,
            } => {
                tracing::error!(service, %first, %last, detail, "a part of the log is damaged and is passed over");
                false
            }
        };
        if !readable {
            metrics.unreadable.with_label_values(&[service]).inc();
        }
    }

    fn event(&mut self, service: &str, record: &Record) -> bool {
        let envelope = &record.envelope;
        let (kind, version) = (&envelope.kind, envelope.version);
        if !kind.is_known(version) {
            if self.unknown.insert((kind.clone(), version)) {
                tracing::error!(service, %kind, version, seq = %envelope.seq, "this build does not know this version of these events, and passes all of them over; upgrade it");
            }
            return false;
        }
        let refusal = (*kind == Kind::PolicyApplied).then(|| refusal(record));
        match refusal.flatten() {
            Some(reason) => {
                tracing::error!(service, workload = %envelope.subject, seq = %envelope.seq, reason, "this build cannot read a policy; the former one stays in force");
                false
            }
            None => true,
        }
    }
}

/// Why a policy cannot be read; `None` when it can, or when it is not even an event.
fn refusal(record: &Record) -> Option<String> {
    match record.decode().ok()?.body {
        Body::PolicyApplied(applied) => {
            let refused = Policy::from_value(&applied.policy).err()?;
            Some(refused.to_string())
        }
        _ => None,
    }
}
