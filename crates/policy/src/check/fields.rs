//! Checks that many fields share.

use super::Check;
use crate::{
    duration,
    path::Path,
    quantity::Quantity,
    spec::{Amount, Duration},
};
use headroom_model::{NameError, Span, WorkloadId};
use std::ops::RangeInclusive;

/// The longest name, as Kubernetes has it.
pub(crate) const LONGEST_NAME: usize = 253;

impl Check<'_> {
    /// The value of a field that must be there.
    pub(super) fn required<T>(&mut self, at: &Path, value: Option<T>) -> Option<T> {
        if value.is_none() {
            self.fault(at, "is missing", "add it");
        }
        value
    }

    /// A whole number within its range.
    pub(super) fn whole<T: TryFrom<i64>>(
        &mut self,
        at: &Path,
        value: i64,
        range: RangeInclusive<i64>,
    ) -> Option<T> {
        if range.contains(&value) {
            return T::try_from(value).ok();
        }
        let (first, last) = range.into_inner();
        let inside = format!("write a number from {first} to {last}");
        self.fault(at, format!("{value} is out of range"), inside);
        None
    }

    /// A quantity. The parser's own words hold what is wrong and how to mend it.
    pub(super) fn quantity(&mut self, at: &Path, amount: &Amount) -> Option<Quantity> {
        self.parsed(at, Quantity::parse(&amount.0))
    }

    /// A duration within its range; `Some(None)` when it is absent.
    pub(super) fn span(
        &mut self,
        at: &Path,
        text: Option<&Duration>,
        range: RangeInclusive<Span>,
    ) -> Option<Option<Span>> {
        let Some(text) = text else {
            return Some(None);
        };
        let span = self.parsed(at, duration::parse(&text.0))?;
        if !range.contains(&span) {
            let (first, last) = range.into_inner();
            let inside = format!("write a duration from {first} to {last}");
            self.fault(at, format!("{span} is out of range"), inside);
            return None;
        }
        Some(Some(span))
    }

    /// What a parser made of a text; its errors are `what; mend`.
    fn parsed<T, E: ToString>(&mut self, at: &Path, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                let words = error.to_string();
                let (what, mend) = words.split_once("; ").unwrap_or((&words, ""));
                self.fault(at, what, mend);
                None
            }
        }
    }

    /// A required name of something outside: a [`Check::text`] without spaces.
    pub(super) fn label<'t>(&mut self, at: &Path, text: Option<&'t str>) -> Option<&'t str> {
        let text = self.text(at, text)?;
        if let Some(bad) = text.chars().find(|c| c.is_whitespace()) {
            self.fault(at, format!("{text:?} contains {bad:?}"), "take it out");
            return None;
        }
        Some(text)
    }

    /// A required short text: 1 to 253 characters, none of them a control character.
    pub(super) fn text<'t>(&mut self, at: &Path, text: Option<&'t str>) -> Option<&'t str> {
        let text = self.required(at, text)?;
        let length = text.chars().count();
        if !(1..=LONGEST_NAME).contains(&length) {
            let mend = format!("write 1 to {LONGEST_NAME} characters");
            self.fault(at, format!("has {length} characters"), mend);
        } else if let Some(bad) = text.chars().find(|c| c.is_control()) {
            self.fault(at, format!("{text:?} contains {bad:?}"), "take it out");
        } else {
            return Some(text);
        }
        None
    }

    /// Whether a part of a workload's name can be one.
    pub(super) fn workload_name(&mut self, at: &Path, part: &str) -> bool {
        let what = match WorkloadId::new(part, part) {
            Ok(_) => return true,
            Err(NameError::Length(_, length)) => format!("has {length} characters"),
            Err(NameError::Character(name, bad)) => format!("{name:?} contains {bad:?}"),
            Err(error @ NameError::NoNamespace(_)) => error.to_string(),
        };
        let mend = "write 1 to 253 lower-case letters, digits, '-' and '.', a letter or digit first and last";
        self.fault(at, what, mend);
        false
    }
}
