//! autoscaling/v1: the processor in a field, everything else in annotations.

use super::{Reading, annotation, v2beta1};
use crate::{
    autoscale::cpu,
    check::Check,
    document,
    path::Path,
    spec::{ScaleTargetRef, Spec},
};
use serde::Deserialize;
use serde_json::Value;

#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "a mapping with scaleTargetRef, minReplicas, maxReplicas and targetCPUUtilizationPercentage"
)]
struct OldestSpec {
    scale_target_ref: Option<ScaleTargetRef>,
    min_replicas: Option<i64>,
    max_replicas: Option<i64>,
    #[serde(rename = "targetCPUUtilizationPercentage")]
    target_cpu: Option<i64>,
}

/// Reads autoscaling/v1. As in a cluster, the processor comes after the metrics of the annotation.
pub(super) fn read(value: &Value, check: &mut Check<'_>) -> Option<Reading> {
    let oldest: Option<v2beta1::Older<OldestSpec>> = document::decode(value, check);
    let others = annotation::read(value, annotation::METRICS, check);
    let behavior = annotation::behavior(value, check);
    let oldest = oldest?;
    let mut way = v2beta1::Way::default();
    let at = annotation::at(annotation::METRICS);
    let mut metrics = v2beta1::metrics(others.unwrap_or_default(), &at, &mut way, check);
    let spec = oldest.spec.map(|spec| {
        if let Some(percent) = spec.target_cpu {
            let new = Path::of(&["spec", "metrics"]).index(metrics.len());
            let old = Path::of(&["spec", "targetCPUUtilizationPercentage"]);
            let target = ["resource", "target", "averageUtilization"];
            way.moved.note(new.join(&Path::of(&target)), old.clone());
            way.moved.note(new, old);
            metrics.push(cpu(percent));
        }
        Spec {
            scale_target_ref: spec.scale_target_ref,
            min_replicas: spec.min_replicas,
            max_replicas: spec.max_replicas,
            metrics: Some(metrics),
            behavior,
            ..Spec::default()
        }
    });
    Some(v2beta1::finish(oldest.metadata, spec, way))
}
