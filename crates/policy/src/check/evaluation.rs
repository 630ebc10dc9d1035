//! `evaluation`, with the defaults of the HPA's controller written out.

use super::{Check, MOST_REPLICAS};
use crate::{
    Evaluation, RateAmount, Trigger,
    path::Path,
    spec::{EvaluationSpec, ScaleUpLimit, TriggerSpec},
};
use headroom_model::Span;

/// The evaluation period unless one is given (`--horizontal-pod-autoscaler-sync-period`).
pub(crate) const PERIOD: Span = Span::seconds(15);
/// The shortest evaluation period: the clock's tick.
const SHORTEST_PERIOD: Span = Span::seconds(1);
/// The longest evaluation period: as long as changes of the count are remembered for the rate policies.
const LONGEST_PERIOD: Span = Span::seconds(1800);
/// The longest of the other spans, as with the windows of `behavior`.
const LONGEST_SPAN: Span = Span::seconds(3600);
/// The window downwards unless one is given (`--horizontal-pod-autoscaler-downscale-stabilization`).
pub(crate) const DOWNSCALE_STABILIZATION: Span = Span::seconds(300);
/// `--horizontal-pod-autoscaler-cpu-initialization-period`
pub(crate) const CPU_INITIALIZATION_PERIOD: Span = Span::seconds(300);
/// `--horizontal-pod-autoscaler-initial-readiness-delay`
pub(crate) const INITIAL_READINESS_DELAY: Span = Span::seconds(30);
/// The brake of the HPA's controller, where it is a constant: twice the count, and four at least.
const SCALE_UP_FACTOR: f64 = 2.0;
const SCALE_UP_MINIMUM: u32 = 4;

/// What `evaluation` says; the window and the brake become part of the policy's [`Scaling`](crate::Scaling)s.
pub(crate) struct Checked {
    pub(super) evaluation: Evaluation,
    pub(super) downscale_stabilization: Span,
    pub(super) scale_up_limit: RateAmount,
}

impl Check<'_> {
    pub(crate) fn evaluation(
        &mut self,
        at: &Path,
        given: Option<&EvaluationSpec>,
    ) -> Option<Checked> {
        let none = EvaluationSpec::default();
        let given = given.unwrap_or(&none);
        let mut span = |name: &str, text, range, default| {
            let span = self.span(&at.field(name), text, range)?;
            Some(span.unwrap_or(default))
        };
        let upto = |longest| Span::ZERO..=longest;
        let period = span(
            "period",
            given.period.as_ref(),
            SHORTEST_PERIOD..=LONGEST_PERIOD,
            PERIOD,
        );
        let downscale_stabilization = span(
            "downscaleStabilization",
            given.downscale_stabilization.as_ref(),
            upto(LONGEST_SPAN),
            DOWNSCALE_STABILIZATION,
        );
        let cpu_initialization_period = span(
            "cpuInitializationPeriod",
            given.cpu_initialization_period.as_ref(),
            upto(LONGEST_SPAN),
            CPU_INITIALIZATION_PERIOD,
        );
        let initial_readiness_delay = span(
            "initialReadinessDelay",
            given.initial_readiness_delay.as_ref(),
            upto(LONGEST_SPAN),
            INITIAL_READINESS_DELAY,
        );
        let limit = given.scale_up_limit.as_ref();
        let scale_up_limit = self.scale_up_limit(&at.field("scaleUpLimit"), limit);
        Some(Checked {
            evaluation: Evaluation {
                period: period?,
                trigger: match given.trigger {
                    None | Some(TriggerSpec::OnArrival) => Trigger::OnArrival,
                    Some(TriggerSpec::Period) => Trigger::Period,
                },
                cpu_initialization_period: cpu_initialization_period?,
                initial_readiness_delay: initial_readiness_delay?,
            },
            downscale_stabilization: downscale_stabilization?,
            scale_up_limit: scale_up_limit?,
        })
    }

    fn scale_up_limit(&mut self, at: &Path, given: Option<&ScaleUpLimit>) -> Option<RateAmount> {
        let factor_at = at.field("factor");
        let factor = match given.and_then(|limit| limit.factor.as_ref()) {
            None => Some(SCALE_UP_FACTOR),
            Some(factor) => {
                let number = self.quantity(&factor_at, factor).map(|it| it.to_f64());
                if number.is_some_and(|number| number < 1.0) {
                    let what = format!("{} is below 1", factor.0);
                    let mend = "write how many times the count may grow in a period, such as 2";
                    self.fault(&factor_at, what, mend);
                }
                number.filter(|number| *number >= 1.0)
            }
        };
        let at_least = match given.and_then(|limit| limit.minimum) {
            None => Some(SCALE_UP_MINIMUM),
            Some(minimum) => self.whole(&at.field("minimum"), minimum, 1..=MOST_REPLICAS),
        };
        Some(RateAmount::Times {
            factor: factor?,
            at_least: at_least?,
        })
    }
}
