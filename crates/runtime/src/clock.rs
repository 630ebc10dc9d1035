//! Makes time move: `ticked` once a second, so that machines notice silence.
//!
//! Clocks commit as machines do, against the newest head, so that two of them tick once.

use crate::identity::{steady_clock, wall_clock};
use crate::{Identity, Phase, Status};
use futures::StreamExt as _;
use headroom_log::{Commit, CommitError, Entry, Filter, Log, LogError};
use headroom_model::head::{HEARTBEAT, Through};
use headroom_model::machine::Moment;
use headroom_model::{
    Body, Event, EventId, Head, Kind, Seq, Service, Span, WorkloadId, body::Ticked,
};
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// A standby clock ticks when none has for this long.
const TAKE_OVER: Span = Span(2 * HEARTBEAT.0);

/// So many ticks stand under a head at most, where ticks go one by one: a clock that starts reads from the newest head.
const UNDER_A_HEAD: u32 = 60;

/// The newest tick that is known.
struct Newest {
    head: Seq,
    epoch: u64,
    number: u64,
    seen: Moment,
    mine: bool,
    /// Ticks go one by one under a head, and so many have gone under this one.
    one_by_one: bool,
    under_head: u32,
}

/// Ticks until `shutdown`; while the log is out of reach it waits, and says so.
///
/// # Errors
/// When the log refuses to work with this process.
pub async fn run(
    log: Arc<dyn Log>,
    identity: Identity,
    status: Status,
    shutdown: CancellationToken,
) -> Result<(), LogError> {
    let service = Service::Clock.token();
    loop {
        let ticking = tick(&*log, &identity, &status);
        let error = tokio::select! {
            error = ticking => error,
            () = shutdown.cancelled() => break,
        };
        match error {
            LogError::Refused(_) => {
                status.set(
                    service,
                    Phase::Stopped {
                        reason: error.to_string(),
                    },
                );
                return Err(error);
            }
            _ => status.set(
                service,
                Phase::Waiting {
                    reason: error.to_string(),
                },
            ),
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    status.set(
        service,
        Phase::Stopped {
            reason: "asked to".to_owned(),
        },
    );
    Ok(())
}

/// Ticks until the log fails.
async fn tick(log: &dyn Log, identity: &Identity, status: &Status) -> LogError {
    match tick_on(log, identity, status).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

async fn tick_on(
    log: &dyn Log,
    identity: &Identity,
    status: &Status,
) -> Result<std::convert::Infallible, LogError> {
    let placed = log.head(Service::Clock).await?;
    let mut newest = Newest {
        head: placed.as_ref().map_or(Seq::ZERO, |placed| placed.seq),
        epoch: placed.as_ref().map_or(0, |placed| placed.head.epoch),
        number: 0,
        seen: steady_clock(),
        mine: placed
            .as_ref()
            .is_none_or(|placed| placed.head.instance == *identity.instance),
        one_by_one: log.prefers_single_outputs(),
        under_head: UNDER_A_HEAD,
    };
    let filter = Filter {
        machines: vec![Service::Clock],
        ..Filter::kinds([Kind::Ticked])
    };
    let mut entries = log.follow(newest.head.max(Seq(1)), filter).await?;
    newest.seen = steady_clock();
    let mut beat = tokio::time::interval(Duration::from_millis(100));
    beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            chunk = entries.next() => {
                let chunk = chunk.unwrap_or_else(|| Err(LogError::Unavailable("the log ended its stream".to_owned())))?;
                for entry in chunk {
                    newest.take_in(entry, identity);
                }
            }
            _ = beat.tick() => {
                let after = if newest.mine { HEARTBEAT } else { TAKE_OVER };
                if steady_clock().since(newest.seen) >= after || newest.head == Seq::ZERO {
                    newest.advance(log, identity).await?;
                }
            }
        }
        status.set(
            Service::Clock.token(),
            if newest.mine {
                Phase::Working
            } else {
                Phase::Standby
            },
        );
    }
}

impl Newest {
    fn take_in(&mut self, entry: Entry, identity: &Identity) {
        match entry {
            Entry::Head(placed)
                if placed.head.service == Service::Clock && placed.seq > self.head =>
            {
                self.head = placed.seq;
                self.epoch = placed.head.epoch;
                self.seen = steady_clock();
                self.mine = placed.head.instance == *identity.instance;
            }
            Entry::Event(record) => {
                if let Ok(Body::Ticked(ticked)) = record.decode().map(|event| event.body)
                    && ticked.number > self.number
                {
                    self.number = ticked.number;
                    self.seen = steady_clock();
                }
            }
            _ => {}
        }
    }

    /// Commits one tick. If another clock came first, this one stands by.
    async fn advance(&mut self, log: &dyn Log, identity: &Identity) -> Result<(), LogError> {
        let number = self.number + 1;
        let sent = steady_clock();
        let commit = self.commit(number, identity);
        let head = commit.head.clone();
        match log.commit(commit).await {
            Ok(committed) => {
                self.seen = self.beat(sent);
                self.number = number;
                self.mine = true;
                self.under_head += 1;
                if let Some(head) = head {
                    (self.head, self.epoch, self.under_head) = (committed.at, head.epoch, 0);
                }
                Ok(())
            }
            Err(CommitError::Conflict) => {
                // Another clock came first, or our own ack was lost: the stream tells.
                self.mine = false;
                self.seen = sent;
                Ok(())
            }
            Err(CommitError::Unknown(reason)) => Err(LogError::Unavailable(reason)),
            Err(CommitError::Log(error)) => Err(error),
        }
    }

    /// Beats stay a second apart as long as commits are faster than that.
    fn beat(&self, sent: Moment) -> Moment {
        let due = self.seen.plus(HEARTBEAT);
        if self.mine && sent.since(due) < HEARTBEAT {
            due
        } else {
            sent
        }
    }

    fn commit(&self, number: u64, identity: &Identity) -> Commit {
        let producer = identity.producer(Service::Clock);
        let commit_id = EventId::named(&format!(
            "{}\u{0}{}\u{0}{}\u{0}{number}",
            identity.instance, identity.nonce, self.head
        ))
        .0;
        let id = EventId::named(&format!("tick\u{0}{commit_id}"));
        let tick = Event::fact(
            id,
            WorkloadId::system("clock"),
            wall_clock(),
            producer,
            Body::from(Ticked { number }),
        );
        let head = Head {
            service: Service::Clock,
            instance: identity.instance.to_string(),
            epoch: self.epoch + u64::from(!self.mine),
            behaviour: 0,
            through: Through::default(),
            commit_id,
            outputs: 1,
            checkpoint: None,
            released: false,
        };
        let under_head = self.one_by_one && self.mine && self.under_head < UNDER_A_HEAD;
        Commit {
            expected: self.head,
            head: (!under_head).then_some(head),
            outputs: vec![tick.to_record()],
        }
    }
}
