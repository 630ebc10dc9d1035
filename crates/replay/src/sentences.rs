//! Reasons, steps and outcomes as sentences. They are data everywhere else; here alone they become words.

mod decision;
mod rule;
mod world;

pub use decision::{decision_line, hold_reason, mode_prefix, step_line};
pub use rule::{input_line, metric_value, quality_word, recommendation_line};
pub use world::{event_line, outcome_line, override_line};

use headroom_model::body::Direction;
use headroom_model::{Replicas, Span, Timestamp};

/// `2026-11-22T10:04:05.123Z`.
pub(crate) fn when(at: Timestamp) -> String {
    crate::moment::rfc3339(at)
}

/// `1 replica`, `5 replicas`.
pub(crate) fn replicas(count: Replicas) -> String {
    counted(count.0 as usize, "replica")
}

/// `1 rule`, `5 rules`.
#[must_use]
pub fn counted(count: usize, thing: &str) -> String {
    match count {
        1 => format!("1 {thing}"),
        count => format!("{count} {thing}s"),
    }
}

/// `up` or `down`.
pub(crate) fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "up",
        Direction::Down => "down",
    }
}

/// `more` or `fewer`.
pub(crate) fn more_or_fewer(direction: Direction) -> &'static str {
    match direction {
        Direction::Up => "more",
        Direction::Down => "fewer",
    }
}

/// `a`, `a and b`, `a, b and c`.
pub(crate) fn list(names: &[String]) -> String {
    match names {
        [] => "none".to_owned(),
        [only] => only.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// `until …` or, without an end, what ends it.
pub(crate) fn until(at: Option<Timestamp>, otherwise: &str) -> String {
    at.map_or_else(|| otherwise.to_owned(), |at| format!("until {}", when(at)))
}

/// A number as people write it: at most three decimals, and none for nothing.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    match text {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// `10 %` of 0.1.
pub(crate) fn percent(ratio: f64) -> String {
    format!("{} %", number(ratio * 100.0))
}

pub(crate) fn long(span: Span) -> String {
    crate::moment::roughly(span)
}
