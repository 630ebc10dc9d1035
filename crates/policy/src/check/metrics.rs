//! `metrics[]`: proportional rules.

use super::{Check, rules::Draft};
use crate::{
    Strategy, TargetValue,
    path::Path,
    spec::{Amount, External, Metric, MetricType, Target, TargetType},
};

impl Check<'_> {
    /// A proportional rule; `tolerances` up and down are those of `behavior`.
    pub(super) fn metric(
        &mut self,
        at: &Path,
        metric: &Metric,
        tolerances: Option<(f64, f64)>,
    ) -> Option<Draft> {
        let name = self.name(at, metric.name.as_deref());
        let external = self.external(at, metric)?;
        let external_at = at.field("external");
        let target_at = external_at.field("target");
        let target = self.required(&target_at, external.target.as_ref());
        let target = target.and_then(|target| self.target_value(&target_at, target));
        let metric_at = external_at.field("metric");
        let identity = self.required(&metric_at, external.metric.as_ref());
        let identity = identity.and_then(|metric| self.identity(&metric_at, metric));
        let source = self.origin(&at.field("from"), identity, metric.from.as_ref());
        let tolerance = self.tolerance(&at.field("tolerance"), metric.tolerance.as_ref())?;
        let (tolerance_up, tolerance_down) = match tolerance {
            Some(both) => (both, both),
            None => tolerances?,
        };
        Some(Draft {
            at: at.clone(),
            name: name?,
            metric: source?,
            strategy: Strategy::Proportional {
                target: target?,
                tolerance_up,
                tolerance_down,
            },
        })
    }

    /// The one metric that is given, if it is of a type that is supported.
    fn external<'m>(&mut self, at: &Path, metric: &'m Metric) -> Option<&'m External> {
        let type_at = at.field("type");
        let metric_type = self.required(&type_at, metric.metric_type)?;
        if metric_type != MetricType::External {
            let what = format!("{metric_type:?} metrics are not supported yet");
            let mend = "use type External, with from naming a source that has the number";
            self.fault(&type_at, what, mend);
            return None;
        }
        let others = [
            ("resource", metric.resource.is_some()),
            ("containerResource", metric.container_resource.is_some()),
            ("pods", metric.pods.is_some()),
            ("object", metric.object.is_some()),
        ];
        for (field, _) in others.into_iter().filter(|(_, given)| *given) {
            let what = "does not belong to a metric of type External";
            self.fault(&at.field(field), what, "take it out");
        }
        self.required(&at.field("external"), metric.external.as_ref())
    }

    fn target_value(&mut self, at: &Path, target: &Target) -> Option<TargetValue> {
        let utilization = target.average_utilization.is_some()
            || target.target_type == Some(TargetType::Utilization);
        let mend = "write one of averageValue and value";
        if utilization {
            self.fault(at, "an external metric has no utilization", mend);
            return None;
        }
        let (value, target_type) = match (&target.average_value, &target.value) {
            (Some(_), Some(_)) => {
                self.fault(at, "averageValue and value are both given", mend);
                return None;
            }
            (None, None) => {
                self.fault(at, "averageValue or value is missing", mend);
                return None;
            }
            (Some(_), None) => ("averageValue", TargetType::AverageValue),
            (None, Some(_)) => ("value", TargetType::Value),
        };
        if let Some(given) = target.target_type
            && given != target_type
        {
            let what = format!("{given:?} does not go with {value}");
            self.fault(&at.field("type"), what, format!("write {target_type:?}"));
            return None;
        }
        let amount = target.average_value.as_ref().or(target.value.as_ref())?;
        let number = self.above_zero(&at.field(value), amount)?;
        Some(match target_type {
            TargetType::AverageValue => TargetValue::AverageValue(number),
            _ => TargetValue::Value(number),
        })
    }

    /// A target value, in thousandths as the HPA reads it.
    fn above_zero(&mut self, at: &Path, amount: &Amount) -> Option<f64> {
        let number = self.quantity(at, amount)?.up_to_milli().to_f64();
        if number <= 0.0 {
            let what = format!("{} is not above zero", amount.0);
            self.fault(
                at,
                what,
                "write what one replica, or all of them, should carry",
            );
            return None;
        }
        Some(number)
    }
}
