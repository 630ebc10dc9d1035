//! The one commit of a machine that is under way.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use headroom_log::{Commit, CommitError, Log};
use headroom_model::Seq;
use headroom_model::machine::Proposal;
use std::time::{Duration, Instant};

type Answer = (Result<Seq, CommitError>, Duration);

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
    pub(super) fn send(&mut self, log: &'a dyn Log, proposal: &Proposal, pause: Duration) {
        let proposal = proposal.clone();
        let sending = async move {
            tokio::time::sleep(pause).await;
            let begun = Instant::now();
            (send(log, &proposal).await, begun.elapsed())
        };
        self.0 = Some(sending.boxed());
    }

    /// Completes when the commit under way is answered; never while there is none.
    pub(super) async fn result(&mut self) -> Answer {
        let Some(sending) = &mut self.0 else {
            return std::future::pending().await;
        };
        let answer = sending.await;
        self.0 = None;
        answer
    }
}

/// Sends a commit once.
pub(super) async fn send(log: &dyn Log, proposal: &Proposal) -> Result<Seq, CommitError> {
    let commit = Commit {
        expected: proposal.expected,
        head: proposal.head.clone(),
        outputs: proposal.outputs.clone(),
    };
    log.commit(commit).await.map(|committed| committed.at)
}
