//! `from`: where a metric is read, and how often.

use super::{Check, DAY};
use crate::{MetricSource, Scope, path::Path, spec::Origin};
use headroom_model::Span;
use std::ops::RangeInclusive;

/// The source of readings that are sent to Headroom; it is always there.
pub const PUSH: &str = "push";
/// How often a source is asked unless the policy says so: the sync period of the HPA.
const INTERVAL: Span = Span::seconds(15);
/// From what a source can bear to what still is scaling.
const INTERVALS: RangeInclusive<Span> = Span(100)..=DAY;
/// Samples stay fresh for so many intervals unless the policy says for how long: two may be lost.
const FRESH_INTERVALS: u64 = 3;
/// And for so long in any case, for short intervals.
const FRESH_AT_LEAST: Span = Span::seconds(10);
/// The longest query, in bytes: a policy has to fit into a message of 1 MB with all its rules.
pub(crate) const LONGEST_QUERY: usize = 16_384;

impl Check<'_> {
    /// The source of `metric`, with defaults; pushed readings when there is no `from`.
    pub(super) fn origin(
        &mut self,
        at: &Path,
        metric: Option<(String, Scope)>,
        origin: Option<&Origin>,
    ) -> Option<MetricSource> {
        let pushed = Origin {
            source: Some(PUSH.to_owned()),
            ..Origin::default()
        };
        let origin = origin.unwrap_or(&pushed);
        let source = self.source(&at.field("source"), origin);
        let query = self.query(&at.field("query"), origin);
        let interval = self.span(&at.field("interval"), origin.interval.as_ref(), INTERVALS);
        let interval = interval.map(|given| given.unwrap_or(INTERVAL));
        let freshness = self.freshness(&at.field("freshness"), origin, interval);
        let (metric, scope) = metric?;
        Some(MetricSource {
            metric,
            scope,
            source: source?,
            query: query?,
            interval: interval?,
            freshness: freshness?,
        })
    }

    fn source(&mut self, at: &Path, origin: &Origin) -> Option<String> {
        let source = self.label(at, origin.source.as_deref())?;
        if let Some(known) = self.sources
            && source != PUSH
            && !known.contains(source)
        {
            let all = known.iter().map(String::as_str).chain([PUSH]);
            let all = all.collect::<Vec<_>>().join(", ");
            let what = format!("{source:?} is not a source of this installation");
            self.fault(at, what, format!("name one of {all}"));
            return None;
        }
        Some(source.to_owned())
    }

    /// The query; `Some(None)` when the metric's name is enough.
    fn query(&mut self, at: &Path, origin: &Origin) -> Option<Option<String>> {
        let Some(query) = &origin.query else {
            return Some(None);
        };
        if origin.source.as_deref() == Some(PUSH) {
            let what = "a pushed reading cannot be asked for";
            self.fault(at, what, "take the query out, or name another source");
        } else if query.trim().is_empty() {
            let mend = "write a query, or take the field out to ask for the metric by its name";
            self.fault(at, "is empty", mend);
        } else if query.len() > LONGEST_QUERY {
            let what = format!("has {} bytes", query.len());
            self.fault(at, what, format!("write at most {LONGEST_QUERY}"));
        } else {
            return Some(Some(query.clone()));
        }
        None
    }

    fn freshness(&mut self, at: &Path, origin: &Origin, interval: Option<Span>) -> Option<Span> {
        let freshness = self.span(at, origin.freshness.as_ref(), Span(1)..=DAY)?;
        let interval = interval?;
        let Some(freshness) = freshness else {
            let several = Span(interval.0.saturating_mul(FRESH_INTERVALS));
            return Some(several.max(FRESH_AT_LEAST));
        };
        if freshness < interval {
            let what = format!("{freshness} is shorter than the interval {interval}");
            let mend = "make it longer, or samples are too old before the next one comes";
            self.fault(at, what, mend);
            return None;
        }
        Some(freshness)
    }
}
