//! The policy of one line: a share of the processor, between two bounds.

use crate::spec::{
    Manifest, Metadata, Metric, MetricType, Resource, ScaleTargetRef, Spec, Target, TargetType,
};
use headroom_model::WorkloadId;

/// What `kubectl autoscale` makes, as a policy: as many replicas as bring the requested processor time that is used to
/// `percent`. Nothing is checked here.
#[must_use]
pub fn autoscale(
    workload: &WorkloadId,
    target: ScaleTargetRef,
    bounds: (u32, u32),
    percent: u32,
) -> Manifest {
    let (min, max) = bounds;
    Manifest {
        api_version: Some("headroom.dev/v1alpha1".to_owned()),
        kind: Some("ScalingPolicy".to_owned()),
        metadata: Some(Metadata {
            name: Some(workload.name().to_owned()),
            namespace: Some(workload.namespace().to_owned()),
            ..Metadata::default()
        }),
        spec: Some(Spec {
            scale_target_ref: Some(target),
            min_replicas: Some(min.into()),
            max_replicas: Some(max.into()),
            metrics: Some(vec![cpu(percent.into())]),
            ..Spec::default()
        }),
        ..Manifest::default()
    }
}

/// The share of the processor that an HPA without metrics aims at, in percent.
const DEFAULT_UTILIZATION: i64 = 80;

/// Gives an HPA without metrics the one that a cluster gives it, and says whether it had none. Rule: defaults of
/// autoscaling/v2.
pub(crate) fn complete(spec: &mut Spec) -> bool {
    let thresholds = spec.thresholds.iter().flatten().count();
    let none = spec.metrics.iter().flatten().count() + thresholds == 0;
    if none {
        spec.metrics = Some(vec![cpu(DEFAULT_UTILIZATION)]);
    }
    none
}

/// The share of the requested processor time that is used.
pub(crate) fn cpu(percent: i64) -> Metric {
    let target = Target {
        target_type: Some(TargetType::Utilization),
        average_utilization: Some(percent),
        ..Target::default()
    };
    Metric {
        metric_type: Some(MetricType::Resource),
        resource: Some(Resource {
            name: Some("cpu".to_owned()),
            target: Some(target),
        }),
        ..Metric::default()
    }
}
