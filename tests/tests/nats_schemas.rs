//! What is really on the subjects of a NATS server is what `schemas/asyncapi.json` says.

use anyhow::{Context as _, Result, ensure};
use async_nats::{HeaderMap, jetstream};
use futures::StreamExt as _;
use headroom_collector::push::{Push, nats as push};
use headroom_log::{Log, nats::NatsLog};
use headroom_model::{
    Body, Checkpoint, Envelope, EventId, Head, Kind, Record, Seq, Service, Timestamp,
};
use headroom_tests::{
    facts::{commit, producer, workload},
    servers::nats,
};
use serde_json::{Map, Value, json};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

const SHARD: &str = "described";

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn document(path: &str) -> Result<Value> {
    let text = fs::read_to_string(repository("schemas").join(path))?;
    serde_json::from_str(&text).with_context(|| path.to_owned())
}

/// The AsyncAPI document, and which of its channels were seen.
struct Described {
    document: Value,
    seen: BTreeSet<String>,
}

impl Described {
    /// The one channel whose address has room for a subject.
    fn channel(&mut self, subject: &str) -> Result<(String, Value)> {
        let channels = self.document["channels"]
            .as_object()
            .context("it has channels")?;
        let fits = |channel: &Value| {
            let address = channel["address"].as_str().unwrap_or_default();
            let (places, tokens) = (address.split('.'), subject.split('.'));
            address.split('.').count() == subject.split('.').count()
                && places
                    .zip(tokens)
                    .all(|(place, token)| place.starts_with('{') || place == token)
        };
        let fitting: Vec<_> = channels
            .iter()
            .filter(|(_, channel)| fits(channel))
            .collect();
        ensure!(fitting.len() == 1, "{subject} fits {fitting:?}");
        let (name, channel) = fitting[0];
        let message = channel["messages"]
            .as_object()
            .and_then(|messages| messages.keys().next());
        let message = message.context("a channel has a message")?;
        let message = self.document["components"]["messages"][message].clone();
        self.seen.insert(name.clone());
        Ok((name.clone(), message))
    }

    /// Checks what a message is, against what it should be.
    fn check(&mut self, subject: &str, headers: &HeaderMap, payload: &[u8]) -> Result<()> {
        let (name, message) = self.channel(subject)?;
        if message["headers"].is_object() {
            let mut schema = message["headers"].clone();
            schema["components"] = self.document["components"].clone();
            fits(&schema, &shown(headers)).with_context(|| format!("headers of {name}"))?;
        }
        let Some(path) = message["payload"]["$ref"].as_str() else {
            return Ok(());
        };
        let payload = read(path, payload).with_context(|| format!("payload of {name}"))?;
        fits(&document(path)?, &payload).with_context(|| format!("payload of {name}"))
    }
}

fn shown(headers: &HeaderMap) -> Value {
    let pairs = headers.iter().flat_map(|(name, values)| {
        values
            .iter()
            .map(move |value| (name.to_string(), json!(value.as_str())))
    });
    Value::Object(pairs.collect::<Map<_, _>>())
}

/// The JSON form of a payload.
fn read(path: &str, payload: &[u8]) -> Result<Value> {
    if let Some(name) = path.strip_prefix("events/") {
        let name = name.strip_suffix(".json").context("it ends so")?;
        let (kind, version) = name.split_once(".v").context("it has a version")?;
        return Ok(Body::decode(&Kind::from_token(kind), version.parse()?, payload)?.to_json());
    }
    Ok(match path {
        "head.v1.json" => serde_json::to_value(Head::decode(payload)?)?,
        "checkpoint.json" => rmp_serde::from_slice(payload)?,
        _ => serde_json::from_slice(payload)?,
    })
}

fn fits(schema: &Value, value: &Value) -> Result<()> {
    let schema = jsonschema::draft202012::new(schema)?;
    let errors: Vec<String> = schema
        .iter_errors(value)
        .map(|error| error.to_string())
        .collect();
    ensure!(errors.is_empty(), "{value:#}\n{errors:#?}");
    Ok(())
}

