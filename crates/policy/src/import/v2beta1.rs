//! autoscaling/v2beta1, and the metrics that v1 keeps in an annotation: the same fields in flatter metrics.

use super::{
    Moved, Reading, annotation,
    flat::{FlatExternal, FlatMetric, FlatObject, FlatPods, FlatResource},
    v2::is_zero,
};
use crate::{
    check::Check,
    document,
    path::Path,
    spec::{
        Amount, ContainerResource, External, Manifest, Metadata, Metric, MetricIdentifier, Object,
        Pods, Resource, ScaleTargetRef, Selector, Spec, Target, TargetType,
    },
};
use serde::{Deserialize, de::IgnoredAny};
use serde_json::Value;

/// A whole document of an older version.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a HorizontalPodAutoscaler with apiVersion, kind, metadata and spec"
)]
pub(super) struct Older<S: Default> {
    #[serde(rename = "apiVersion")]
    _api_version: IgnoredAny,
    #[serde(rename = "kind")]
    _kind: IgnoredAny,
    pub(super) metadata: Option<Metadata>,
    pub(super) spec: Option<S>,
    #[serde(rename = "status")]
    _status: IgnoredAny,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with scaleTargetRef, minReplicas, maxReplicas and metrics"
)]
struct OlderSpec {
    scale_target_ref: Option<ScaleTargetRef>,
    min_replicas: Option<i64>,
    max_replicas: Option<i64>,
    metrics: Option<Vec<FlatMetric>>,
}

/// Reads autoscaling/v2beta1.
pub(super) fn read(value: &Value, check: &mut Check<'_>) -> Option<Reading> {
    let older: Option<Older<OlderSpec>> = document::decode(value, check);
    let behavior = annotation::behavior(value, check);
    let older = older?;
    let mut way = Way::default();
    let spec = older.spec.map(|spec| Spec {
        scale_target_ref: spec.scale_target_ref,
        min_replicas: spec.min_replicas,
        max_replicas: spec.max_replicas,
        metrics: spec.metrics.map(|metrics| {
            let at = Path::of(&["spec", "metrics"]);
            self::metrics(metrics, &at, &mut way, check)
        }),
        behavior,
        ..Spec::default()
    });
    Some(finish(older.metadata, spec, way))
}

/// What becomes of the fields on the way to those of v2.
#[derive(Default)]
pub(super) struct Way {
    /// Where they stood.
    pub(super) moved: Moved,
    /// Those of v2 that nothing could be made of, which is named already.
    lost: Vec<Path>,
}

/// The reading of a document in which a cluster keeps the behavior in an annotation.
pub(super) fn finish(metadata: Option<Metadata>, spec: Option<Spec>, way: Way) -> Reading {
    let Way { mut moved, lost } = way;
    let behavior = annotation::at(annotation::BEHAVIOR);
    moved.note(Path::of(&["spec", "behavior"]), behavior);
    let manifest = Manifest {
        metadata,
        spec,
        ..Manifest::default()
    };
    Reading {
        manifest,
        moved,
        lost,
    }
}

/// Metrics that stand at `at`, as those of a spec.
pub(super) fn metrics(
    metrics: Vec<FlatMetric>,
    at: &Path,
    way: &mut Way,
    check: &mut Check<'_>,
) -> Vec<Metric> {
    let metrics = metrics.into_iter().enumerate();
    let metric = |(index, metric): (usize, FlatMetric)| {
        let mut translation = Translation {
            new: Path::of(&["spec", "metrics"]).index(index),
            old: at.index(index),
            way: &mut *way,
            check: &mut *check,
        };
        translation.metric(metric)
    };
    metrics.map(metric).collect()
}

/// One metric on its way.
struct Translation<'a, 'c> {
    new: Path,
    old: Path,
    way: &'a mut Way,
    check: &'a mut Check<'c>,
}

/// Fields of v2, and what they were called before.
type Names = &'static [(&'static [&'static str], &'static str)];

const RESOURCE: Names = &[
    (
        &["target", "averageUtilization"],
        "targetAverageUtilization",
    ),
    (&["target", "averageValue"], "targetAverageValue"),
];
const PODS: Names = &[
    (&["metric", "name"], "metricName"),
    (&["metric", "selector"], "selector"),
    (&["target", "averageValue"], "targetAverageValue"),
];
const OBJECT: Names = &[
    (&["describedObject"], "target"),
    (&["metric", "name"], "metricName"),
    (&["metric", "selector"], "selector"),
    (&["target", "value"], "targetValue"),
    (&["target", "averageValue"], "averageValue"),
];
const EXTERNAL: Names = &[
    (&["metric", "name"], "metricName"),
    (&["metric", "selector"], "metricSelector"),
    (&["target", "value"], "targetValue"),
    (&["target", "averageValue"], "targetAverageValue"),
];

