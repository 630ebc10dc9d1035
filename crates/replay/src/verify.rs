//! Replays a log through the machines and compares what they answer with what is recorded, byte for byte.
//!
//! One pass feeds three folds, each from the oldest state it can begin with, so the log is never held in memory.

mod auditor;
mod report;

pub use report::{Finding, MachineReport, Progress, Report, Start};

use auditor::{Auditor, Course};
use futures::StreamExt as _;
use headroom_actuator::Actuator;
use headroom_evaluator::Evaluator;
use headroom_log::{Entry, Filter, Log, LogError};
use headroom_model::{Kind, Record, Seq, Service};
use headroom_planner::Planner;
use report::Damage;

/// Entries between two reports of progress.
const STRIDE: u64 = 100_000;

/// Replays the whole log. `progress` is told every 100,000 entries where it is.
///
/// # Errors
/// When the log cannot be read. What the replay finds is no error: see [`Report`].
pub async fn verify(
    log: &dyn Log,
    progress: &mut (dyn FnMut(Progress) + Send),
) -> Result<Report, LogError> {
    let bounds = log.bounds().await?;
    let mut entries = log.read(bounds.first, Filter::default()).await?;
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
    while let Some(chunk) = entries.next().await {
        for entry in chunk? {
            pass.take(log, entry).await?;
        }
        if pass.next.0 - bounds.first.0 >= told + STRIDE {
            told = pass.next.0 - bounds.first.0;
            progress(Progress {
                seq: Seq(pass.next.0 - 1),
                last: bounds.last,
            });
        }
    }
    Ok(pass.finish())
}

/// One pass over the log.
struct Pass {
    courses: [Box<dyn Course>; 3],
    report: Report,
    /// The position that must come next.
    next: Seq,
}

impl Pass {
    async fn take(&mut self, log: &dyn Log, entry: Entry) -> Result<(), LogError> {
        let seq = entry.seq();
        if seq > self.next {
            let last = Seq(seq.0 - 1);
            let detail = "these positions are not in the log".to_owned();
            self.lose(log, self.next, last, detail).await?;
        }
        match entry {
            Entry::Event(record) => {
                self.next = seq.next();
                self.event(record);
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

    fn event(&mut self, record: Record) {
        self.report.events += 1;
        if record.envelope.producer.service == Service::Planner
            && record.envelope.kind == Kind::Decided
        {
            self.report.decisions += 1;
        }
        // Only the last that wants it need not have a copy: most events are observations, which one machine reads.
        let wanted = self.courses.iter().filter(|course| course.wants(&record));
        let mut remaining = wanted.count();
        let mut record = Some(record);
        for course in &mut self.courses {
            if !record.as_ref().is_some_and(|record| course.wants(record)) {
                continue;
            }
            remaining -= 1;
            let own = if remaining == 0 {
                record.take()
            } else {
                record.clone()
            };
            if let Some(own) = own {
                course.event(own);
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
