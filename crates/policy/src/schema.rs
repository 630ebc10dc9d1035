//! The JSON Schema of a policy file, for editors: what [`crate::spec`] cannot derive of itself.
//!
//! It takes every document that [`crate::Policy`] takes, and refuses what is wrong with one field, or with fields side by
//! side. What needs more than that to be seen is left to the checks: how much a quantity or duration in a text is, whether
//! bounds are in order, names differ and sources exist.

mod scalar;

pub(crate) use scalar::*;

use crate::{PUSH, check::KINDS, spec::Manifest};
use headroom_model::schema;
use schemars::Schema;
use serde_json::{Value, json};

/// The JSON Schema of a policy file, in draft 2020-12.
#[must_use]
pub fn of_policies() -> Schema {
    let mut schema = schema::of_read().into_root_schema_for::<Manifest>();
    let about = "A scaling policy of Headroom: what is scaled, by which numbers, between which bounds, and how fast. A \
                 field without a value counts as absent.";
    schema.insert("title".to_owned(), "Scaling policy".into());
    schema.insert("description".to_owned(), about.into());
    schema
}

/// `apiVersion` and `kind` belong together.
pub(crate) fn pairs(schema: &mut Schema) {
    let (versions, kinds): (Vec<&str>, Vec<&str>) = KINDS.into_iter().unzip();
    one_of(schema, "apiVersion", &versions);
    one_of(schema, "kind", &kinds);
    let pairs = KINDS.map(|(version, kind)| {
        let version = json!({"apiVersion": {"const": version}});
        when("kind", kind, &json!({"properties": version}))
    });
    schema.insert("allOf".to_owned(), pairs.to_vec().into());
}

fn one_of(schema: &mut Schema, field: &str, words: &[&str]) {
    if let Some(field) = schema.pointer_mut(&format!("/properties/{field}")) {
        field["enum"] = json!(words);
    }
}

/// A metric has the one field that its type names, and no other.
pub(crate) fn fields_of_its_type(schema: &mut Schema) {
    let fields = [
        ("Resource", "resource"),
        ("ContainerResource", "containerResource"),
        ("Pods", "pods"),
        ("Object", "object"),
        ("External", "external"),
    ];
    let cases = fields.map(|(metric_type, field)| {
        let mut then = given(field);
        for (_, other) in fields.into_iter().filter(|(_, other)| *other != field) {
            then["properties"][other] = json!({"type": "null"});
        }
        when("type", metric_type, &then)
    });
    schema.insert("allOf".to_owned(), cases.to_vec().into());
}

/// A total has no utilization.
pub(crate) fn no_utilization(schema: &mut Schema) {
    without(schema, &[("averageUtilization", "Utilization")]);
}

/// What replicas use of a resource has no total.
pub(crate) fn no_value(schema: &mut Schema) {
    without(schema, &[("value", "Value")]);
}

/// A metric of each replica has an average only.
pub(crate) fn average_value_only(schema: &mut Schema) {
    without(
        schema,
        &[("averageUtilization", "Utilization"), ("value", "Value")],
    );
}

/// A target without these fields and types.
fn without(schema: &mut Schema, excluded: &[(&str, &str)]) {
    let Some(Value::Object(target)) = schema.pointer_mut("/properties/target") else {
        return;
    };
    let types: Vec<_> = excluded
        .iter()
        .map(|(_, target_type)| *target_type)
        .collect();
    let mut absent = json!({"type": {"not": {"enum": types}}});
    for (field, _) in excluded {
        absent[*field] = json!({"type": "null"});
    }
    target.insert("properties".to_owned(), absent);
}

/// A target has one value, of the type it names.
pub(crate) fn one_target_value(schema: &mut Schema) {
    let fields = ["averageValue", "value", "averageUtilization"];
    let types = ["AverageValue", "Value", "Utilization"];
    exactly_one(schema, &fields);
    let cases = types
        .into_iter()
        .zip(fields)
        .map(|(target_type, field)| when("type", target_type, &given(field)));
    schema.insert("allOf".to_owned(), cases.collect());
}

/// `In` and `NotIn` compare with values, the others with nothing.
pub(crate) fn values_of_its_operator(schema: &mut Schema) {
    let listed = json!({"properties": {"operator": {"enum": ["In", "NotIn"]}}});
    let some =
        json!({"required": ["values"], "properties": {"values": {"type": "array", "minItems": 1}}});
    let none = json!({"properties": {"values": {"maxItems": 0}}});
    for (keyword, value) in [("if", listed), ("then", some), ("else", none)] {
        schema.insert(keyword.to_owned(), value);
    }
}

/// A pushed reading cannot be asked for.
pub(crate) fn no_query_for_pushes(schema: &mut Schema) {
    let none = json!({"properties": {"query": {"type": "null"}}});
    let Value::Object(rule) = when("source", PUSH, &none) else {
        return;
    };
    for (keyword, value) in rule {
        schema.insert(keyword, value);
    }
}

/// A threshold is crossed one way.
pub(crate) fn above_or_below(schema: &mut Schema) {
    exactly_one(schema, &["above", "below"]);
}

/// A threshold orders one thing.
pub(crate) fn one_change(schema: &mut Schema) {
    exactly_one(schema, &["add", "percent", "to"]);
}

/// Just one of these fields is there and not empty.
fn exactly_one(schema: &mut Schema, fields: &[&str]) {
    let choices = fields.iter().map(|field| given(field));
    schema.insert("oneOf".to_owned(), choices.collect());
}

/// The field is there and not empty.
fn given(field: &str) -> Value {
    json!({"required": [field], "properties": {field: {"not": {"type": "null"}}}})
}

/// What holds when a field is this word.
fn when(field: &str, word: &str, then: &Value) -> Value {
    json!({"if": {"required": [field], "properties": {field: {"const": word}}}, "then": then})
}
