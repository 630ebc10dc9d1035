//! The objects of AsyncAPI 3.0, as far as they are used, with their fields in reading order.

use indexmap::IndexMap;
use schemars::Schema;
use serde::Serialize;
use serde_json::Value;

/// Names in the order they are shown.
pub(super) type Named<T> = IndexMap<String, T>;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    pub(super) asyncapi: &'static str,
    pub(super) info: Info,
    pub(super) default_content_type: &'static str,
    pub(super) servers: IndexMap<&'static str, Server>,
    pub(super) channels: Named<Channel>,
    pub(super) operations: Named<Operation>,
    pub(super) components: Components,
}

#[derive(Serialize)]
pub(super) struct Info {
    pub(super) title: &'static str,
    pub(super) version: &'static str,
    pub(super) description: &'static str,
    pub(super) license: License,
}

#[derive(Serialize)]
pub(super) struct License {
    pub(super) name: &'static str,
}

#[derive(Serialize)]
pub(super) struct Server {
    pub(super) host: &'static str,
    pub(super) protocol: &'static str,
    pub(super) description: &'static str,
}

#[derive(Serialize)]
pub(super) struct Channel {
    /// The subject; nothing where it is only known when a message comes.
    pub(super) address: Option<String>,
    pub(super) description: String,
    #[serde(skip_serializing_if = "IndexMap::is_empty")]
    pub(super) parameters: Named<Reference>,
    pub(super) messages: Named<Reference>,
}

#[derive(Serialize)]
pub(super) struct Operation {
    /// `send` or `receive`, as Headroom sees it.
    pub(super) action: &'static str,
    pub(super) channel: Reference,
    pub(super) summary: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bindings: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reply: Option<Reply>,
}

#[derive(Serialize)]
pub(super) struct Reply {
    pub(super) address: ReplyAddress,
    pub(super) channel: Reference,
}

#[derive(Serialize)]
pub(super) struct ReplyAddress {
    pub(super) description: &'static str,
    pub(super) location: &'static str,
}

#[derive(Serialize)]
pub(super) struct Components {
    pub(super) messages: Named<Message>,
    pub(super) schemas: Named<Schema>,
    pub(super) parameters: IndexMap<&'static str, Parameter>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Message {
    pub(super) name: String,
    pub(super) summary: String,
    pub(super) content_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) correlation_id: Option<CorrelationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) headers: Option<Schema>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) payload: Option<Reference>,
}

#[derive(Serialize)]
pub(super) struct CorrelationId {
    pub(super) description: &'static str,
    pub(super) location: &'static str,
}

#[derive(Serialize)]
pub(super) struct Parameter {
    pub(super) description: &'static str,
    #[serde(rename = "enum", skip_serializing_if = "Option::is_none")]
    pub(super) allowed: Option<Vec<&'static str>>,
}

/// A pointer to something that is described elsewhere.
#[derive(Serialize)]
pub(super) struct Reference {
    #[serde(rename = "$ref")]
    to: String,
}

impl Reference {
    pub(super) fn to(place: impl Into<String>) -> Self {
        Self { to: place.into() }
    }
}
