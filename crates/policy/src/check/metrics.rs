//! `metrics[]`: proportional rules.

use super::{Check, rules::Draft, target_value::Aim};
use crate::{
    Scope, Strategy,
    path::Path,
    spec::{Metric, MetricIdentifier, MetricType, ScaleTargetRef, Target, TargetType},
};

/// The targets that a type of metric can have.
const SHARES: &[TargetType] = &[TargetType::Utilization, TargetType::AverageValue];
const AVERAGES: &[TargetType] = &[TargetType::AverageValue];
const TOTALS: &[TargetType] = &[TargetType::AverageValue, TargetType::Value];

/// What the field of a metric's type says.
struct Described<'m> {
    /// Where it stands.
    at: Path,
    /// Its name and what it is a number of, if nothing is wrong with them.
    named: Option<(String, Scope)>,
    target: Option<&'m Target>,
    /// The targets it can have.
    targets: &'static [TargetType],
}

impl Check<'_> {
    /// A proportional rule; `tolerances` up and down are those of `behavior`.
    pub(super) fn metric(
        &mut self,
        at: &Path,
        metric: &Metric,
        tolerances: Option<(f64, f64)>,
    ) -> Option<Draft> {
        let name = self.name(at, metric.name.as_deref());
        let described = self.described(at, metric)?;
        let target_at = described.at.field("target");
        let target = self.required(&target_at, described.target);
        let aim = target.and_then(|it| self.aim(&target_at, it, described.targets));
        let source = self.origin(&at.field("from"), described.named, metric.from.as_ref());
        let tolerance = self.tolerance(&at.field("tolerance"), metric.tolerance.as_ref())?;
        let (tolerance_up, tolerance_down) = match tolerance {
            Some(both) => (both, both),
            None => tolerances?,
        };
        Some(Draft {
            at: at.clone(),
            name: name?,
            metric: source?,
            strategy: match aim? {
                Aim::Value(target) => Strategy::Proportional {
                    target,
                    tolerance_up,
                    tolerance_down,
                },
                Aim::Percent(percent) => Strategy::Utilization {
                    percent,
                    tolerance_up,
                    tolerance_down,
                },
            },
        })
    }

    /// The field that the metric's type names; no other may be given.
    fn described<'m>(&mut self, at: &Path, metric: &'m Metric) -> Option<Described<'m>> {
        let metric_type = self.required(&at.field("type"), metric.metric_type)?;
        let own = field_of(metric_type);
        let given = [
            (MetricType::Resource, metric.resource.is_some()),
            (
                MetricType::ContainerResource,
                metric.container_resource.is_some(),
            ),
            (MetricType::Pods, metric.pods.is_some()),
            (MetricType::Object, metric.object.is_some()),
            (MetricType::External, metric.external.is_some()),
        ];
        for (other, _) in given
            .into_iter()
            .filter(|(other, is)| *is && *other != metric_type)
        {
            let what = format!("does not belong to a metric of type {metric_type:?}");
            self.fault(&at.field(field_of(other)), what, "take it out");
        }
        let at = at.field(own);
        let (named, target, targets) = match metric_type {
            MetricType::Resource => {
                let it = self.required(&at, metric.resource.as_ref())?;
                let name = self.label(&at.field("name"), it.name.as_deref());
                let named = name.map(|name| (name.to_owned(), Scope::Resource));
                (named, &it.target, SHARES)
            }
            MetricType::ContainerResource => {
                let it = self.required(&at, metric.container_resource.as_ref())?;
                let name = self.label(&at.field("name"), it.name.as_deref());
                let container = self.label(&at.field("container"), it.container.as_deref());
                let named = name.zip(container);
                let scope = |container: &str| Scope::Container(container.to_owned());
                let named = named.map(|(name, container)| (name.to_owned(), scope(container)));
                (named, &it.target, SHARES)
            }
            MetricType::Pods => {
                let it = self.required(&at, metric.pods.as_ref())?;
                let name = self.identified(&at, it.metric.as_ref());
                (name.map(|name| (name, Scope::Pods)), &it.target, AVERAGES)
            }
            MetricType::Object => {
                let it = self.required(&at, metric.object.as_ref())?;
                let name = self.identified(&at, it.metric.as_ref());
                let object_at = at.field("describedObject");
                let object = self.required(&object_at, it.described_object.as_ref());
                let object = object.and_then(|it| self.object(&object_at, it));
                let named = object.zip(name);
                let named = named.map(|(object, name)| (format!("{object}/{name}"), Scope::Object));
                (named, &it.target, TOTALS)
            }
            MetricType::External => {
                let it = self.required(&at, metric.external.as_ref())?;
                let name = self.identified(&at, it.metric.as_ref());
                (name.map(|name| (name, Scope::External)), &it.target, TOTALS)
            }
        };
        Some(Described {
            at,
            named,
            target: target.as_ref(),
            targets,
        })
    }

    /// The name of a metric, if nothing is wrong with it.
    pub(super) fn named(&mut self, metric: &Metric) -> Option<String> {
        let (name, _) = self.described(&Path::default(), metric)?.named?;
        Some(name)
    }

    fn identified(&mut self, at: &Path, metric: Option<&MetricIdentifier>) -> Option<String> {
        let at = at.field("metric");
        let metric = self.required(&at, metric)?;
        self.identity(&at, metric)
    }

    /// `Kind/name` of an object that a metric describes.
    fn object(&mut self, at: &Path, object: &ScaleTargetRef) -> Option<String> {
        let object = self.target(at, object)?;
        Some(format!("{}/{}", object.kind, object.name))
    }
}

/// The field of a metric of this type.
fn field_of(metric_type: MetricType) -> &'static str {
    match metric_type {
        MetricType::Resource => "resource",
        MetricType::ContainerResource => "containerResource",
        MetricType::Pods => "pods",
        MetricType::Object => "object",
        MetricType::External => "external",
    }
}
