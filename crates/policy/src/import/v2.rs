//! autoscaling/v2, whose fields are those of a policy, and v2beta2, which differs by one.

use super::{Moved, Reading, annotation};
use crate::{
    check::Check,
    document,
    path::Path,
    quantity::Quantity,
    spec::{Amount, Manifest, TargetType},
};
use serde_json::Value;

/// v2beta2 has no field `tolerance`; a cluster keeps it in these.
const TOLERANCES: [(&str, &str); 2] = [
    (
        "scaleUp",
        "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
    ),
    (
        "scaleDown",
        "autoscaling.alpha.kubernetes.io/scale-down-tolerance",
    ),
];

/// Reads autoscaling/v2.
pub(super) fn read(value: &Value, check: &mut Check<'_>) -> Option<Reading> {
    let mut manifest = document::decode(value, check)?;
    without_zeros(&mut manifest);
    Some(Reading {
        manifest,
        moved: Moved::default(),
        lost: check.blamed().to_vec(),
    })
}

/// An object's average that once was v2beta1 has a `value` of zero beside it, which a cluster passes over.
fn without_zeros(manifest: &mut Manifest) {
    let spec = manifest.spec.iter_mut();
    let metrics = spec.flat_map(|spec| spec.metrics.iter_mut().flatten());
    for object in metrics.filter_map(|metric| metric.object.as_mut()) {
        let target = object.target.as_mut();
        if let Some(target) = target.filter(|it| it.target_type == Some(TargetType::AverageValue)) {
            target.value = target.value.take().filter(|value| !is_zero(value));
        }
    }
}

/// Whether an amount is zero, however it is written.
pub(super) fn is_zero(amount: &Amount) -> bool {
    Quantity::parse(&amount.0).map(Quantity::to_f64) == Ok(0.0)
}

/// Reads autoscaling/v2beta2.
pub(super) fn read_beta(value: &Value, check: &mut Check<'_>) -> Option<Reading> {
    let Reading {
        mut manifest,
        mut moved,
        lost,
    } = read(value, check)?;
    for (direction, name) in TOLERANCES {
        let (Some(spec), Some(text)) = (&mut manifest.spec, annotation::text(value, name, check))
        else {
            continue;
        };
        let behavior = spec.behavior.get_or_insert_default();
        let rules = match direction {
            "scaleUp" => &mut behavior.scale_up,
            _ => &mut behavior.scale_down,
        };
        rules.get_or_insert_default().tolerance = Some(Amount(text.to_owned()));
        let new = Path::of(&["spec", "behavior", direction, "tolerance"]);
        moved.note(new, annotation::at(name));
    }
    Some(Reading {
        manifest,
        moved,
        lost,
    })
}
