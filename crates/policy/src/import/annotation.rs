//! Annotations in which a cluster keeps what an older version of the API has no fields for.

use crate::{check::Check, document, path::Path, spec::Behavior};
use serde::Deserialize;
use serde_json::{Map, Value};

pub(super) const METRICS: &str = "autoscaling.alpha.kubernetes.io/metrics";
pub(super) const BEHAVIOR: &str = "autoscaling.alpha.kubernetes.io/behavior";

/// Every field that occurs in them. Clusters write those of `behavior` with capitals, and read any.
const FIELDS: [&str; 31] = [
    "apiVersion",
    "averageValue",
    "container",
    "containerResource",
    "external",
    "key",
    "kind",
    "matchExpressions",
    LABELS,
    "metricName",
    "metricSelector",
    "name",
    "object",
    "operator",
    "periodSeconds",
    "pods",
    "policies",
    "resource",
    "scaleDown",
    "scaleUp",
    "selectPolicy",
    "selector",
    "stabilizationWindowSeconds",
    "target",
    "targetAverageUtilization",
    "targetAverageValue",
    "targetValue",
    "tolerance",
    "type",
    "value",
    "values",
];
const LABELS: &str = "matchLabels";

/// Where an annotation stands.
pub(super) fn at(name: &str) -> Path {
    Path::of(&["metadata", "annotations", name])
}

/// The text of an annotation.
pub(super) fn text<'v>(value: &'v Value, name: &str, check: &mut Check<'_>) -> Option<&'v str> {
    let found = value.get("metadata")?.get("annotations")?.get(name)?;
    if !found.is_string() && !found.is_null() {
        check.fault(&at(name), "is not a text", "put it in quotes");
    }
    found.as_str()
}

/// What an annotation holds as JSON.
pub(super) fn read<T>(value: &Value, name: &str, check: &mut Check<'_>) -> Option<T>
where
    T: for<'de> Deserialize<'de>,
{
    let text = text(value, name, check)?;
    let Ok(json) = serde_json::from_str(text) else {
        let what = "is not JSON, so a cluster passes over it";
        check.fault(&at(name), what, "mend it, or take it out");
        return None;
    };
    let mut inner = Check::new(None);
    let decoded = document::decode(&spelled(json), &mut inner);
    check.within(&at(name), inner);
    decoded
}

/// The behavior that an annotation holds; an empty one is none.
pub(super) fn behavior(value: &Value, check: &mut Check<'_>) -> Option<Behavior> {
    let behavior: Behavior = read(value, BEHAVIOR, check)?;
    (behavior != Behavior::default()).then_some(behavior)
}

/// The same with the names of its fields spelled as they are elsewhere.
fn spelled(value: Value) -> Value {
    match value {
        Value::Array(elements) => elements.into_iter().map(spelled).collect(),
        Value::Object(fields) => {
            let mut known = Map::new();
            for (name, value) in fields {
                let field = FIELDS
                    .into_iter()
                    .find(|field| field.eq_ignore_ascii_case(&name));
                // What is there twice stays as it is, and is refused.
                let field = field.filter(|field| !known.contains_key(*field));
                let value = match field {
                    Some(LABELS) => value,
                    _ => spelled(value),
                };
                known.insert(field.map_or(name, str::to_owned), value);
            }
            Value::Object(known)
        }
        scalar => scalar,
    }
}
