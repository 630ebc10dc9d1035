//! `behavior`, with the defaults of autoscaling/v2 written out, and what holds where there is none.

use super::{Check, evaluation::Checked};
use crate::{
    RateAmount, RatePolicy, Scaling, Select,
    path::Path,
    spec::{Amount, Behavior, RateType, ScalingRate, ScalingRules, SelectPolicy},
};
use headroom_model::Span;

/// The dead band in both directions unless one is given (autoscaling/v2, `tolerance`).
pub(crate) const TOLERANCE: f64 = 0.1;
/// The longest window that autoscaling/v2 takes, in seconds.
pub(crate) const LONGEST_WINDOW: i64 = 3600;
/// The longest period that autoscaling/v2 takes, in seconds.
pub(crate) const LONGEST_PERIOD: i64 = 1800;
/// The period of the policies that hold unless some are given.
const PERIOD: Span = Span::seconds(15);

impl Check<'_> {
    /// Upwards: no window, and per 15 s the larger of 4 replicas and 100 %. Without `behavior` the brake of `evaluation`.
    pub(super) fn scale_up(
        &mut self,
        at: &Path,
        behavior: Option<&Behavior>,
        evaluation: Option<&Checked>,
    ) -> Option<Scaling> {
        let Some(behavior) = behavior else {
            let checked = evaluation?;
            return Some(Scaling {
                stabilization_window: Span::ZERO,
                select: Select::Max,
                policies: vec![rate(checked.scale_up_limit, checked.evaluation.period)],
            });
        };
        let default = Scaling {
            stabilization_window: Span::ZERO,
            select: Select::Max,
            policies: vec![
                rate(RateAmount::Pods(4), PERIOD),
                rate(RateAmount::Percent(100), PERIOD),
            ],
        };
        let at = at.field("behavior").field("scaleUp");
        self.scaling(&at, behavior.scale_up.as_ref(), default)
    }

    /// Downwards: the window of `evaluation`, and per 15 s 100 %. Without `behavior` no rate at all.
    pub(super) fn scale_down(
        &mut self,
        at: &Path,
        behavior: Option<&Behavior>,
        evaluation: Option<&Checked>,
    ) -> Option<Scaling> {
        // A window that is wrong has been said; another one stands in, so that what follows is checked too.
        let window = evaluation.map_or(Span::ZERO, |checked| checked.downscale_stabilization);
        let default = |policies| Scaling {
            stabilization_window: window,
            select: Select::Max,
            policies,
        };
        let Some(behavior) = behavior else {
            return Some(default(Vec::new()));
        };
        let at = at.field("behavior").field("scaleDown");
        let usual = default(vec![rate(RateAmount::Percent(100), PERIOD)]);
        self.scaling(&at, behavior.scale_down.as_ref(), usual)
    }

    /// What is given, and the default for the rest. An empty list gives no policies, so the defaults hold.
    fn scaling(
        &mut self,
        at: &Path,
        rules: Option<&ScalingRules>,
        default: Scaling,
    ) -> Option<Scaling> {
        let Some(rules) = rules else {
            return Some(default);
        };
        let window_at = at.field("stabilizationWindowSeconds");
        let window = match rules.stabilization_window_seconds {
            None => Some(default.stabilization_window),
            Some(seconds) => self
                .whole(&window_at, seconds, 0..=LONGEST_WINDOW)
                .map(Span::seconds),
        };
        let select = rules.select_policy.map_or(default.select, select);
        let policies_at = at.field("policies");
        let policies = match rules.policies.as_deref() {
            None | Some([]) => Some(default.policies),
            Some(rates) => self.rates(&policies_at, rates),
        };
        Some(Scaling {
            stabilization_window: window?,
            select,
            policies: policies?,
        })
    }

    fn rates(&mut self, at: &Path, rates: &[ScalingRate]) -> Option<Vec<RatePolicy>> {
        let checked: Vec<_> = rates
            .iter()
            .enumerate()
            .map(|(index, rate)| self.rate(&at.index(index), rate))
            .collect();
        checked.into_iter().collect()
    }

    fn rate(&mut self, at: &Path, given: &ScalingRate) -> Option<RatePolicy> {
        let (type_at, value_at, period_at) = (
            at.field("type"),
            at.field("value"),
            at.field("periodSeconds"),
        );
        let rate_type = self.required(&type_at, given.rate_type);
        let value = self.required(&value_at, given.value);
        let value = value.and_then(|value| self.whole(&value_at, value, 1..=i64::from(i32::MAX)));
        let period = self.required(&period_at, given.period_seconds);
        let period = period.and_then(|period| self.whole(&period_at, period, 1..=LONGEST_PERIOD));
        let amount = match rate_type? {
            RateType::Pods => RateAmount::Pods(value?),
            RateType::Percent => RateAmount::Percent(value?),
        };
        Some(rate(amount, Span::seconds(period?)))
    }

    /// The dead bands up and down of `behavior`.
    pub(super) fn tolerances(
        &mut self,
        at: &Path,
        behavior: Option<&Behavior>,
    ) -> Option<(f64, f64)> {
        let at = at.field("behavior");
        let up = behavior.and_then(|behavior| behavior.scale_up.as_ref()?.tolerance.as_ref());
        let down = behavior.and_then(|behavior| behavior.scale_down.as_ref()?.tolerance.as_ref());
        let up = self.tolerance(&at.field("scaleUp").field("tolerance"), up);
        let down = self.tolerance(&at.field("scaleDown").field("tolerance"), down);
        Some((up?.unwrap_or(TOLERANCE), down?.unwrap_or(TOLERANCE)))
    }

    /// A ratio; `Some(None)` when it is absent.
    pub(crate) fn tolerance(&mut self, at: &Path, given: Option<&Amount>) -> Option<Option<f64>> {
        let Some(given) = given else {
            return Some(None);
        };
        let tolerance = self.quantity(at, given)?.to_f64();
        if !(0.0..=1.0).contains(&tolerance) {
            let what = format!("{} is not a ratio from 0 to 1", given.0);
            self.fault(at, what, "write 0.1 for 10 %");
            return None;
        }
        Some(Some(tolerance))
    }
}

fn rate(amount: RateAmount, period: Span) -> RatePolicy {
    RatePolicy { amount, period }
}

fn select(given: SelectPolicy) -> Select {
    match given {
        SelectPolicy::Max => Select::Max,
        SelectPolicy::Min => Select::Min,
        SelectPolicy::Disabled => Select::Disabled,
    }
}