impl Translation<'_, '_> {
    fn metric(&mut self, flat: FlatMetric) -> Metric {
        self.way.moved.note(self.new.clone(), self.old.clone());
        Metric {
            metric_type: flat.metric_type,
            resource: flat.resource.map(|it| self.resource(it)),
            container_resource: flat.container_resource.map(|it| self.container(it)),
            pods: flat.pods.map(|it| self.pods(it)),
            object: flat.object.map(|it| self.object(it)),
            external: flat.external.map(|it| self.external(it)),
            ..Metric::default()
        }
    }

    fn resource(&mut self, flat: FlatResource) -> Resource {
        if flat.container.is_some() {
            let at = self.old.field("resource").field("container");
            let what = "does not belong to a metric of type Resource";
            self.check
                .fault(&at, what, "take it out, or make the type ContainerResource");
        }
        let share = (flat.target_average_utilization, flat.target_average_value);
        Resource {
            name: flat.name,
            target: self.share("resource", share),
        }
    }

    fn container(&mut self, flat: FlatResource) -> ContainerResource {
        let share = (flat.target_average_utilization, flat.target_average_value);
        ContainerResource {
            name: flat.name,
            container: flat.container,
            target: self.share("containerResource", share),
        }
    }

    fn share(
        &mut self,
        field: &str,
        (average_utilization, average_value): (Option<i64>, Option<Amount>),
    ) -> Option<Target> {
        self.renamed(field, RESOURCE);
        let target = Target {
            average_utilization,
            average_value,
            ..Target::default()
        };
        let names = ["targetAverageUtilization", "targetAverageValue"];
        self.target(field, &names, target)
    }

    fn pods(&mut self, flat: FlatPods) -> Pods {
        self.renamed("pods", PODS);
        let target = Target {
            average_value: flat.target_average_value,
            ..Target::default()
        };
        Pods {
            metric: Some(identifier(flat.metric_name, flat.selector)),
            target: self.target("pods", &["targetAverageValue"], target),
        }
    }

    fn object(&mut self, flat: FlatObject) -> Object {
        self.renamed("object", OBJECT);
        // This version always writes a target value: zero where only the average was given.
        let average = flat.average_value.is_some();
        let target = Target {
            value: flat.target_value.filter(|it| !(average && is_zero(it))),
            average_value: flat.average_value,
            ..Target::default()
        };
        Object {
            described_object: flat.target,
            metric: Some(identifier(flat.metric_name, flat.selector)),
            target: self.target("object", &["targetValue", "averageValue"], target),
        }
    }

    fn external(&mut self, flat: FlatExternal) -> External {
        self.renamed("external", EXTERNAL);
        let target = Target {
            value: flat.target_value,
            average_value: flat.target_average_value,
            ..Target::default()
        };
        let names = ["targetValue", "targetAverageValue"];
        External {
            metric: Some(identifier(flat.metric_name, flat.metric_selector)),
            target: self.target("external", &names, target),
        }
    }

    fn renamed(&mut self, field: &str, names: Names) {
        let (new, old) = (self.new.field(field), self.old.field(field));
        for (fields, name) in names {
            self.way
                .moved
                .note(new.join(&Path::of(fields)), old.field(name));
        }
    }

    /// A target with its type, if exactly one value is given.
    fn target(&mut self, field: &str, names: &[&str], target: Target) -> Option<Target> {
        let at = self.old.field(field);
        let target_type = match (
            target.average_utilization.is_some(),
            target.average_value.is_some(),
            target.value.is_some(),
        ) {
            (true, false, false) => Some(TargetType::Utilization),
            (false, true, false) => Some(TargetType::AverageValue),
            (false, false, true) => Some(TargetType::Value),
            (false, false, false) => {
                // What was given and could not be read has been named.
                if !self.check.has_faults_below(&at) {
                    let what = format!("{} is missing", names.join(" or "));
                    self.check.fault(&at, what, "add it");
                }
                None
            }
            _ => {
                let what = format!("{} are both given", names.join(" and "));
                self.check.fault(&at, what, "keep one");
                None
            }
        };
        if target_type.is_none() {
            self.way.lost.push(self.new.field(field).field("target"));
        }
        target_type.map(|known| Target {
            target_type: Some(known),
            ..target
        })
    }
}

fn identifier(name: Option<String>, selector: Option<Selector>) -> MetricIdentifier {
    MetricIdentifier { name, selector }
}
