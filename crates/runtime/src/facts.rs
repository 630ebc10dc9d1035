//! Writing facts from outside: in order, and again and again until the log takes them.

use crate::{Phase, Status};
use headroom_log::{Log, LogError};
use headroom_model::{Event, EventId, Record};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc;

/// At most so many facts wait for the log. One attempt a target is under way at a time, so this is more than the targets
/// of a busy shard can produce while the log elects a leader; beyond it, those who write facts wait.
const WAITING: usize = 1024;

/// Where facts are handed in.
#[derive(Clone, Debug)]
pub struct Facts {
    queue: mpsc::Sender<Event>,
    fate: Arc<Fate>,
}

/// What became of the facts that were handed in.
#[derive(Debug, Default)]
struct Fate {
    /// How many are not in the log yet.
    on_their_way: AtomicUsize,
    /// Those that the log refused, until someone asks. Each is one attempt of one target, so they are few.
    refused: Mutex<Vec<EventId>>,
}

impl Facts {
    /// Starts the writer. It ends when every handle is gone and all facts are written.
    #[must_use]
    pub fn start(
        log: Arc<dyn Log>,
        service: &'static str,
        status: Status,
    ) -> (Self, tokio::task::JoinHandle<()>) {
        let (queue, waiting) = mpsc::channel(WAITING);
        let fate = Arc::<Fate>::default();
        let writer = Writer {
            log,
            service,
            status,
            fate: Arc::clone(&fate),
        };
        (Self { queue, fate }, tokio::spawn(writer.write(waiting)))
    }

    /// Hands a fact in; waits while too many wait already. `false` when the writer has ended.
    pub async fn write(&self, fact: Event) -> bool {
        self.fate.on_their_way.fetch_add(1, Ordering::AcqRel);
        let taken = self.queue.send(fact).await.is_ok();
        if !taken {
            self.fate.settle(1);
        }
        taken
    }

    /// Whether every fact that was handed in is in the log, or was refused.
    #[must_use]
    pub fn all_written(&self) -> bool {
        self.fate.on_their_way.load(Ordering::Acquire) == 0
    }

    /// The facts that the log has refused since the last call.
    #[must_use]
    pub fn take_refused(&self) -> Vec<EventId> {
        std::mem::take(&mut self.fate.refused.lock().expect("no holder can panic"))
    }
}

impl Fate {
    fn settle(&self, count: usize) {
        self.on_their_way.fetch_sub(count, Ordering::AcqRel);
    }

    fn refuse(&self, fact: EventId) {
        let mut refused = self.refused.lock().expect("no holder can panic");
        refused.push(fact);
    }
}

/// The one task that writes.
struct Writer {
    log: Arc<dyn Log>,
    service: &'static str,
    status: Status,
    fate: Arc<Fate>,
}

impl Writer {
    async fn write(self, mut waiting: mpsc::Receiver<Event>) {
        let mut batch = Vec::new();
        while waiting.recv_many(&mut batch, WAITING).await > 0 {
            let records: Vec<_> = batch.drain(..).map(|fact| fact.to_record()).collect();
            if records.len() == 1 || self.append(&records).await.is_err() {
                self.one_by_one(&records).await;
            }
            self.fate.settle(records.len());
        }
    }

    /// Finds the facts that the log refuses, and gives up only those. Those before may be in the log already; whoever
    /// reads them again knows them by their ids.
    async fn one_by_one(&self, records: &[Record]) {
        for record in records {
            if let Err(reason) = self.append(std::slice::from_ref(record)).await {
                let envelope = &record.envelope;
                tracing::error!(service = self.service, workload = %envelope.subject, kind = %envelope.kind, id = %envelope.id,
                    reason, "the log refuses a fact; an outcome that cannot be told is asked for again");
                self.fate.refuse(envelope.id);
            }
        }
    }

    /// Appends, however long the log is out of reach; fails only when it refuses.
    async fn append(&self, records: &[Record]) -> Result<(), String> {
        let mut pause = Duration::from_millis(50);
        loop {
            match self.log.append(records.to_vec()).await {
                Ok(_) => return Ok(()),
                Err(LogError::Refused(reason)) => return Err(reason),
                Err(error) => {
                    let reason = error.to_string();
                    self.status.set(self.service, Phase::Waiting { reason });
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(2));
                }
            }
        }
    }
}
