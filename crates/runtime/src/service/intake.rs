//! Taking in what the log gives: live, and while folding.

use super::{End, Shell};
use crate::identity::steady_clock;
use headroom_log::Entry;
use headroom_model::machine::{Committed, Fold, Live, Taken};
use headroom_model::{Machine, Record};

impl Shell<'_> {
    /// Takes a chunk in, and says which commits of this instance it showed to be in the log without their acks.
    pub(super) fn take_in<M: Machine>(
        &mut self,
        live: &mut Live<M>,
        chunk: Vec<Entry>,
    ) -> Result<Vec<Committed>, End> {
        let service = M::SERVICE.token();
        let mut seen_own = Vec::new();
        let mut inputs = 0;
        for entry in chunk {
            let now = steady_clock();
            self.unreadable.look(service, &entry, self.metrics);
            match entry {
                Entry::Event(record) => {
                    let envelope = &record.envelope;
                    inputs += u64::from(M::is_input(envelope.producer.service, &envelope.kind));
                    if self.wrote::<M>(&record) {
                        self.metrics.committed(&record);
                    }
                    let seq = envelope.seq;
                    match live.record(record, now)? {
                        Taken::In => {}
                        Taken::Committed(committed) => seen_own.push(committed),
                        Taken::Unreadable(error) => {
                            self.metrics.unreadable.with_label_values(&[service]).inc();
                            tracing::error!(service, %seq, %error, "an event cannot be read and is passed over");
                        }
                    }
                }
                Entry::Head(placed) => {
                    seen_own.extend(live.on_head(placed.seq, placed.stamp, &placed.head, now)?);
                }
                Entry::Damaged { .. } => {}
            }
        }
        let counter = self.metrics.inputs.with_label_values(&[service]);
        counter.inc_by(inputs);
        Ok(seen_own)
    }

    /// Whether this process wrote an output: a standby reads those of the instance at work.
    fn wrote<M: Machine>(&self, record: &Record) -> bool {
        let producer = &record.envelope.producer;
        producer.service == M::SERVICE && producer.instance == self.identity.instance
    }

    pub(super) fn fold_entry<M: Machine>(&mut self, fold: &mut Fold<M>, entry: Entry) {
        let service = M::SERVICE.token();
        self.unreadable.look(service, &entry, self.metrics);
        match entry {
            Entry::Event(record) => {
                let seq = record.envelope.seq;
                if let Err(error) = fold.record(&record) {
                    self.metrics.unreadable.with_label_values(&[service]).inc();
                    tracing::error!(service, %seq, %error, "an event cannot be read and is passed over");
                }
            }
            Entry::Head(placed) => fold.head(placed.seq, placed.stamp, &placed.head),
            Entry::Damaged { .. } => {}
        }
    }
}
