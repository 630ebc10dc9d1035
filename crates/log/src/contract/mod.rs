//! What every log must do, whatever it is made of: one suite for memory, embedded, socket and NATS.
//!
//! [`all`] runs every case on a fresh log. A log that cannot commit (a socket's client) runs the cases of [`facts`] alone.
//! Retention needs a nudge that differs from log to log, so [`retention`] takes it as a function.

mod append;
mod commit;
mod given;
mod keep;
mod read;

pub use given::Given;

use crate::Log;
use futures::future::BoxFuture;
use headroom_model::Record;
use std::sync::Arc;

/// One thing that every log must do: a sentence, and the test of it on a fresh log.
pub struct Case {
    /// What must hold.
    pub name: &'static str,
    run: fn(Given) -> BoxFuture<'static, ()>,
}

impl Case {
    /// Tries the case on a log that nobody has written to.
    ///
    /// # Panics
    /// When the log does not keep its contract; the name of the case is in the message.
    pub async fn run(&self, log: Arc<dyn Log>) {
        // A task of its own catches the panic of an assertion, so that the case can be named.
        let outcome = tokio::spawn((self.run)(Given(log))).await;
        assert!(
            outcome.is_ok(),
            "the log breaks its contract: {}; the assertion is above",
            self.name
        );
    }
}

macro_rules! cases {
    ($($name:literal => $run:path),* $(,)?) => {
        vec![$(Case { name: $name, run: |given| Box::pin($run(given)) }),*]
    };
}

/// The cases that need no commit.
#[must_use]
pub fn facts() -> Vec<Case> {
    cases! {
        "a new log is empty" => append::a_new_log_is_empty,
        "positions have no gaps and keep each writer's order" => append::order,
        "stamps never fall" => append::stamps,
        "a collector's fact that comes twice is written once" => append::duplicates,
        "more than a thousand facts go in one append" => append::many,
        "every field of an event comes back" => append::envelopes,
        "kinds of other builds come back byte for byte" => append::unknown_kinds,
        "a body with NaN comes back byte for byte" => append::not_a_number,
        "a read begins where it is told and ends where the log ended" => read::ranges,
        "a filter gives what it would give of everything" => read::filters,
        "time is filtered by stamps" => read::times,
        "a follower gets what was there and what comes" => read::follow,
        "a follower goes on exactly where another stopped" => read::resume,
        "many followers at different speeds get the same" => read::speeds,
        "followers and readers miss nothing while appends run at full speed" => read::full_speed,
        "the ledger has policies and overrides, at their positions" => keep::ledger_of_facts,
    }
}

/// The cases that need commits and checkpoints.
#[must_use]
pub fn commits() -> Vec<Case> {
    cases! {
        "a commit is a head and its outputs, side by side" => commit::head_and_outputs,
        "a commit with another head than expected is a conflict and writes nothing" => commit::stale,
        "of two racing writers exactly one wins each round" => commit::races,
        "a commit whose ack was lost is a conflict, and the head shows whose it is" => commit::lost_ack,
        "single outputs go under the newest head, and under no other" => commit::under_a_head,
        "machines do not disturb each other" => commit::machines,
        "a batch holds 999 outputs and no more" => commit::batches,
        "a reader of a machine sees its heads" => commit::heads_are_read,
        "facts and commits meet in one order" => commit::mixed,
        "the newest checkpoint not past a position is found" => keep::checkpoints,
        "a checkpoint of several megabytes comes back" => keep::large_checkpoint,
        "the ledger has decisions and actuations, and no heads" => keep::ledger_of_outputs,
    }
}

/// Runs every case, each on a log of its own that `fresh` makes.
///
/// # Panics
/// When the log does not keep its contract.
pub async fn all(fresh: impl AsyncFn() -> Arc<dyn Log>) {
    for case in facts().into_iter().chain(commits()) {
        case.run(fresh().await).await;
    }
}

/// What must hold when a log forgets. `forget` makes it forget some of its first entries, and not all; it may append.
///
/// # Panics
/// When the log does not keep its contract.
pub async fn retention(log: Arc<dyn Log>, forget: impl AsyncFnOnce(Arc<dyn Log>)) {
    keep::retention(Given(log), forget).await;
}

/// Facts of no meaning, numbered, to fill a log with.
#[must_use]
pub fn filler(numbers: std::ops::Range<u64>) -> Vec<Record> {
    numbers
        .map(|number| given::observed("filler", &format!("filler {number}")))
        .collect()
}
