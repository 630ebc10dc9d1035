//! What a rule wants, and from which numbers.

use super::{long, number, percent, replicas, when};
use headroom_model::Timestamp;
use headroom_model::body::{Input, Quality, Recommendation, RuleReason, Unavailable};

/// What a rule said: `wants 9 replicas: the load is 2.25 times the target value of 4 replicas`.
#[must_use]
pub fn recommendation_line(recommendation: &Recommendation) -> String {
    match recommendation {
        Recommendation::Desired {
            replicas: wanted,
            reason,
        } => format!("wants {}: {}", replicas(*wanted), why(reason)),
        Recommendation::NoOpinion { reason } => format!("has no opinion: {}", why(reason)),
        Recommendation::Unavailable { cause } => format!("cannot say: {}", why_not(cause)),
    }
}

fn why(reason: &RuleReason) -> String {
    match reason {
        RuleReason::Proportional { ratio, counted } => format!(
            "the load is {} times what {} should carry",
            number(*ratio),
            replicas(*counted)
        ),
        RuleReason::WithinTolerance { ratio, tolerance } => format!(
            "the load is {} times the target value, within the tolerance of {}",
            number(*ratio),
            percent(*tolerance)
        ),
        RuleReason::MissingReplicas { missing } => {
            format!("{missing} replicas did not answer, and could turn the direction")
        }
        RuleReason::ThresholdHeld { held } => {
            format!("the threshold has been crossed for {}", long(*held))
        }
        RuleReason::ThresholdOrdered => {
            "the threshold fired, and the change that it ordered is not finished or cools down"
                .to_owned()
        }
        RuleReason::ThresholdWaiting { until } => format!(
            "the threshold is crossed, and will have been long enough at {}",
            when(*until)
        ),
        RuleReason::ThresholdQuiet => "the threshold is not crossed".to_owned(),
    }
}

fn why_not(cause: &Unavailable) -> String {
    match cause {
        Unavailable::NoSample => "nothing was ever read".to_owned(),
        Unavailable::Missing => "the source has no such series".to_owned(),
        Unavailable::Stale { since } => format!(
            "the last good sample, of {}, is older than its freshness limit",
            when(*since)
        ),
        Unavailable::Failed => "the source failed".to_owned(),
        Unavailable::NotANumber => "the value is no number".to_owned(),
        Unavailable::Skewed => "the sample claims to be from the future".to_owned(),
        Unavailable::Late => "the sample was too old when it came".to_owned(),
        Unavailable::CurrentUnknown => "how many replicas the target has is not known".to_owned(),
        Unavailable::NoReplicas => "the target has no replicas to measure".to_owned(),
        Unavailable::NoSuchSamples => {
            "no replica that counts gave a sample; they may not be ready yet".to_owned()
        }
        Unavailable::StrangeSamples => "no sample is of a replica of this target".to_owned(),
        Unavailable::NotPerReplica => {
            "the reading is one number for the whole target, and the rule needs one for each replica".to_owned()
        }
        Unavailable::MissingRequest { replica, container } if container.is_empty() => {
            format!("what replica {replica} requests is not known")
        }
        Unavailable::MissingRequest { replica, container } => {
            format!("container {container} of replica {replica} requests nothing")
        }
        Unavailable::NoSuchContainer { replica, container } => {
            format!("replica {replica} has no container {container}")
        }
        Unavailable::UnknownType => "this build does not know metrics of its type".to_owned(),
    }
}

/// One value that a rule looked at: `load = 90 against 10, fresh, 1.2s old`.
#[must_use]
pub fn input_line(input: &Input, looked_at: Timestamp) -> String {
    format!(
        "{} = {} against {}, {}, {} old",
        input.metric,
        metric_value(input.value),
        metric_value(input.against),
        quality_word(input.quality),
        long(looked_at.since(input.at)),
    )
}

/// A metric's value; `no number` for NaN.
#[must_use]
pub fn metric_value(value: f64) -> String {
    match value.is_nan() {
        true => "no number".to_owned(),
        false => number(value),
    }
}

/// How good a sample is, in a word or two.
#[must_use]
pub fn quality_word(quality: Quality) -> &'static str {
    match quality {
        Quality::Fresh => "fresh",
        Quality::Stale => "stale",
        Quality::Late => "late",
        Quality::Skewed => "from the future",
        Quality::NotANumber => "not a number",
        Quality::Missing => "missing",
        Quality::Failed => "failed",
    }
}
