//! Totals to a proposal: object and external metrics.
//!
//! Totals and their target values are thousandths like any [`Milli`], but may be finer than whole ones: the HPA rounds up
//! what a source gives, and a source that counts in smaller steps need not suffer that here.

use super::{Milli, Proposal, Tolerance, rounded_up};
use headroom_model::Replicas;

/// As many replicas as bring a value to its target, should it fall as their number grows. Only those that are ready share
/// it; `ready` is asked only when that matters.
///
/// # Errors
/// As `ready` says.
pub fn value<E>(
    value: f64,
    target: f64,
    tolerance: Tolerance,
    current: Replicas,
    ready: impl FnOnce() -> Result<Replicas, E>,
) -> Result<Proposal, E> {
    let ratio = value / target;
    let mut counted = current;
    let wanted = if current == Replicas::ZERO {
        rounded_up(ratio)
    } else if tolerance.holds(ratio) {
        None
    } else {
        counted = ready()?;
        rounded_up(ratio * f64::from(counted.0))
    };
    Ok(proposal(wanted, current, ratio, value, counted))
}

/// As many replicas as carry a total at `target` each. `current` is how many there are, not how many there should be.
/// From none the ratio is that of one replica, and never within the tolerance.
#[must_use]
pub fn average_of_total(
    total: f64,
    target: f64,
    tolerance: Tolerance,
    current: Replicas,
) -> Proposal {
    let count = f64::from(current.0.max(1));
    let ratio = total / (target * count);
    let stays = current > Replicas::ZERO && tolerance.holds(ratio);
    let wanted = rounded_up(total / target).filter(|_| !stays);
    proposal(wanted, current, ratio, (total / count).ceil(), current)
}

fn proposal(
    wanted: Option<Replicas>,
    current: Replicas,
    ratio: f64,
    measured: f64,
    counted: Replicas,
) -> Proposal {
    Proposal {
        replicas: wanted.unwrap_or(current),
        ratio,
        measured: Milli(measured as i64),
        utilization_percent: None,
        stays: wanted.is_none(),
        counted,
        assumed: 0,
    }
}
