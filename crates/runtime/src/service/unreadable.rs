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
                tracing::error!(service, %first, %last, detail, "a part of the log is damaged and is passed over; if a policy was in it, `headroom apply --again` writes it once more");
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

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::body::Ticked;
    use headroom_model::{Event, EventId, Producer, Service, Timestamp, WorkloadId};
    use std::sync::{Arc, Mutex};

    /// A tick of the body's version `version`.
    fn tick(version: u16) -> Entry {
        let producer = Producer {
            service: Service::Clock,
            instance: "test".into(),
            behaviour: 0,
        };
        let (id, subject) = (EventId::named("tick"), WorkloadId::system("clock"));
        let body = Body::from(Ticked { number: 1 });
        let mut record = Event::fact(id, subject, Timestamp::EPOCH, producer, body).to_record();
        record.envelope.version = version;
        Entry::Event(record)
    }

    #[test]
    fn each_is_counted_and_each_kind_and_version_is_told_of_once() {
        let (metrics, mut unreadable) = (Metrics::new(), Unreadable::default());
        let lines = Arc::new(Mutex::new(Vec::new()));
        let told = Arc::clone(&lines);
        let writer = move || Lines(Arc::clone(&told));
        let subscriber = tracing_subscriber::fmt().with_writer(writer).finish();
        tracing::subscriber::with_default(subscriber, || {
            for version in [1, 8, 8, 9, 8, 1] {
                unreadable.look("planner", &tick(version), &metrics);
            }
        });
        let counted = metrics.unreadable.with_label_values(&["planner"]).get();
        assert_eq!(counted, 4);
        let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 2, "{text}");
    }

    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}
