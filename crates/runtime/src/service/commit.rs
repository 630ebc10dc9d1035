//! The one commit of a machine that is under way.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use headroom_log::{Commit, CommitError, Log, LogError, PlacedHead};
use headroom_model::machine::Proposal;
use headroom_model::{Seq, Service};
use std::time::{Duration, Instant};

/// What the log said to a commit.
pub(super) enum Answer {
    /// It begins there, and that took so long.
    Taken { at: Seq, took: Duration },
    /// Another head came first, or this very one did before: the newest.
    Refused { newest: Option<PlacedHead> },
    /// Nothing: it may be in the log or not.
    Nothing { reason: String },
    /// The log does not work with this process.
    Unusable(LogError),
}

/// The commit under way, if there is one.
pub(super) struct InFlight<'a>(Option<BoxFuture<'a, Answer>>);

impl<'a> InFlight<'a> {
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn is_idle(&self) -> bool {
        self.0.is_none()
    }

    /// Sends a commit after a pause. The same proposal may be sent again and again.
    pub(super) fn send(
        &mut self,
        log: &'a dyn Log,
        service: Service,
        proposal: &Proposal,
        pause: Duration,
    ) {
        let commit = Commit {
            expected: proposal.expected,
            head: proposal.head.clone(),
            outputs: proposal.outputs.clone(),
        };
        let sending = async move {
            tokio::time::sleep(pause).await;
            send(log, service, commit).await
        };
        self.0 = Some(sending.boxed());
    }

    /// Completes when the commit under way is answered; never while there is none.
    pub(super) async fn answer(&mut self) -> Answer {
        let Some(sending) = &mut self.0 else {
            return std::future::pending().await;
        };
        let answer = sending.await;
        self.0 = None;
        answer
    }
}

/// How long the answer to an output under a head is waited for. Its writer does not send it again but renews its head, and
/// must do so long before its lease ends.
const ONE_BY_ONE: Duration = Duration::from_secs(1);

/// Sends a commit once, and asks for the newest head if it is refused.
async fn send(log: &dyn Log, service: Service, commit: Commit) -> Answer {
    let begun = Instant::now();
    let single = commit.head.is_none();
    let committing = log.commit(commit);
    let answer = match single {
        true => tokio::time::timeout(ONE_BY_ONE, committing)
            .await
            .unwrap_or_else(|_| Err(CommitError::Unknown("no answer came in time".to_owned()))),
        false => committing.await,
    };
    match answer {
        Ok(committed) => Answer::Taken {
            at: committed.at,
            took: begun.elapsed(),
        },
        Err(CommitError::Conflict) => match log.head(service).await {
            Ok(newest) => Answer::Refused { newest },
            Err(error) => Answer::Unusable(error),
        },
        Err(CommitError::Log(error @ LogError::Refused(_))) => Answer::Unusable(error),
        Err(CommitError::Log(error)) => Answer::Nothing {
            reason: error.to_string(),
        },
        Err(CommitError::Unknown(reason)) => Answer::Nothing { reason },
    }
}
