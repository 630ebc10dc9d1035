//! What a run is made of.

use headroom_model::Span;

/// What a run is made of. The same scenario gives the same log, byte for byte.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Everything that is left to chance comes from this.
    pub seed: u64,
    /// How long faults happen.
    pub duration: Span,
    /// How long none happen afterwards.
    pub rest: Span,
    /// How many workloads there are.
    pub workloads: usize,
    /// How many instances of each machine run side by side.
    pub instances: usize,
    /// Whether machines commit a few outputs one by one, as where a batch costs much more than a message.
    pub one_by_one: bool,
    /// Which faults happen.
    pub faults: Faults,
}

impl Scenario {
    /// A scenario in which the seed also chooses the number of workloads, instances and the faults.
    #[must_use]
    pub fn from_seed(seed: u64) -> Self {
        let mut dice = fastrand::Rng::with_seed(seed);
        Self {
            seed,
            duration: Span::seconds(dice.u64(60..300)),
            rest: Span::seconds(900),
            workloads: dice.usize(1..4),
            instances: dice.usize(1..3),
            one_by_one: seed.is_multiple_of(2),
            faults: Faults {
                crash: if dice.bool() { dice.f64() * 0.02 } else { 0.0 },
                pause: if dice.bool() { dice.f64() * 0.01 } else { 0.0 },
                lost_ack: dice.f64() * 0.2,
                lost_commit: dice.f64() * 0.2,
                repeat: dice.f64() * 0.1,
                lag: Span(dice.u64(0..3000)),
                outage: if dice.u8(0..4) == 0 { 0.002 } else { 0.0 },
                bad_samples: dice.f64() * 0.3,
                failing_target: dice.f64() * 0.3,
                drift: if dice.bool() { 0.002 } else { 0.0 },
                operator: dice.f64() * 0.02,
            },
        }
    }
}

/// How likely each fault is, per step of about 0.1 s unless said otherwise.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Faults {
    /// An instance dies and comes back.
    pub crash: f64,
    /// An instance stands still, as under SIGSTOP, and goes on.
    pub pause: f64,
    /// The answer to a commit is lost; per commit.
    pub lost_ack: f64,
    /// A commit is lost on its way; per commit.
    pub lost_commit: f64,
    /// An entry is delivered again; per delivery.
    pub repeat: f64,
    /// The most that reading lags behind.
    pub lag: Span,
    /// The log is out of reach for a while.
    pub outage: f64,
    /// A sample is NaN, missing or a failure; per sample.
    pub bad_samples: f64,
    /// An order fails; per order.
    pub failing_target: f64,
    /// Someone else changes a count.
    pub drift: f64,
    /// A person changes a policy or an override.
    pub operator: f64,
}
