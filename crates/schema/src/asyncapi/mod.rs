//! The AsyncAPI document: what is on which subject, with which headers.

mod channels;
mod document;
mod headers;
mod messages;

use document::{Components, Document, Info, License, Parameter, Server};
use indexmap::IndexMap;

const ABOUT: &str = "\
Headroom's log on NATS JetStream, and readings that are pushed to it.

Every event is a message of the stream `HEADROOM_<shard>`: a CloudEvent in binary mode with a MessagePack body. Read it \
with a JetStream consumer: a plain subscription also sees messages that the stream then refuses. The sequence of a \
message is the event's `seq`, the server's time of it the `stamp`.

The schemas of payloads describe the JSON form that `headroom watch -o json` prints. In MessagePack, ids (UUIDs) are 16 \
bytes instead of text, and NaN and infinities are numbers instead of `null`; all else is the same.

New kinds and new versions of bodies will come: pass over those that you do not know.";

/// The whole document.
pub(crate) fn document() -> Document {
    let server = Server {
        host: "127.0.0.1:4222",
        protocol: "nats",
        description: "nats-server 2.12.1 or later with JetStream, wherever `log.nats.urls` of the configuration says.",
    };
    Document {
        asyncapi: "3.0.0",
        info: Info {
            title: "Headroom",
            version: env!("CARGO_PKG_VERSION"),
            description: ABOUT,
            license: License { name: "Apache-2.0" },
        },
        default_content_type: headroom_log::nats::CONTENT_TYPE,
        servers: IndexMap::from([("nats", server)]),
        channels: channels::channels(),
        operations: channels::operations(),
        components: Components {
            messages: messages::messages(),
            schemas: headers::schemas(),
            parameters: parameters(),
        },
    }
}

/// What stands in braces in the subjects.
fn parameters() -> IndexMap<&'static str, Parameter> {
    let text = |description| Parameter {
        description,
        allowed: None,
    };
    IndexMap::from([
        (
            "shard",
            text("The name of the log: 1 to 32 of `a-z`, `0-9` and `-`; `main` unless configured."),
        ),
        (
            "namespace",
            text(
                "The namespace of the workload, its dots written `=2E`; `_` for events about no workload.",
            ),
        ),
        (
            "name",
            text("The name of the workload, its dots written `=2E`."),
        ),
        (
            "machine",
            Parameter {
                description: "The service whose head or checkpoint it is.",
                allowed: Some(channels::MACHINES.map(|machine| machine.token()).to_vec()),
            },
        ),
        (
            "through",
            text("The position in the log that the checkpoint was taken at."),
        ),
        ("id", text("The checkpoint that the chunk belongs to.")),
    ])
}
