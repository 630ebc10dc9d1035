//! The subjects, and who writes there.

use super::document::{Channel, Named, Operation, Reference, Reply, ReplyAddress};
use super::messages;
use crate::events;
use headroom_collector::push::nats as push;
use headroom_log::memory::LEDGER_KINDS;
use headroom_model::{Kind, Service};
use serde_json::json;

/// The services that write heads and checkpoints.
pub(super) const MACHINES: [Service; 4] = [
    Service::Clock,
    Service::Evaluator,
    Service::Planner,
    Service::Actuator,
];

/// Who writes events of a kind; nobody those of a kind that this build does not know.
pub(super) fn producers(kind: &Kind) -> &'static [Service] {
    match kind {
        Kind::Observed | Kind::CollectionFailed => &[Service::Collector],
        Kind::PolicyApplied | Kind::PolicyRemoved | Kind::OverrideSet | Kind::OverrideCleared => {
            &[Service::Operator]
        }
        Kind::Ticked => &[Service::Clock],
        Kind::Recommended => &[Service::Evaluator],
        Kind::Decided => &[Service::Planner],
        Kind::ActuationStarted => &[Service::Actuator],
        // The actuator itself says which plans it refuses, and which are superseded.
        Kind::Actuated => &[Service::Target, Service::Actuator],
        Kind::Verified | Kind::Drifted => &[Service::Target],
        Kind::Other(_) => &[],
    }
}

/// A subject, its one message, and what is done there.
struct Subject {
    name: String,
    address: Option<String>,
    description: String,
    message: String,
    written: String,
}

fn subjects() -> Vec<Subject> {
    let events = events::written().flat_map(|(kind, version)| {
        let producers = producers(kind).iter();
        producers.map(move |producer| event(*producer, kind, version))
    });
    events.chain(others()).collect()
}

fn event(producer: Service, kind: &Kind, version: u16) -> Subject {
    let kept = if LEDGER_KINDS.contains(kind) {
        "In the stream `HEADROOM_<shard>`, and for a year in `HEADROOM_<shard>_LEDGER`."
    } else {
        "In the stream `HEADROOM_<shard>`."
    };
    Subject {
        name: format!("{producer}.{kind}"),
        address: Some(format!(
            "headroom.v1.{{shard}}.{producer}.{kind}.{{namespace}}.{{name}}"
        )),
        description: kept.to_owned(),
        message: messages::name(kind, version),
        written: format!("Written under the name of the {producer}."),
    }
}

/// The name of the subject of pushes.
const PUSH: &str = "push";
/// The name of the subjects that pushes are answered on.
const ANSWER: &str = "push_answer";

fn others() -> impl Iterator<Item = Subject> {
    let checkpoints = "headroom.checkpoints.v1.{shard}.{machine}";
    let push = push::subject("{shard}").replace("*.*", "{namespace}.{name}");
    let subjects = [
        (
            "head",
            Some("headroom.v1.{shard}.{machine}.head".to_owned()),
            "In the stream `HEADROOM_<shard>`, before the events that were committed with it; the newest one of each \
             machine in `HEADROOM_<shard>_HEADS`.",
            "Written by the machine, first of all in a commit.",
        ),
        (
            "checkpoint",
            Some(format!("{checkpoints}.manifest.{{through}}")),
            "In the stream `HEADROOM_<shard>_CHECKPOINTS_<machine>`.",
            "Written by the machine for its own restart, after the chunks.",
        ),
        (
            "checkpoint_chunk",
            Some(format!("{checkpoints}.chunk.{{id}}")),
            "In the stream `HEADROOM_<shard>_CHECKPOINTS_<machine>`.",
            "Written by the machine for its own restart.",
        ),
        (
            PUSH,
            Some(push),
            "In no stream: a collector makes an event of it. The subject names the workload.",
            "Taken by one of the collectors, and answered once the log has it.",
        ),
        (ANSWER, None, "The reply subject of a push.", ""),
    ];
    subjects
        .into_iter()
        .map(|(name, address, description, written)| Subject {
            name: name.to_owned(),
            address,
            description: description.to_owned(),
            message: name.to_owned(),
            written: written.to_owned(),
        })
}

/// The names in braces.
fn parameters(address: &str) -> Named<Reference> {
    let names = address.split('{').skip(1);
    let names = names.filter_map(|rest| rest.split_once('}'));
    let parameter = |name: &str| Reference::to(format!("#/components/parameters/{name}"));
    names
        .map(|(name, _)| (name.to_owned(), parameter(name)))
        .collect()
}

/// Every subject, by name.
pub(super) fn channels() -> Named<Channel> {
    let channel = |subject: Subject| {
        let to = Reference::to(format!("#/components/messages/{}", subject.message));
        let channel = Channel {
            parameters: subject
                .address
                .as_deref()
                .map(parameters)
                .unwrap_or_default(),
            address: subject.address,
            description: subject.description,
            messages: Named::from([(subject.message, to)]),
        };
        (subject.name, channel)
    };
    subjects().into_iter().map(channel).collect()
}

/// What is done on each; answers belong to the push.
pub(super) fn operations() -> Named<Operation> {
    let channel = |name: &str| Reference::to(format!("#/channels/{name}"));
    let operation = |subject: Subject| {
        let pushed = subject.name == PUSH;
        let answer = || Reply {
            address: ReplyAddress {
                description: "The reply subject of the request.",
                location: "$message.header#/replyTo",
            },
            channel: channel(ANSWER),
        };
        let operation = Operation {
            action: if pushed { "receive" } else { "send" },
            channel: channel(&subject.name),
            summary: subject.written,
            bindings: pushed.then(|| json!({"nats": {"queue": push::QUEUE_GROUP}})),
            reply: pushed.then(answer),
        };
        (subject.name, operation)
    };
    let subjects = subjects().into_iter();
    subjects
        .filter(|subject| subject.name != ANSWER)
        .map(operation)
        .collect()
}
