//! `thresholds[]`: rules with a threshold.

use super::{Check, DAY, rules::Draft};
use crate::{
    Change, Crossed, Scope, Strategy,
    path::Path,
    spec::{ChangeSpec, Origin, Threshold},
};
use headroom_model::{Replicas, Span};
use std::collections::BTreeMap;

impl Check<'_> {
    /// A threshold rule; `origins` says where the metrics of `metrics[]` are read.
    pub(super) fn threshold(
        &mut self,
        at: &Path,
        threshold: &Threshold,
        origins: &BTreeMap<String, Origin>,
        bounds: Option<(Replicas, Replicas)>,
    ) -> Option<Draft> {
        let name = self.name(at, threshold.name.as_deref());
        let metric = self.text(&at.field("metric"), threshold.metric.as_deref());
        let origin = match &threshold.from {
            Some(origin) => Some(origin),
            None => metric.and_then(|metric| origins.get(metric)),
        };
        let named = metric.map(|metric| (metric.to_owned(), Scope::External));
        let source = self.origin(&at.field("from"), named, origin);
        let crossed = self.crossed(at, threshold);
        let held = Span::ZERO..=DAY;
        let hold_for = self.span(&at.field("for"), threshold.hold_for.as_ref(), held);
        let change_at = at.field("change");
        let change = self.required(&change_at, threshold.change.as_ref());
        let change = change.and_then(|change| self.change(&change_at, change, bounds));
        Some(Draft {
            at: at.clone(),
            name: name?,
            metric: source?,
            strategy: Strategy::Threshold {
                crossed: crossed?,
                hold_for: hold_for?.unwrap_or_default(),
                change: change?,
            },
        })
    }

    fn crossed(&mut self, at: &Path, threshold: &Threshold) -> Option<Crossed> {
        let what = match (&threshold.above, &threshold.below) {
            (Some(above), None) => {
                let above = self.quantity(&at.field("above"), above)?;
                return Some(Crossed::Above(above.to_f64()));
            }
            (None, Some(below)) => {
                let below = self.quantity(&at.field("below"), below)?;
                return Some(Crossed::Below(below.to_f64()));
            }
            (Some(_), Some(_)) => "above and below are both given",
            (None, None) => "above or below is missing",
        };
        let unread = ["above", "below"]
            .iter()
            .any(|side| self.is_blamed(&at.field(side)));
        if !unread {
            self.fault(
                at,
                what,
                "write one of them; a second threshold can have the other",
            );
        }
        None
    }

    fn change(
        &mut self,
        at: &Path,
        change: &ChangeSpec,
        bounds: Option<(Replicas, Replicas)>,
    ) -> Option<Change> {
        const MOST: i64 = i32::MAX as i64;
        let mend = "write exactly one of add, percent and to";
        match (change.add, change.percent, change.to) {
            (Some(add), None, None) => {
                let add = self.step(&at.field("add"), add, -MOST..=MOST)?;
                Some(Change::By(add))
            }
            (None, Some(percent), None) => {
                let percent = self.step(&at.field("percent"), percent, -100..=MOST)?;
                Some(Change::ByPercent(percent))
            }
            (None, None, Some(to)) => self.to(&at.field("to"), to, bounds).map(Change::To),
            (None, None, None) => {
                let unread = ["add", "percent", "to"]
                    .iter()
                    .any(|field| self.is_blamed(&at.field(field)));
                if !unread {
                    self.fault(at, "orders nothing", mend);
                }
                None
            }
            _ => {
                self.fault(at, "orders several things", mend);
                None
            }
        }
    }

    /// A change that is one.
    fn step(&mut self, at: &Path, value: i64, range: std::ops::RangeInclusive<i64>) -> Option<i32> {
        if value == 0 {
            let mend = "write how many more, or a negative number for fewer";
            self.fault(at, "0 changes nothing", mend);
            return None;
        }
        self.whole(at, value, range)
    }

    fn to(&mut self, at: &Path, to: i64, bounds: Option<(Replicas, Replicas)>) -> Option<Replicas> {
        let (min, max) = bounds?;
        if !(i64::from(min.0)..=i64::from(max.0)).contains(&to) {
            let what = format!("{to} is outside minReplicas {min} and maxReplicas {max}");
            self.fault(at, what, "write a count between them, or move a bound");
            return None;
        }
        u32::try_from(to).ok().map(Replicas)
    }
}
