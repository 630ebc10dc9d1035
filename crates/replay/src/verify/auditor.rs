//! One machine's way through the log.

use super::report::{Finding, MachineReport, Start};
use async_trait::async_trait;
use headroom_log::{Log, LogError, PlacedHead};
use headroom_model::codec::DecodeError;
use headroom_model::machine::{Audit, Fold};
use headroom_model::{Checkpoint, Event, Machine, Record, Seq};
use std::sync::Arc;

/// An event as far as it can be read.
pub(super) type Decoded = Result<Arc<Event>, DecodeError>;

/// A machine of any kind that is replayed.
#[async_trait]
pub(super) trait Course: Send {
    /// Whether an event is an input or an output of the machine.
    fn wants(&self, record: &Record) -> bool;
    fn event(&mut self, record: &Record, event: &Decoded);
    fn head(&mut self, placed: &PlacedHead);
    /// Positions are lost: goes on at the next checkpoint behind them, if there is one.
    async fn lose(&mut self, log: &dyn Log, first: Seq, last: Seq) -> Result<(), LogError>;
    fn finish(self: Box<Self>) -> MachineReport;
}

/// The replay of a machine.
pub(super) struct Auditor<M: Machine> {
    fold: Option<Fold<M>>,
    /// The last that the machine wrote: nothing behind it is answered yet.
    end: Seq,
    report: MachineReport,
}

impl<M: Machine> Auditor<M> {
    /// Begins at the beginning of the log or, where that is gone, at the oldest checkpoint that can be gone on from.
    pub(super) async fn begin(log: &dyn Log, first: Seq) -> Result<Self, LogError> {
        let newest = log.head(M::SERVICE).await?;
        let end = match &newest {
            Some(placed) => headroom_log::last_written(log, placed).await?,
            None => Seq::ZERO,
        };
        let mut auditor = Self {
            fold: None,
            end,
            report: MachineReport::new(M::SERVICE, M::BEHAVIOUR),
        };
        if newest.is_none() {
            auditor.report.starts.push(Start::NeverRan);
        } else if first <= Seq(1) {
            auditor.fold = Some(Fold::default().audited());
            auditor.report.starts.push(Start::Beginning);
        } else {
            auditor.resume(log, first).await?;
        }
        Ok(auditor)
    }

    /// Goes on at the oldest checkpoint with which nothing before `first` is needed.
    async fn resume(&mut self, log: &dyn Log, first: Seq) -> Result<(), LogError> {
        let found = self.oldest(log, first).await?;
        self.report.starts.push(match &found {
            Some((_, through)) => Start::Checkpoint { through: *through },
            None => Start::Nowhere { from: first },
        });
        self.fold = found.map(|(fold, _)| fold);
        Ok(())
    }

    async fn oldest(
        &mut self,
        log: &dyn Log,
        first: Seq,
    ) -> Result<Option<(Fold<M>, Seq)>, LogError> {
        let mut found = None;
        let mut not_after = Seq(u64::MAX);
        while let Some(checkpoint) = log.checkpoint(M::SERVICE, not_after).await? {
            let through = checkpoint.through;
            if through.next() < first {
                break;
            }
            if let Some(fold) = self.from(&checkpoint) {
                found = Some((fold, through));
            }
            let Some(before) = through.0.checked_sub(1) else {
                break;
            };
            not_after = Seq(before);
        }
        Ok(found)
    }

    fn from(&mut self, checkpoint: &Checkpoint) -> Option<Fold<M>> {
        match Fold::from_checkpoint(checkpoint) {
            Ok(fold) => Some(fold.audited()),
            Err(reason) => {
                self.report.notes.push(reason);
                None
            }
        }
    }

    /// What is found from here on is held against the machine only if the writer had this build's behaviour.
    fn watched<T>(&mut self, behaviour: u32, step: impl FnOnce(&mut Fold<M>) -> T) -> Option<T> {
        let fold = self.fold.as_mut()?;
        let count = |fold: &Fold<M>| fold.audit().map_or(0, |audit| audit.difference_count);
        let before = count(fold);
        let result = step(fold);
        let new = count(fold) - before;
        if new > 0 {
            let audit = fold.audit().expect("every fold here is audited");
            let kept = usize::try_from(before).unwrap_or(usize::MAX);
            let first = audit.differences.get(kept).map(Finding::from);
            let excused = behaviour != M::BEHAVIOUR;
            self.report.differ(new, excused, first);
        }
        Some(result)
    }

    fn close(&mut self, audit: &Audit) {
        self.report.inputs += audit.inputs;
        self.report.outputs += audit.outputs;
        self.report.checkpoints += audit.checkpoints;
        self.report.unanswered += audit.unanswered;
        let others = audit.other_behaviours.iter();
        self.report.other_behaviours.extend(others);
        let findings = audit.differences.iter().map(Finding::from);
        self.report.findings.extend(findings);
    }
}

#[async_trait]
impl<M: Machine + Send> Course for Auditor<M> {
    fn wants(&self, record: &Record) -> bool {
        let service = record.envelope.producer.service;
        self.fold.is_some()
            && (service == M::SERVICE || M::is_input(service, &record.envelope.kind))
    }

    fn event(&mut self, record: &Record, event: &Decoded) {
        let seq = record.envelope.seq;
        if seq > self.end {
            self.report.unanswered += 1; // so that they do not gather in memory
            return;
        }
        let own = record.envelope.producer.service == M::SERVICE;
        let behaviour = record.envelope.producer.behaviour;
        let behaviour = if own { behaviour } else { M::BEHAVIOUR };
        let readable = event.as_ref().ok();
        let watched = self.watched(behaviour, |fold| {
            fold.event(record, readable);
            fold.wants(record)
        });
        if let (Some(true), Err(error)) = (watched, event) {
            let finding = Finding::unreadable(seq, error);
            if own {
                self.report
                    .differ(1, behaviour != M::BEHAVIOUR, Some(finding.clone()));
                self.report.findings.push(finding);
            } else {
                let note = format!("seq {seq}: {error}; every machine passes it over");
                self.report.notes.push(note);
            }
        }
    }

    fn head(&mut self, placed: &PlacedHead) {
        if placed.head.service == M::SERVICE {
            self.watched(placed.head.behaviour, |fold| {
                fold.head(placed.seq, placed.stamp, &placed.head);
            });
        }
    }

    async fn lose(&mut self, log: &dyn Log, _first: Seq, last: Seq) -> Result<(), LogError> {
        let seen = self.fold.as_ref().map(Fold::seen);
        // A checkpoint behind the loss, from which this began, needs nothing of what was lost.
        let beyond = seen.is_some_and(|seen| seen > last);
        if beyond || self.report.starts == [Start::NeverRan] {
            return Ok(());
        }
        if let Some(fold) = self.fold.take() {
            let (_, audit) = fold.finish();
            self.close(&audit);
        }
        self.resume(log, last.next()).await
    }

    fn finish(mut self: Box<Self>) -> MachineReport {
        if let Some(fold) = self.fold.take() {
            let (_, audit) = fold.finish();
            self.close(&audit);
        }
        self.report
    }
}
