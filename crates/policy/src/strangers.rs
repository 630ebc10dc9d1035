//! Metrics of types that this build does not know, in policies that another build applied.

use crate::{Policy, Strategy};
use serde_json::{Value, json};

/// The types that this build knows.
const KNOWN: [&str; 5] = [
    "Resource",
    "ContainerResource",
    "Pods",
    "Object",
    "External",
];

/// Reads a policy with `read`, and makes rules that cannot say of metrics whose types are not known.
pub(crate) fn read<E>(
    value: &Value,
    read: impl FnOnce(&Value) -> Result<Policy, E>,
) -> Result<Policy, E> {
    let strangers = strangers(value);
    if strangers.is_empty() {
        return read(value);
    }
    let mut known = value.clone();
    for (index, _) in &strangers {
        if let Some(metric) = known.pointer_mut(&format!("/spec/metrics/{index}")) {
            // In the place of what is not known stands what is certainly right.
            *metric = json!({
                "name": metric.get("name"),
                "type": "External",
                "external": { "metric": { "name": "unknown" }, "target": { "value": 1 } },
            });
        }
    }
    let mut policy = read(&known)?;
    for (index, metric_type) in strangers {
        // Rules begin with those of metrics, in their order.
        if let Some(rule) = policy.rules.get_mut(index) {
            rule.strategy = Strategy::Unknown { metric_type };
        }
    }
    Ok(policy)
}

/// The metrics of types that are not known: their positions and types.
fn strangers(value: &Value) -> Vec<(usize, String)> {
    let metrics = value.pointer("/spec/metrics").and_then(Value::as_array);
    let types = metrics.into_iter().flatten().enumerate();
    types
        .filter_map(|(index, metric)| Some((index, metric.get("type")?.as_str()?)))
        .filter(|(_, metric_type)| !metric_type.is_empty() && !KNOWN.contains(metric_type))
        .map(|(index, metric_type)| (index, metric_type.to_owned()))
        .collect()
}
