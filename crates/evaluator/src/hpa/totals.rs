//! Totals to a proposal: object and external metrics.

use super::{Failure, Milli, Proposal, Tolerance, rounded_up};
use headroom_model::Replicas;

/// As many replicas as bring a value to its target, should it fall as their number grows. Only those that are ready share
/// it; `ready` is asked only when that matters.
///
/// # Errors
/// As `ready` says.
pub fn value(
    value: Milli,
    target: Milli,
    tolerance: Tolerance,
    current: Replicas,
    ready: impl FnOnce() -> Result<Replicas, Failure>,
) -> Result<Proposal, Failure> {
    let ratio = value.0 as f64 / target.0 as f64;
    let replicas = if current == Replicas::ZERO {
        Some(rounded_up(ratio))
    } else if tolerance.holds(ratio) {
        None
    } else {
        Some(rounded_up(ratio * f64::from(ready()?.0)))
    };
    Ok(Proposal {
        replicas: replicas.unwrap_or(current),
        ratio,
        measured: value,
        utilization_percent: None,
        stays: replicas.is_none(),
    })
}

/// As many replicas as carry a total at `target` each. `current` is how many there are, not how many there should be.
#[must_use]
pub fn average_of_total(
    total: Milli,
    target: Milli,
    tolerance: Tolerance,
    current: Replicas,
) -> Proposal {
    let (total_value, target, count) = (total.0 as f64, target.0 as f64, f64::from(current.0));
    let ratio = total_value / (target * count);
    let wanted = (!tolerance.holds(ratio)).then(|| rounded_up(total_value / target));
    Proposal {
        replicas: wanted.unwrap_or(current),
        ratio,
        measured: Milli((total_value / count).ceil() as i64),
        utilization_percent: None,
        stays: wanted.is_none(),
    }
}
