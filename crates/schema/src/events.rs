//! Events in the JSON form that `-o json` prints.

use headroom_model::{Envelope, Head, Kind, schema};
use schemars::Schema;
use serde_json::{Value, json};

/// The kinds that this build writes, with the version of their bodies.
pub(crate) fn written() -> impl Iterator<Item = (&'static Kind, u16)> {
    Kind::ALL
        .iter()
        .filter_map(|kind| Some((kind, kind.version()?)))
}

/// Where the schema of a body is.
pub(crate) fn path(kind: &Kind, version: u16) -> String {
    format!("events/{kind}.v{version}.json")
}

/// The bodies, and where their schemas go.
pub(crate) fn bodies() -> impl Iterator<Item = (String, Schema)> {
    written().filter_map(|(kind, version)| Some((path(kind, version), kind.schema()?)))
}

/// A whole event: the envelope, and the body that its kind and version promise.
pub(crate) fn event() -> Schema {
    let mut event = schema::of_written().into_root_schema_for::<Envelope>();
    event.insert("title".to_owned(), "Event".into());
    let about = "An event: what the log knows of it, and what happened. NaN and infinities are `null`, times are \
                 milliseconds since the Unix epoch. Kinds and versions may come that this schema does not know: their \
                 bodies are not checked.";
    event.insert("description".to_owned(), about.into());
    if let Some(fields) = event.get_mut("properties") {
        fields["body"] = json!({"description": "What happened, as kind and version say."});
    }
    if let Some(Value::Array(required)) = event.get_mut("required") {
        required.push("body".into());
    }
    let bodies = written().map(|(kind, version)| {
        json!({
            "if": {"properties": {"kind": {"const": kind.token()}, "version": {"const": version}}},
            "then": {"properties": {"body": {"$ref": path(kind, version)}}},
        })
    });
    event.insert("allOf".to_owned(), bodies.collect());
    event
}

/// The head of a machine.
pub(crate) fn head() -> Schema {
    schema::of_written().into_root_schema_for::<Head>()
}
