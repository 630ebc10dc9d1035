//! autoscaling/v2beta1, and the metrics that v1 keeps in an annotation: the same fields in flatter metrics.

use super::{Moved, Reading, annotation, v2::is_zero};
use crate::{
    check::Check,
    document,
    path::Path,
    spec::{
        Amount, ContainerResource, External, Manifest, Metadata, Metric, MetricIdentifier,
        MetricType, Object, Pods, Resource, ScaleTargetRef, Selector, Spec, Target, TargetType,
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

/// One metric and what it should be.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with type and the field of that type"
)]
pub(super) struct FlatMetric {
    #[serde(rename = "type")]
    metric_type: Option<MetricType>,
    resource: Option<FlatResource>,
    container_resource: Option<FlatResource>,
    pods: Option<FlatPods>,
    object: Option<FlatObject>,
    external: Option<FlatExternal>,
}

/// A resource of the replicas, or of one container of theirs.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with name and targetAverageUtilization or targetAverageValue"
)]
struct FlatResource {
    name: Option<String>,
    container: Option<String>,
    target_average_utilization: Option<i64>,
    target_average_value: Option<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with metricName and targetAverageValue"
)]
struct FlatPods {
    metric_name: Option<String>,
    selector: Option<Selector>,
    target_average_value: Option<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with target, metricName and targetValue or averageValue"
)]
struct FlatObject {
    target: Option<ScaleTargetRef>,
    metric_name: Option<String>,
    selector: Option<Selector>,
    target_value: Option<Amount>,
    average_value: Option<Amount>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with metricName and targetValue or targetAverageValue"
)]
struct FlatExternal {
    metric_name: Option<String>,
    metric_selector: Option<Selector>,
    target_value: Option<Amount>,
    target_average_value: Option<Amount>,
}

/// Reads autoscaling/v2beta1.
pub(super) fn read(value: &Value, check: &mut Check<'_>) -> Option<Reading> {
    let older: Option<Older<OlderSpec>> = document::decode(value, check);
    let behavior = annotation::behavior(value, check);
    let older = older?;
    let mut moved = Moved::default();
    let spec = older.spec.map(|spec| Spec {
        scale_target_ref: spec.scale_target_ref,
        min_replicas: spec.min_replicas,
        max_replicas: spec.max_replicas,
        metrics: spec.metrics.map(|metrics| {
            let at = Path::of(&["spec", "metrics"]);
            self::metrics(metrics, &at, &mut moved, check)
        }),
        behavior,
        ..Spec::default()
    });
    finish(older.metadata, spec, moved, check)
}

/// The reading, unless something was wrong: what follows from that would be named in the fields of v2.
pub(super) fn finish(
    metadata: Option<Metadata>,
    spec: Option<Spec>,
    mut moved: Moved,
    check: &Check<'_>,
) -> Option<Reading> {
    let behavior = annotation::at(annotation::BEHAVIOR);
    moved.note(Path::of(&["spec", "behavior"]), behavior);
    let manifest = Manifest {
        metadata,
        spec,
        ..Manifest::default()
    };
    (!check.has_faults()).then_some(Reading { manifest, moved })
}

/// Metrics that stand at `at`, as those of a spec.
pub(super) fn metrics(
    metrics: Vec<FlatMetric>,
    at: &Path,
    moved: &mut Moved,
    check: &mut Check<'_>,
) -> Vec<Metric> {
    let metrics = metrics.into_iter().enumerate();
    let metric = |(index, metric): (usize, FlatMetric)| {
        let mut translation = Translation {
            new: Path::of(&["spec", "metrics"]).index(index),
            old: at.index(index),
            moved: &mut *moved,
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
    moved: &'a mut Moved,
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
        self.moved.note(self.new.clone(), self.old.clone());
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
            self.moved
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
            (true, false, false) => TargetType::Utilization,
            (false, true, false) => TargetType::AverageValue,
            (false, false, true) => TargetType::Value,
            // What was given and could not be read has been named.
            (false, false, false) if self.check.has_faults_below(&at) => return None,
            (false, false, false) => {
                let what = format!("{} is missing", names.join(" or "));
                self.check.fault(&at, what, "add it");
                return None;
            }
            _ => {
                let what = format!("{} are both given", names.join(" and "));
                self.check.fault(&at, what, "keep one");
                return None;
            }
        };
        Some(Target {
            target_type: Some(target_type),
            ..target
        })
    }
}

fn identifier(name: Option<String>, selector: Option<Selector>) -> MetricIdentifier {
    MetricIdentifier { name, selector }
}
