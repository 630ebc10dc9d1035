//! How a machine is left: take up nothing more, see to its end what has begun, take a checkpoint, give the machine up.

use super::Hands;
use super::attend::UnderWay;
use crate::identity::steady_clock;
use headroom_model::Machine;
use headroom_model::machine::Live;
use std::time::Duration;
use tokio::time::Instant;

/// How long the machine's own part of leaving may take, after the grace of its hands.
pub(super) const LEAVE: Duration = Duration::from_secs(5);
/// How long of that the checkpoint may take to save. Without it a successor only folds more.
const SAVE: Duration = Duration::from_secs(3);

/// A machine that is being left.
pub(super) struct Leaving {
    /// Whether the machine is, or may be, this instance's to give up.
    ours: bool,
    /// The end of the hands' grace.
    grace_until: Instant,
    step: Step,
}

/// What is waited for.
#[derive(Clone, Copy)]
enum Step {
    /// What was answered is in the log, and what was begun has ended.
    Finish,
    /// A checkpoint is in the log's keeping, or it is too late for that.
    Checkpoint { until: Instant },
    /// Nothing but the ack.
    Release,
}

impl Leaving {
    pub(super) fn begin<M: Machine>(live: &Live<M>, hands: &mut impl Hands<M>) -> Self {
        hands.finish();
        Self {
            ours: live.leading() || live.in_flight().is_some(),
            grace_until: Instant::now() + hands.grace(),
            step: Step::Finish,
        }
    }

    /// Whether entries are still read: nothing new is taken up, but an output without an ack is looked for.
    pub(super) fn reads<M: Machine>(live: &Live<M>) -> bool {
        live.in_flight().is_none() && !live.settled()
    }

    /// Does what can be done now. `true` when nothing is left to do.
    pub(super) async fn go_on<M: Machine>(
        &mut self,
        live: &mut Live<M>,
        hands: &mut impl Hands<M>,
        under_way: &mut UnderWay<'_>,
    ) -> bool {
        let finished = self.have_finished(hands).await;
        if !under_way.commit.is_idle() {
            return false;
        }
        if matches!(self.step, Step::Release) {
            return true;
        }
        if self.ours && live.next_commit(steady_clock()).is_some() {
            under_way.send(live, Duration::ZERO);
            return false;
        }
        self.ours &= live.leading();
        if !self.ours {
            return finished; // another instance has the machine
        }
        match self.step {
            Step::Finish if finished && live.settled() => {
                under_way.checkpoint(live);
                let until = Instant::now() + SAVE;
                self.step = Step::Checkpoint { until };
            }
            Step::Checkpoint { until } if under_way.saving.is_idle() || Instant::now() >= until => {
                self.release(live, under_way);
            }
            _ => {}
        }
        false
    }

    fn release<M: Machine>(&mut self, live: &mut Live<M>, under_way: &mut UnderWay<'_>) {
        if live.release(steady_clock()).is_some() {
            under_way.send(live, Duration::ZERO);
            self.step = Step::Release;
        }
    }

    /// Whether the hands have finished. Once their grace is over, they let go.
    async fn have_finished<M: Machine>(&self, hands: &mut impl Hands<M>) -> bool {
        if hands.finished() {
            return true;
        }
        let late = Instant::now() >= self.grace_until;
        if late {
            hands.let_go().await;
        }
        late
    }
}
