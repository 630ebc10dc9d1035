//! Replays a log through the machines and compares what they answer with what is recorded, byte for byte.
//!
//! One pass feeds three folds, each from the oldest state it can begin with, so the log is never held in memory. What is
//! read is decoded once, ahead of the folds and beside them.

mod auditor;
mod report;

pub use report::{Finding, MachineReport, Progress, Report, Start};

use auditor::{Auditor, Course, Decoded};
use futures::StreamExt as _;
use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_log::{Entries, Entry, Filter, Log, LogError};
use headroom_model::{Kind, Record, Seq, Service};
use headroom_planner::Planner;
use report::Damage;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Entries between two reports of progress.
const STRIDE: u64 = 100_000;
/// Chunks that are decoded ahead.
const AHEAD: usize = 4;

/// Replays the whole log. `progress` is told every 100,000 entries where it is.
///
/// # Errors
/// When the log cannot be read. What the replay finds is no error: see [`Report`].
pub async fn verify(
    log: &dyn Log,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, LogError> {
    let bounds = log.bounds().await?;
    let entries = log.read(bounds.first, Filter::default()).await?;
    let (mut chunks, reading) = decode_ahead(entries);
    let mut pass = Pass {
        courses: [
            Box::new(Auditor::<Evaluator>::begin(log, bounds.first).await?),
            Box::new(Auditor::<Planner>::begin(log, bounds.first).await?),
            Box::new(Auditor::<Actuator>::begin(log, bounds.first).await?),
        ],
        report: Report::default(),
        next: bounds.first,
    };
    let mut told = 0;
    while let Some(chunk) = chunks.recv().await {
        for (entry, event) in chunk? {
            pass.take(log, entry, event).await?;
        }
        if pass.next.0 - bounds.first.0 >= told + STRIDE {
            told = pass.next.0 - bounds.first.0;
            progress(Progress {
                seq: Seq(pass.next.0 - 1),
                last: bounds.last,
            });
        }
    }
    reading
        .await
        .map_err(|error| LogError::Storage(format!("reading broke off: {error}")))?;
    Ok(pass.finish())
}

type Chunk = Vec<(Entry, Option<Decoded>)>;

/// Reads and decodes in a task of its own, a little ahead of who takes it.
fn decode_ahead(
    mut entries: Entries,
) -> (
    mpsc::Receiver<Result<Chunk, LogError>>,
    tokio::task::JoinHandle<()>,
) {
    let (send, chunks) = mpsc::channel(AHEAD);
    let reading = tokio::spawn(async move {
        while let Some(chunk) = entries.next().await {
            let decoded = chunk.map(|chunk| chunk.into_iter().map(decode).collect());
            if send.send(decoded).await.is_err() {
                return; // nobody wants the rest
            }
        }
    });
    (chunks, reading)
}

fn decode(entry: Entry) -> (Entry, Option<Decoded>) {
    let event = match &entry {
        Entry::Event(record) => Some(record.decode().map(Arc::new)),
        _ => None,
    };
    (entry, event)
}

/// One pass over the log.
struct Pass {
    courses: [Box<dyn Course>; 3],
    report: Report,
    /// The position that must come next.
    next: Seq,
}

impl Pass {
    async fn take(
        &mut self,
        log: &dyn Log,
        entry: Entry,
        event: Option<Decoded>,
    ) -> Result<(), LogError> {
        let seq = entry.seq();
        if seq > self.next {
            let last = Seq(seq.0 - 1);
            let detail = "these positions are not in the log".to_owned();
            self.lose(log, self.next, last, detail).await?;
        }
        match entry {
            Entry::Event(record) => {
                self.next = seq.next();
                if let Some(event) = event {
                    self.event(&record, &event);
                }
            }
            Entry::Head(placed) => {
                self.next = seq.next();
                for course in &mut self.courses {
                    course.head(&placed);
                }
            }
            Entry::Damaged {
                first,
                last,
                detail,
            } => {
                self.next = self.next.max(last.next());
                self.lose(log, first, last, detail).await?;
            }
        }
        Ok(())
    }

    fn event(&mut self, record: &Record, event: &Decoded) {
        self.report.events += 1;
        if record.envelope.producer.service == Service::Planner
            && record.envelope.kind == Kind::Decided
        {
            self.report.decisions += 1;
        }
        for course in &mut self.courses {
            if course.wants(record) {
                course.event(record, event);
            }
        }
    }

    async fn lose(
        &mut self,
        log: &dyn Log,
        first: Seq,
        last: Seq,
        detail: String,
    ) -> Result<(), LogError> {
        self.report.damage.push(Damage {
            first,
            last,
            detail,
        });
        for course in &mut self.courses {
            course.lose(log, first, last).await?;
        }
        Ok(())
    }

    fn finish(self) -> Report {
        let mut report = self.report;
        report.machines = self.courses.into_iter().map(Course::finish).collect();
        report
    }
}
