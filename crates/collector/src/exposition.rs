//! The text formats in which programs show their metrics: Prometheus 0.0.4 and OpenMetrics 1.0.
//!
//! Only samples are read: what stands in comments (types, units, help) and exemplars does not matter to a sum. One line
//! that cannot be read spoils the whole text, as it does for Prometheus, since a sum over the rest would be too low.

use crate::scan::{Scanner, number};
use headroom_model::Timestamp;
use std::borrow::Cow;
use thiserror::Error;

/// Which of the two formats a text is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus 0.0.4: timestamps in milliseconds, and no mark at the end.
    Prometheus,
    /// OpenMetrics 1.0: timestamps in seconds, and `# EOF` at the end.
    OpenMetrics,
}

impl Format {
    /// The format that an HTTP `Content-Type` names; Prometheus when there is none or another.
    #[must_use]
    pub fn of(content_type: Option<&str>) -> Self {
        let media = content_type.unwrap_or_default().split(';').next();
        match media.map(str::trim) {
            Some(media) if media.eq_ignore_ascii_case("application/openmetrics-text") => {
                Self::OpenMetrics
            }
            _ => Self::Prometheus,
        }
    }
}

/// One sample.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The name, with the suffix of its kind: `_total`, `_count`, `_bucket`.
    pub name: &'a str,
    /// The labels, in the order of the text.
    pub labels: Vec<(&'a str, Cow<'a, str>)>,
    /// The value as it came: NaN and infinities too.
    pub value: f64,
    /// When it was so, if the text says.
    pub at: Option<Timestamp>,
}

impl Sample<'_> {
    /// The value of a label; empty when there is none, which means the same.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels
            .iter()
            .find(|(label, _)| *label == name)
            .map_or("", |(_, value)| value)
    }
}

/// A text that is in neither format.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum ExpositionError {
    /// A line cannot be read.
    #[error("line {line}: {problem}")]
    Line {
        /// The number of the line, from 1.
        line: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// OpenMetrics ends with a mark, and it is not there.
    #[error("the text does not end with `# EOF`, so a part of it is missing")]
    Truncated,
}

/// Reads every sample of a text, in order.
///
/// # Errors
/// Names the first line that cannot be read.
pub fn samples(text: &str, format: Format) -> Result<Vec<Sample<'_>>, ExpositionError> {
    let mut samples = Vec::new();
    let mut ended = false;
    for (index, line) in text.lines().enumerate() {
        let at_line = |problem| ExpositionError::Line {
            line: index + 1,
            problem,
        };
        let line = line.trim_matches([' ', '\t', '\r']);
        if ended && !line.is_empty() {
            return Err(at_line("there is more after `# EOF`"));
        }
        if format == Format::OpenMetrics && line == "# EOF" {
            ended = true;
        } else if !(line.is_empty() || line.starts_with('#')) {
            samples.push(sample(line, format).map_err(at_line)?);
        }
    }
    if format == Format::OpenMetrics && !ended {
        return Err(ExpositionError::Truncated);
    }
    Ok(samples)
}

fn sample(line: &str, format: Format) -> Result<Sample<'_>, &'static str> {
    let mut scan = Scanner::new(line);
    let name = scan.name(true).ok_or("a sample begins with its name")?;
    scan.blanks();
    let labels = if scan.eat("{") {
        labels(&mut scan)?
    } else {
        Vec::new()
    };
    scan.blanks();
    let value = number(scan.word()).ok_or("the value is no number")?;
    scan.blanks();
    let at = if scan.is_done() || scan.rest().starts_with('#') {
        None
    } else {
        Some(timestamp(scan.word(), format).ok_or("the timestamp is no number")?)
    };
    scan.blanks();
    let exemplar = format == Format::OpenMetrics && scan.rest().starts_with('#');
    if !scan.is_done() && !exemplar {
        return Err("there is more after the value and its timestamp");
    }
    Ok(Sample {
        name,
        labels,
        value,
        at,
    })
}

/// The labels after `{`, up to and with `}`. A comma may stand after the last.
fn labels<'a>(scan: &mut Scanner<'a>) -> Result<Vec<(&'a str, Cow<'a, str>)>, &'static str> {
    let mut labels = Vec::new();
    loop {
        scan.blanks();
        if scan.eat("}") {
            return Ok(labels);
        }
        let name = scan.name(false).ok_or("a label begins with its name")?;
        scan.blanks();
        if !scan.eat("=") {
            return Err("`=` is missing after the name of a label");
        }
        scan.blanks();
        let value = scan
            .quoted()
            .ok_or("the value of a label is not in double quotes")?;
        labels.push((name, value));
        scan.blanks();
        if !scan.eat(",") && !scan.rest().starts_with('}') {
            return Err("`,` or `}` is missing after a label");
        }
    }
}

fn timestamp(text: &str, format: Format) -> Option<Timestamp> {
    match format {
        Format::Prometheus => text.parse().ok().map(Timestamp),
        Format::OpenMetrics => seconds(number(text)?),
    }
}

/// Seconds since the Unix epoch, rounded to milliseconds; `None` when they are not finite.
pub(crate) fn seconds(seconds: f64) -> Option<Timestamp> {
    let millis = (seconds * 1000.0).round();
    // The cast saturates: a moment beyond the range of milliseconds becomes the nearest one that there is.
    millis.is_finite().then_some(Timestamp(millis as i64))
}

#[cfg(test)]
mod tests;
