//! How types become JSON Schemas: draft 2020-12, of the JSON form that `-o json` prints.
//!
//! The types themselves derive [`JsonSchema`]; here is what they share, and what cannot be derived.

use crate::{Kind, WorkloadId};
use schemars::{
    JsonSchema, Schema, SchemaGenerator,
    generate::{Contract, SchemaSettings},
    json_schema,
    transform::{RecursiveTransform, Transform},
};
use serde_json::{Map, Value, json};
use std::borrow::Cow;

/// Makes schemas of what Headroom writes.
#[must_use]
pub fn of_written() -> SchemaGenerator {
    generator(Contract::Serialize)
}

/// Makes schemas of what Headroom reads.
#[must_use]
pub fn of_read() -> SchemaGenerator {
    generator(Contract::Deserialize)
}

fn generator(contract: Contract) -> SchemaGenerator {
    let written = contract.is_serialize();
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.contract = contract);
    settings
        .with_transform(RecursiveTransform(Plain { written }))
        .into_generator()
}

/// Says in the words of JSON Schema what schemars says in those of Rust: numbers have formats that some tools refuse.
#[derive(Clone)]
struct Plain {
    /// Whether it is about what we write: JSON has no NaN and no infinity, so these are written as `null`.
    written: bool,
}

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        let Some(fields) = schema.as_object_mut() else {
            return;
        };
        // How Rust reads and writes a field is of no interest outside.
        fields.remove("writeOnly");
        if let Some(Value::String(words)) = fields.get_mut("description") {
            *words = words.replace('\n', " ").replace("`None`", "`null`");
        }
        let format = fields.get("format").and_then(Value::as_str);
        match format {
            Some("float" | "double") if self.written => or_null(fields),
            Some("uint16") => at_most(fields, u16::MAX.into()),
            Some("uint32") => at_most(fields, u32::MAX.into()),
            Some("float" | "double" | "uint8" | "uint64" | "int32" | "int64") => {}
            _ => return,
        }
        fields.remove("format");
    }
}

fn or_null(fields: &mut Map<String, Value>) {
    fields.insert("type".to_owned(), json!(["number", "null"]));
}

fn at_most(fields: &mut Map<String, Value>, most: Value) {
    fields.entry("maximum").or_insert(most);
}

impl JsonSchema for WorkloadId {
    fn schema_name() -> Cow<'static, str> {
        "WorkloadId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A workload: `namespace/name` of its policy; `_/…` for events about no workload.",
            "type": "string",
            "pattern": "^(_/.*|[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?)$",
        })
    }
}

impl JsonSchema for Kind {
    fn schema_name() -> Cow<'static, str> {
        "Kind".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let known: Vec<&str> = Self::ALL.iter().map(Self::token).collect();
        json_schema!({
            "description": "What the body is. New kinds will come: pass over those that you do not know.",
            "type": "string",
            "examples": known,
        })
    }
}
