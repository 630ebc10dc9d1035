//! The documents of a file, and those within lists.

use crate::{
    Place, PolicyError,
    check::{Check, Fault},
    document,
    path::Path,
    yaml::{self, Yaml},
};
use serde_json::{Map, Value};
use std::rc::Rc;

const KIND: &str = "HorizontalPodAutoscaler";
const VERSIONS: [&str; 4] = [
    "autoscaling/v2",
    "autoscaling/v2beta2",
    "autoscaling/v2beta1",
    "autoscaling/v1",
];

/// One object, in a document of its own or in a list.
pub(super) struct Item {
    /// What it says.
    pub(super) value: Value,
    /// The file it stands in.
    pub(super) file: String,
    /// Its document.
    yaml: Rc<Yaml>,
    /// Where it stands there.
    at: Path,
}

impl Item {
    /// Where a part of it stands.
    pub(super) fn place(&self, path: &Path) -> Place {
        document::place(&self.file, self.yaml.position(&self.at.join(path)))
    }

    /// A fault, with its place.
    pub(super) fn error(&self, mut fault: Fault) -> PolicyError {
        let place = self.place(&fault.path);
        fault.path = self.at.join(&fault.path);
        document::error(fault, Some(place))
    }

    /// The version of the API, if it is a HorizontalPodAutoscaler of one that is known here.
    pub(super) fn version(&self, check: &mut Check<'_>) -> Option<&'static str> {
        let text = |name: &str| self.value.get(name).and_then(Value::as_str);
        let kind_at = Path::of(&["kind"]);
        match text("kind") {
            Some(KIND) => {}
            Some("ScalingPolicy") => {
                check.fault(&kind_at, "is a policy already", "take it out");
                return None;
            }
            Some(other) => {
                check.fault(&kind_at, format!("{other:?} is no {KIND}"), "take it out");
                return None;
            }
            None => {
                let what = "does not say what it is";
                check.fault(&kind_at, what, format!("write {KIND}, or take it out"));
                return None;
            }
        }
        let version_at = Path::of(&["apiVersion"]);
        let Some(version) = text("apiVersion") else {
            check.fault(&version_at, "is missing", "write autoscaling/v2");
            return None;
        };
        let known = VERSIONS.into_iter().find(|known| *known == version);
        if known.is_none() {
            let what = format!("{version:?} is not a version of {KIND} that is known here");
            let mend = format!("let a cluster convert it to one of {}", VERSIONS.join(", "));
            check.fault(&version_at, what, mend);
        }
        known
    }
}

/// The objects of a file.
pub(super) fn of(file: &str, text: &str) -> Result<Vec<Item>, Vec<PolicyError>> {
    let documents =
        yaml::documents(text).map_err(|not_yaml| vec![document::unreadable(file, not_yaml)])?;
    let items: Vec<Item> = documents
        .into_iter()
        .flat_map(|yaml| within(file, yaml))
        .collect();
    if items.is_empty() {
        return Err(vec![PolicyError {
            place: Some(document::place(file, (1, 1))),
            field: String::new(),
            what: format!("there is no {KIND} in it"),
            mend: "leave the file out".to_owned(),
        }]);
    }
    Ok(items)
}

/// The objects of a document: those of its list, or itself.
fn within(file: &str, yaml: Yaml) -> Vec<Item> {
    let yaml = Rc::new(yaml);
    let item = |value: Value, at: Path| Item {
        value,
        file: file.to_owned(),
        yaml: Rc::clone(&yaml),
        at,
    };
    let root = yaml.value.as_object();
    let kind = root
        .and_then(|root| root.get("kind"))
        .and_then(Value::as_str);
    let elements = root
        .and_then(|root| root.get("items"))
        .and_then(Value::as_array);
    match (root, kind, elements) {
        (Some(list), Some("List" | "HorizontalPodAutoscalerList"), Some(elements)) => elements
            .iter()
            .zip(0..)
            .map(|(element, index)| {
                let at = Path::of(&["items"]).index(index);
                item(typed(element.clone(), list), at)
            })
            .collect(),
        _ => vec![item(yaml.value.clone(), Path::default())],
    }
}

/// In a list of one kind, as the API gives it, only the list says what its elements are.
fn typed(mut element: Value, list: &Map<String, Value>) -> Value {
    let kind = list.get("kind").and_then(Value::as_str);
    if let (Some("HorizontalPodAutoscalerList"), Some(fields)) = (kind, element.as_object_mut()) {
        fields.entry("kind").or_insert_with(|| KIND.into());
        if let Some(version) = list.get("apiVersion") {
            fields
                .entry("apiVersion")
                .or_insert_with(|| version.clone());
        }
    }
    element
}
