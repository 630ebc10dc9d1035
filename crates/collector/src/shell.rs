//! The thin shell: it waits for the next due instant, asks sources, and hands what comes of it to the appender.

use crate::{
    appender,
    assignments::Task,
    clock::Clock,
    facts::Facts,
    policies,
    push::Pusher,
    schedule::{Schedule, TaskKey, Turn},
    settings::{Settings, SettingsError},
    sources::{Answers, Question, Sources},
    status::Status,
};
use headroom_log::Log;
use headroom_model::{Event, Record, Timestamp, WorkloadId, body::CollectionFailure};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use thiserror::Error;
use tokio::{
    sync::mpsc,
    task::{JoinError, JoinSet},
    time::timeout,
};
use tokio_util::sync::CancellationToken;

/// The longest sleep: a wall clock that jumps, or a log that comes back, is noticed this soon.
const LONGEST_SLEEP: Duration = Duration::from_millis(500);
/// How long a collector that stops waits for what is under way.
const DRAIN: Duration = Duration::from_secs(5);

/// Reads metrics from sources into a log.
pub struct Collector {
    log: Arc<dyn Log>,
    shared: Shared,
}

/// What every turn needs.
#[derive(Clone, Debug)]
struct Shared {
    sources: Sources,
    facts: Facts,
    status: Arc<Status>,
    clock: Clock,
}

/// A collector that was told to stop, and did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// Whether all that it had read is in the log.
    pub drained: bool,
}

/// A collector that ended though nobody told it to.
#[derive(Debug, Error)]
#[error("a vital part of the collector ended by itself; this is a defect of Headroom")]
pub struct Ended {
    #[source]
    cause: Option<JoinError>,
}

impl Collector {
    /// Checks the settings. `instance` names this process among all that live at the same time.
    ///
    /// # Errors
    /// Names the setting that cannot be used.
    pub fn new(
        log: Arc<dyn Log>,
        settings: &Settings,
        instance: &str,
        status: Arc<Status>,
    ) -> Result<Self, SettingsError> {
        let shared = Shared {
            sources: Sources::build(settings)?,
            facts: Facts::new(instance),
            status,
            clock: Clock::wall(),
        };
        Ok(Self { log, shared })
    }

    /// Takes the time from another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Clock) -> Self {
        self.shared.clock = clock;
        self
    }

    /// Takes readings that others send, for as long as it is kept.
    #[must_use]
    pub fn pusher(&self) -> Pusher {
        Pusher {
            log: Arc::clone(&self.log),
            sources: self.shared.sources.clone(),
            facts: self.shared.facts.clone(),
            status: Arc::clone(&self.shared.status),
            clock: self.shared.clock.clone(),
        }
    }

    /// Collects until `shutdown`; then starts nothing more, waits up to 5 s for what is under way, and ends.
    ///
    /// # Errors
    /// When a part of it panicked.
    pub async fn run(self, shutdown: CancellationToken) -> Result<Stopped, Ended> {
        let status = Arc::clone(&self.shared.status);
        let (facts, queue) = mpsc::channel(appender::QUEUE);
        let (changed, mut changes) = mpsc::channel(policies::QUEUE);
        let write = appender::write(Arc::clone(&self.log), queue, Arc::clone(&status));
        let mut writer = tokio::spawn(write);
        let mut follower = tokio::spawn(policies::follow(self.log, changed, status));
        let mut rounds = Rounds::new(self.shared, facts);
        let ended = loop {
            let pause = tokio::time::sleep(rounds.until_due());
            tokio::select! {
                () = shutdown.cancelled() => break Ok(()),
                end = &mut writer => break Err(Ended { cause: end.err() }),
                end = &mut follower => break Err(Ended { cause: end.err() }),
                Some((workload, tasks)) = changes.recv() => rounds.assign(&workload, tasks),
                Some(end) = rounds.turns.join_next() => match end {
                    Ok(key) => rounds.schedule.finished(&key),
                    Err(cause) => break Err(Ended { cause: Some(cause) }),
                },
                () = pause => rounds.start_due(),
            }
        };
        follower.abort();
        ended?;
        let drained = timeout(DRAIN, async {
            rounds.drain().await;
            (&mut writer).await
        });
        let drained = drained.await.is_ok();
        if !drained {
            writer.abort();
            tracing::warn!("the log did not take the last facts in time; they are lost");
        }
        Ok(Stopped { drained })
    }
}