/// An event of every kind and producer that the document has, with the body that was written once.
fn events(described: &Described) -> Result<Vec<Record>> {
    let channels = described.document["channels"]
        .as_object()
        .context("it has channels")?;
    let mut events = Vec::new();
    for name in channels.keys() {
        let Some((service, kind)) = name.split_once('.') else {
            continue;
        };
        let (service, kind) = (
            service.parse().map_err(anyhow::Error::msg)?,
            Kind::from_token(kind),
        );
        let version = kind.version().context("this build knows it")?;
        let golden = format!("crates/model/tests/golden/{kind}.v{version}.msgpack");
        let caused = service != Service::Collector;
        events.push(Record {
            body: fs::read(repository(&golden))?,
            envelope: Envelope {
                id: EventId::named(name),
                kind,
                version,
                subject: workload("web.eu"),
                at: Timestamp(1_790_000_000_123),
                stamp: Timestamp::EPOCH,
                seq: Seq::ZERO,
                cause: caused.then(|| headroom_model::Cause {
                    id: EventId::named("cause"),
                    seq: Seq(7),
                }),
                correlation: caused.then(|| EventId::named("first")),
                producer: producer(service, "an instance of %"),
            },
        });
    }
    Ok(events)
}

/// Writes them as their producers do: outputs of machines under a head, all else by itself; and a checkpoint.
async fn write(log: &dyn Log, events: Vec<Record>) -> Result<()> {
    for event in events {
        let service = event.envelope.producer.service;
        match service {
            Service::Collector | Service::Operator | Service::Target => {
                log.append(vec![event]).await?;
            }
            Service::Clock | Service::Evaluator | Service::Planner | Service::Actuator => {
                let before = log.head(service).await?;
                log.commit(commit(service, "tests", before.as_ref(), vec![event]))
                    .await?;
            }
        }
    }
    let checkpoint = Checkpoint {
        service: Service::Planner,
        version: 1,
        behaviour: 1,
        through: Seq(3),
        stamp: Timestamp(5),
        state: vec![1; 100],
    };
    Ok(log.save_checkpoint(checkpoint).await?)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_message_is_as_described() -> Result<()> {
    let Some(server) = nats::single("")? else {
        return Ok(());
    };
    let mut described = Described {
        document: document("asyncapi.json")?,
        seen: BTreeSet::new(),
    };
    let log = NatsLog::connect(nats::settings(vec![server.url()], 1), SHARD, "tests").await?;
    write(&log, events(&described)?).await?;

    let client = async_nats::connect(server.url()).await?;
    let streams = ["", "_CHECKPOINTS_planner"].map(|more| format!("HEADROOM_{SHARD}{more}"));
    for name in streams {
        let mut stream = jetstream::new(client.clone()).get_stream(name).await?;
        for seq in 1..=stream.info().await?.state.last_sequence {
            let message = stream.get_raw_message(seq).await?;
            described.check(&message.subject, &message.headers, &message.payload)?;
        }
    }

    let mut pushes = client.subscribe(push::subject(SHARD)).await?;
    let reading = Push {
        at: Some(Timestamp(1_790_000_000_123)),
        ..Push::new("orders", 2.5)
    };
    let workload = workload("web.eu");
    let answered = async {
        let message = pushes.next().await.context("the push comes")?;
        described.check(&message.subject, &HeaderMap::new(), &message.payload)?;
        let answer = json!({"seq": 7, "duplicate": false});
        fits(&document("push_answer.v1.json")?, &answer)?;
        let to = message.reply.context("an answer is asked for")?;
        client.publish(to, answer.to_string().into()).await?;
        anyhow::Ok(())
    };
    let (sent, answered) = tokio::join!(push::send(&client, SHARD, &workload, &reading), answered);
    answered?;
    ensure!(sent?.seq == Seq(7));

    let channels = described.document["channels"]
        .as_object()
        .context("it has channels")?;
    let unseen = channels
        .keys()
        .filter(|name| !described.seen.contains(*name));
    assert_eq!(
        unseen.collect::<Vec<_>>(),
        ["push_answer"],
        "only its subject is not known before"
    );
    Ok(())
}
