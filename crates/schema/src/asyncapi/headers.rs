//! The headers of messages: CloudEvents in binary mode, and what NATS adds.

use super::document::Named;
use headroom_model::schema;
use schemars::{JsonSchema, Schema, json_schema};
use serde_json::json;

const ID: &str = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";
const NUMBER: &str = "^[0-9]+$";

/// The headers of an event. Others may stand beside them: NATS has headers of its own.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "the fields are there to be described")]
struct EventHeaders {
    /// The version of CloudEvents.
    #[schemars(extend("const" = "1.0"))]
    ce_specversion: String,
    /// The event's id. The same fact has the same id, however often it is written.
    #[schemars(regex(pattern = ID))]
    ce_id: String,
    /// What the body is: `headroom.<kind>.v<version>`.
    ce_type: String,
    /// Who wrote it: `/headroom/<shard>/<producer>`.
    #[schemars(regex(pattern = "^/headroom/[-a-z0-9]{1,32}/[a-z]+$"))]
    ce_source: String,
    /// The workload, as `namespace/name`; `_/…` for events about no workload.
    ce_subject: String,
    /// When the producer says it happened.
    #[schemars(extend("format" = "date-time"))]
    ce_time: String,
    /// The same in milliseconds since the Unix epoch, only where RFC 3339 cannot say it.
    #[schemars(regex(pattern = "^-?[0-9]+$"))]
    ce_timems: Option<String>,
    /// The process that wrote it, percent-encoded.
    ce_instance: String,
    /// The behaviour version of the machine; 0 where no machine decides.
    #[schemars(regex(pattern = NUMBER))]
    ce_behaviour: String,
    /// The id of the event that led to it; absent for facts from outside.
    #[schemars(regex(pattern = ID))]
    ce_cause: Option<String>,
    /// The `seq` of that event.
    #[schemars(regex(pattern = NUMBER))]
    ce_causeseq: Option<String>,
    /// The id of the first event of the chain.
    #[schemars(regex(pattern = ID))]
    ce_correlation: Option<String>,
    /// The media type of the body.
    #[schemars(extend("const" = headroom_log::nats::CONTENT_TYPE))]
    ce_datacontenttype: String,
}

/// The headers of a head. Others may stand beside them: NATS has headers of its own.
#[derive(JsonSchema)]
#[schemars(rename_all = "kebab-case")]
#[expect(dead_code, reason = "the fields are there to be described")]
struct HeadHeaders {
    /// The version of CloudEvents.
    #[schemars(extend("const" = "1.0"))]
    ce_specversion: String,
    /// The id of the commit.
    #[schemars(regex(pattern = ID))]
    ce_id: String,
    /// What it is.
    #[schemars(extend("const" = "headroom.head.v1"))]
    ce_type: String,
    /// Who wrote it: `/headroom/<shard>/<machine>`.
    #[schemars(regex(pattern = "^/headroom/[-a-z0-9]{1,32}/[a-z]+$"))]
    ce_source: String,
    /// The process that wrote it, percent-encoded.
    ce_instance: String,
    /// The media type of the body.
    #[schemars(extend("const" = headroom_log::nats::CONTENT_TYPE))]
    ce_datacontenttype: String,
}

/// What messages refer to.
pub(super) fn schemas() -> Named<Schema> {
    Named::from([
        ("EventHeaders".to_owned(), described::<EventHeaders>()),
        ("HeadHeaders".to_owned(), described::<HeadHeaders>()),
    ])
}

fn described<T: JsonSchema>() -> Schema {
    let mut schema = schema::of_read().into_root_schema_for::<T>();
    schema.remove("$schema");
    schema
}

/// The headers of events with this message. Those of collectors have the id once more, where NATS looks for it.
pub(super) fn of_event(message: &str, collected: bool) -> Schema {
    let mut headers = json_schema!({
        "type": "object",
        "properties": {"ce-type": {"const": format!("headroom.{message}")}},
        "allOf": [{"$ref": "#/components/schemas/EventHeaders"}],
    });
    if collected {
        let about =
            "The event's id once more: the stream takes an id only once within two minutes.";
        let id = json!({"description": about, "type": "string", "pattern": ID});
        if let Some(fields) = headers.get_mut("properties") {
            fields["Nats-Msg-Id"] = id;
        }
        headers.insert("required".to_owned(), json!(["Nats-Msg-Id"]));
    }
    headers
}

/// The headers of heads.
pub(super) fn of_head() -> Schema {
    Schema::new_ref("#/components/schemas/HeadHeaders".to_owned())
}