/// The schedule, the turns under way, and what went unasked while the log was out of reach.
struct Rounds {
    shared: Shared,
    schedule: Schedule,
    turns: JoinSet<TaskKey>,
    facts: mpsc::Sender<Record>,
    gaps: BTreeMap<Arc<str>, (Timestamp, Timestamp)>,
}

impl Rounds {
    fn new(shared: Shared, facts: mpsc::Sender<Record>) -> Self {
        Self {
            shared,
            schedule: Schedule::default(),
            turns: JoinSet::new(),
            facts,
            gaps: BTreeMap::new(),
        }
    }

    /// Takes on the tasks of a workload, but not those whose readings are pushed.
    fn assign(&mut self, workload: &WorkloadId, mut tasks: Vec<Arc<Task>>) {
        let sources = &self.shared.sources;
        tasks.retain(|task| !sources.get(&task.source).is_some_and(|s| s.takes_pushes()));
        for name in sources.names() {
            if !tasks.iter().any(|task| &*task.source == name)
                && let Some(source) = sources.get(name)
            {
                source.forget(workload);
            }
        }
        let now = self.shared.clock.now();
        self.schedule.assign(workload, &tasks, now);
        self.shared.status.set_tasks(self.schedule.len());
    }

    fn until_due(&self) -> Duration {
        let now = self.shared.clock.now();
        self.schedule
            .next_due()
            .map_or(LONGEST_SLEEP, |due| due.since(now).duration())
            .min(LONGEST_SLEEP)
    }

    /// Starts the turns whose time has come; none while the log is out of reach.
    fn start_due(&mut self) {
        let now = self.shared.clock.now();
        if !self.shared.status.is_reachable() {
            for (source, first, last) in self.schedule.pass_over(now) {
                let gap = self.gaps.entry(source).or_insert((first, last));
                *gap = (gap.0.min(first), gap.1.max(last));
            }
            return;
        }
        self.tell_gaps(now);
        for turn in self.schedule.poll(now) {
            let work = take_turn(self.shared.clone(), turn, self.facts.clone());
            self.turns.spawn(work);
        }
    }

    /// Says what went unasked, as far as there is room; the rest at the next call.
    fn tell_gaps(&mut self, now: Timestamp) {
        while let Some(first) = self.gaps.first_entry() {
            let Ok(room) = self.facts.try_reserve() else {
                return;
            };
            let (source, gap) = first.remove_entry();
            let fact = self.shared.facts.log_unavailable(&source, gap, now);
            room.send(fact.to_record());
        }
    }

    /// Waits for the turns under way. With the last of them the last sender of facts goes, and so the appender ends.
    async fn drain(mut self) {
        while self.turns.join_next().await.is_some() {}
    }
}

/// One turn: asks, and hands on what came of it, waiting for room in the queue.
async fn take_turn(shared: Shared, turn: Turn, out: mpsc::Sender<Record>) -> TaskKey {
    let key = turn.task.key();
    let status = &shared.status;
    let source = &*turn.task.source;
    if let Some((_, last)) = turn.skipped {
        status.failed(source, &CollectionFailure::Overrun);
        let fact = shared.facts.overrun(&turn, last, shared.clock.now());
        send(&out, fact).await;
    }
    let answers = ask(&shared, &turn).await;
    for (_, answer) in &answers {
        match answer {
            Ok(_) => status.read(source, &shared.clock),
            Err(failure) => status.failed(source, failure),
        }
    }
    for fact in shared.facts.of_turn(&turn, answers, shared.clock.now()) {
        send(&out, fact).await;
    }
    key
}

async fn ask(shared: &Shared, turn: &Turn) -> Answers {
    let task = &turn.task;
    let Some(source) = shared.sources.get(&task.source) else {
        let known: Vec<&str> = shared.sources.names().collect();
        let failure = CollectionFailure::Refused {
            detail: format!(
                "no source {:?} in the collector's configuration; it has {}",
                task.source,
                known.join(", ")
            ),
        };
        let all = turn.metrics.iter();
        return all
            .map(|asked| (asked.metric.clone(), Err(failure.clone())))
            .collect();
    };
    let shortest = task.metrics.iter().map(|asked| asked.interval).min();
    let question = Question {
        workload: &task.workload,
        metrics: &turn.metrics,
        interval: shortest.unwrap_or_default().duration(),
        clock: &shared.clock,
    };
    source.ask(&question).await
}

/// Waits for room. A queue without a reader means that the collector is stopping past its deadline.
async fn send(out: &mpsc::Sender<Record>, fact: Event) {
    if out.send(fact.to_record()).await.is_err() {
        tracing::warn!("a fact came after the appender had ended; it is lost");
    }
}
