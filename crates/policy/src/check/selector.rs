//! The identity of a metric: its name and the series that are meant.

use super::Check;
use crate::{
    path::Path,
    spec::{MetricIdentifier, Operator, Requirement, Selector},
};

impl Check<'_> {
    /// The name, and behind it the selector in the notation of Prometheus, in which `queue_depth{queue="orders"}` names
    /// series to people and sources alike. Equal selectors give equal texts.
    pub(super) fn identity(&mut self, at: &Path, metric: &MetricIdentifier) -> Option<String> {
        let name = self.label(&at.field("name"), metric.name.as_deref());
        let Some(selector) = &metric.selector else {
            return name.map(str::to_owned);
        };
        let matchers = self.matchers(&at.field("selector"), selector)?;
        let name = name?;
        Some(if matchers.is_empty() {
            name.to_owned()
        } else {
            format!("{name}{{{}}}", matchers.join(","))
        })
    }

    fn matchers(&mut self, at: &Path, selector: &Selector) -> Option<Vec<String>> {
        let mut matchers = Vec::new();
        let labels_at = at.field("matchLabels");
        for (label, value) in selector.match_labels.iter().flatten() {
            let label = self.label(&labels_at.field(label), Some(label));
            matchers.push(label.map(|label| matcher(label, "=", value)));
        }
        let expressions_at = at.field("matchExpressions");
        for (index, requirement) in selector.match_expressions.iter().flatten().enumerate() {
            matchers.push(self.requirement(&expressions_at.index(index), requirement));
        }
        let mut matchers = matchers.into_iter().collect::<Option<Vec<_>>>()?;
        matchers.sort();
        matchers.dedup();
        Some(matchers)
    }

    fn requirement(&mut self, at: &Path, requirement: &Requirement) -> Option<String> {
        let key = self.label(&at.field("key"), requirement.key.as_deref());
        let operator = self.required(&at.field("operator"), requirement.operator);
        let values = requirement.values.as_deref().unwrap_or_default();
        let (key, operator) = (key?, operator?);
        let values_at = at.field("values");
        let listed = matches!(operator, Operator::In | Operator::NotIn);
        if listed && values.is_empty() {
            self.fault(&values_at, "is missing", "list the values to compare with");
            return None;
        }
        if !listed && !values.is_empty() {
            let what = format!("{operator:?} compares with nothing");
            self.fault(&values_at, what, "take the values out, or use In or NotIn");
            return None;
        }
        Some(match (operator, values) {
            (Operator::In, [value]) => matcher(key, "=", value),
            (Operator::NotIn, [value]) => matcher(key, "!=", value),
            (Operator::In, values) => matcher(key, "=~", &alternatives(values)),
            (Operator::NotIn, values) => matcher(key, "!~", &alternatives(values)),
            (Operator::Exists, _) => matcher(key, "!=", ""),
            (Operator::DoesNotExist, _) => matcher(key, "=", ""),
        })
    }
}

/// `label="value"`, with the label in quotes where Prometheus wants that.
fn matcher(label: &str, operator: &str, value: &str) -> String {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    let goes_on = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let label = if label.starts_with(begins) && label.chars().all(goes_on) {
        label.to_owned()
    } else {
        quoted(label)
    };
    format!("{label}{operator}{}", quoted(value))
}

fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', r"\\")
        .replace('"', "\\\"")
        .replace('\n', r"\n");
    format!("\"{escaped}\"")
}

/// A regular expression for exactly these values, in their order without repetitions.
fn alternatives(values: &[String]) -> String {
    let mut values: Vec<String> = values.iter().map(|value| literal(value)).collect();
    values.sort();
    values.dedup();
    values.join("|")
}

/// The regular expression for a text.
fn literal(text: &str) -> String {
    let special = |c: char| r"\.+*?()|[]{}^$".contains(c);
    text.chars()
        .flat_map(|c| special(c).then_some('\\').into_iter().chain([c]))
        .collect()
}
