//! What is known of the demonstration at a moment.

use super::curve::{Curve, Phase};
use super::meter::Figures;
use headroom_model::body::{Decided, Decision, HoldReason};
use headroom_model::{Replicas, Seq};
use std::mem::{Discriminant, discriminant};
use std::time::Duration;

/// What is known at a moment.
#[derive(Clone, Debug)]
pub(crate) struct Scene {
    curve: Curve,
    /// The time since the load began.
    pub(crate) elapsed: Duration,
    /// What was measured, second by second.
    pub(crate) seconds: Vec<Second>,
    /// The count last decided.
    pub(crate) wanted: Replicas,
    /// Workers that answer now.
    pub(crate) ready: Replicas,
    /// The most that the policy allows.
    pub(crate) maximum: Replicas,
    /// The largest step up that was decided.
    pub(crate) largest: Option<StepUp>,
    /// Why the count was held since the last change, as far as that was said.
    held: Option<Discriminant<HoldReason>>,
}

/// What was measured in a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Second {
    /// The requests.
    pub(crate) figures: Figures,
    /// Workers that answered at its end.
    pub(crate) ready: Replicas,
}

/// A decision to scale up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StepUp {
    /// Where it stands in the log.
    pub(crate) seq: Seq,
    /// How many replicas it added.
    pub(crate) by: Replicas,
}

impl Scene {
    /// Nothing has happened yet.
    pub(crate) fn new(curve: Curve, maximum: Replicas) -> Self {
        Self {
            curve,
            elapsed: Duration::ZERO,
            seconds: Vec::new(),
            wanted: Replicas::ZERO,
            ready: Replicas::ZERO,
            maximum,
            largest: None,
            held: None,
        }
    }

    /// A second has passed.
    pub(crate) fn second(&mut self, elapsed: Duration, figures: Figures, ready: Replicas) {
        self.elapsed = elapsed;
        self.ready = ready;
        self.seconds.push(Second { figures, ready });
    }

    /// The planner has decided. Says whether that is worth a line: to hold for the same reason as before is not, nor that
    /// the count is what is wanted. The first worker is no answer to any load, so it does not count as a step up.
    pub(crate) fn decided(&mut self, seq: Seq, decided: &Decided) -> bool {
        match &decided.decision {
            Decision::Scale { from, to } => {
                self.wanted = *to;
                self.held = None;
                let by = to.saturating_sub(*from);
                let largest = self.largest.map_or(Replicas::ZERO, |largest| largest.by);
                if *from > Replicas::ZERO && by > largest {
                    self.largest = Some(StepUp { seq, by });
                }
                true
            }
            Decision::Hold {
                reason: HoldReason::AtDesired,
                ..
            } => false,
            Decision::Hold { reason, .. } => {
                let why = discriminant(reason);
                self.held.replace(why) != Some(why)
            }
        }
    }

    /// What the load is doing.
    pub(crate) fn phase(&self) -> Phase {
        self.curve.phase(self.elapsed)
    }

    /// How long the load takes.
    pub(crate) fn length(&self) -> Duration {
        self.curve.length()
    }

    /// Whether the load has come and gone, and so have the workers.
    pub(crate) fn settled(&self, minimum: Replicas) -> bool {
        self.phase() == Phase::Settling && self.wanted == minimum && self.ready == minimum
    }

    /// The most workers that answered at the end of a second.
    pub(crate) fn most_ready(&self) -> Replicas {
        self.seconds
            .iter()
            .map(|second| second.ready)
            .max()
            .unwrap_or_default()
    }

    /// The figures of the newest second.
    pub(crate) fn now(&self) -> Figures {
        self.seconds
            .last()
            .map_or_else(Figures::default, |second| second.figures)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::body::{Direction, Mode};

    fn decided(decision: Decision) -> Decided {
        Decided {
            revision: Seq(1),
            mode: Mode::Active,
            decision,
            wishes: Vec::new(),
            trail: Vec::new(),
        }
    }

    fn scale(from: u32, to: u32) -> Decided {
        decided(Decision::Scale {
            from: Replicas(from),
            to: Replicas(to),
        })
    }

    fn hold(reason: HoldReason) -> Decided {
        decided(Decision::Hold {
            at: Some(Replicas(2)),
            reason,
        })
    }

    #[test]
    fn the_largest_step_up_is_kept_and_the_first_worker_is_none() {
        let mut scene = Scene::new(Curve::new(Duration::from_secs(60)), Replicas(8));
        scene.decided(Seq(3), &scale(0, 1));
        assert_eq!((scene.wanted, scene.largest), (Replicas(1), None));
        for (seq, from, to) in [(5, 1, 3), (6, 3, 6), (7, 6, 8), (8, 8, 1), (9, 1, 4)] {
            scene.decided(Seq(seq), &scale(from, to));
        }
        assert_eq!(
            scene.largest,
            Some(StepUp {
                seq: Seq(6),
                by: Replicas(3)
            })
        );
        scene.decided(Seq(10), &hold(HoldReason::AtDesired));
        assert_eq!(scene.wanted, Replicas(4), "who holds wants nothing new");
    }

    #[test]
    fn a_hold_is_worth_a_line_when_its_reason_is_new() {
        let limited = |wanted| {
            hold(HoldReason::RateLimited {
                direction: Direction::Up,
                wanted: Replicas(wanted),
            })
        };
        let cases = [
            ("a change", scale(1, 2), true),
            ("the count is as wanted", hold(HoldReason::AtDesired), false),
            ("held back", limited(5), true),
            ("held back from another number", limited(6), false),
            ("another reason", hold(HoldReason::NoRecommendation), true),
            ("the first reason again", limited(6), true),
            ("a change in between", scale(2, 3), true),
            ("the same reason after it", limited(6), true),
        ];
        let mut scene = Scene::new(Curve::new(Duration::from_secs(60)), Replicas(8));
        for (name, decided, want) in cases {
            assert_eq!(scene.decided(Seq(1), &decided), want, "{name}");
        }
    }

    #[test]
    fn it_has_settled_when_load_and_workers_are_gone() {
        let mut scene = Scene::new(Curve::new(Duration::from_secs(60)), Replicas(8));
        let at = |scene: &mut Scene, seconds, ready| {
            scene.second(
                Duration::from_secs(seconds),
                Figures::default(),
                Replicas(ready),
            );
            scene.settled(Replicas(1))
        };
        scene.decided(Seq(3), &scale(0, 1));
        assert!(!at(&mut scene, 5, 1), "the surge is yet to come");
        assert!(at(&mut scene, 61, 1));
        assert!(!at(&mut scene, 62, 2), "a worker is left");
        scene.decided(Seq(4), &scale(1, 2));
        assert!(!at(&mut scene, 63, 1), "a worker is to come");
        assert_eq!(scene.most_ready(), Replicas(2));
    }
}
