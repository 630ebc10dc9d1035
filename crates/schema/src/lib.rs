//! The public interfaces as documents, made from the types: JSON Schemas of events, policies and pushes, and an AsyncAPI
//! document of everything on NATS.
//!
//! `headroom schema` writes them; the copies in `schemas/` are what this build makes. Of a body that gets a new version
//! the file of the old one stays there, as it was.

mod asyncapi;
mod events;

use headroom_collector::push;
use serde::Serialize;

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is within the folder.
    pub path: String,
    /// What it says.
    pub text: String,
}

impl File {
    fn new(path: impl Into<String>, document: &impl Serialize) -> Self {
        let text = serde_json::to_string_pretty(document);
        Self {
            path: path.into(),
            text: text.expect("documents have only texts as keys") + "\n",
        }
    }
}

/// Every document, by path. The same build always makes the same.
#[must_use]
pub fn files() -> Vec<File> {
    let [pushed, answer] = push::nats::schemas();
    let mut files = vec![
        File::new("asyncapi.json", &asyncapi::document()),
        File::new("checkpoint.json", &headroom_log::nats::checkpoint_schema()),
        File::new("event.json", &events::event()),
        File::new("head.v1.json", &events::head()),
        File::new("policy.json", &headroom_policy::schema::of_policies()),
        File::new("push.v1.json", &pushed),
        File::new("push_answer.v1.json", &answer),
    ];
    files.extend(events::bodies().map(|(path, schema)| File::new(path, &schema)));
    files.sort_by(|one, other| one.path.cmp(&other.path));
    files
}
