//! Follows the policies in the log, and says whose tasks have changed.

use crate::{
    assignments::{Assignments, Change, Task},
    status::Status,
};
use futures::StreamExt as _;
use headroom_log::{Entries, Entry, Filter, Log, LogError};
use headroom_model::{Event, Kind, Seq, WorkloadId};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Changes that wait at a time: the scheduler takes them in microseconds, and whoever follows the log can wait.
pub(crate) const QUEUE: usize = 64;
/// The pause before the log is asked again.
const PAUSE: Duration = Duration::from_secs(1);

/// The tasks of one workload, as they are from now on.
pub(crate) type Assigned = (WorkloadId, Vec<Arc<Task>>);

/// Reads every policy there is, then what comes. Ends when nobody listens any more.
pub(crate) async fn follow(
    log: Arc<dyn Log>,
    changes: mpsc::Sender<Assigned>,
    status: Arc<Status>,
) {
    let mut follower = Follower {
        assignments: Assignments::default(),
        next: Seq::ZERO,
        changes,
        status,
    };
    while !follower.changes.is_closed() {
        if let Err(error) = follower.run(&*log).await {
            tracing::warn!(%error, "cannot follow the policies in the log; trying again");
        }
        follower.status.set_informed(false);
        tokio::select! {
            () = tokio::time::sleep(PAUSE) => {}
            () = follower.changes.closed() => {}
        }
    }
}

struct Follower {
    assignments: Assignments,
    next: Seq,
    changes: mpsc::Sender<Assigned>,
    status: Arc<Status>,
}

impl Follower {
    /// The ledger has the policies that the log's retention took; the log has those that the ledger has not yet.
    async fn run(&mut self, log: &dyn Log) -> Result<(), LogError> {
        let filter = Filter::kinds([Kind::PolicyApplied, Kind::PolicyRemoved]);
        let ledger = log.ledger(self.next, filter.clone()).await?;
        self.fold(ledger).await?;
        let now = log.read(self.next, filter.clone()).await?;
        self.fold(now).await?;
        self.status.set_informed(true);
        let coming = log.follow(self.next, filter).await?;
        self.fold(coming).await
    }

    async fn fold(&mut self, mut entries: Entries) -> Result<(), LogError> {
        while let Some(chunk) = entries.next().await {
            for entry in chunk? {
                let seq = entry.seq();
                self.entry(entry).await;
                self.next = self.next.max(seq.next());
            }
        }
        Ok(())
    }

    async fn entry(&mut self, entry: Entry) {
        let record = match entry {
            Entry::Event(record) => record,
            Entry::Head(_) => return,
            Entry::Damaged {
                first,
                last,
                detail,
            } => {
                tracing::error!(%first, %last, %detail, "a part of the log cannot be read; a policy may be missing: `headroom apply --again` writes it once more");
                return;
            }
        };
        let (seq, subject) = (record.envelope.seq, record.envelope.subject.clone());
        match record.into_event() {
            Ok(event) => self.event(&event).await,
            Err(error) => {
                tracing::error!(%seq, workload = %subject, %error, "a policy cannot be decoded; the former one stays in force");
            }
        }
    }

    async fn event(&mut self, event: &Event) {
        match self.assignments.apply(event) {
            Change::None => {}
            Change::Tasks(workload) => {
                let tasks = self.assignments.of(&workload).to_vec();
                // A closed channel means that the collector is stopping; then nobody needs the change.
                let _ = self.changes.send((workload, tasks)).await;
            }
            Change::Unreadable(workload, reason) => {
                tracing::error!(%workload, %reason, "this build cannot read a policy; the former one stays in force");
            }
        }
    }
}
