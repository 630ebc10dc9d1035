//! Events as they are printed fit their schemas.

use headroom_log::Entry;
use headroom_model::{Event, Record, Seq};
use headroom_sim::{Scenario, run};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs, path::Path};

/// The documents, by path.
fn documents() -> BTreeMap<String, Value> {
    let parsed = |text: String| serde_json::from_str(&text).unwrap();
    headroom_schema::files()
        .into_iter()
        .map(|file| (file.path, parsed(file.text)))
        .collect()
}

/// A whole event, with the schemas of all bodies.
fn of_events() -> Validator {
    let base = "https://example.invalid/";
    let mut documents = documents();
    let mut event = documents.remove("event.json").unwrap();
    event["$id"] = json!(format!("{base}event.json"));
    for (path, mut body) in documents {
        if path.starts_with("events/") {
            body["$id"] = json!(format!("{base}{path}"));
            event["$defs"][path] = body;
        }
    }
    jsonschema::draft202012::new(&event).unwrap()
}

fn errors(schema: &Validator, value: &Value) -> Vec<String> {
    let errors = schema.iter_errors(value);
    errors
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect()
}

#[test]
fn documents_are_schemas() {
    for (path, document) in documents() {
        if path != "asyncapi.json" {
            jsonschema::meta::validate(&document).unwrap_or_else(|error| panic!("{path}: {error}"));
        }
    }
}

#[test]
fn what_was_written_once_fits_the_schema_of_its_kind_and_version() {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/events");
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../model/tests/golden");
    let read = |path: &Path| -> Value {
        let text =
            fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        serde_json::from_str(&text).unwrap()
    };
    let mut seen = 0;
    for entry in fs::read_dir(golden).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "json") {
            // From the second example of a kind on, its number stands behind the version.
            let stem = path.file_stem().unwrap().to_str().unwrap();
            let name = stem.split_once('-').map_or(stem, |(name, _)| name);
            let schema = schemas.join(format!("{name}.json"));
            let schema = jsonschema::draft202012::new(&read(&schema)).unwrap();
            assert_eq!(errors(&schema, &read(&path)), [""; 0], "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 13, "there are {seen} golden files");
}

/// The events of a simulated run.
fn events(seed: u64) -> Vec<Event> {
    let run = run(&Scenario::from_seed(seed));
    let entries = run.store.entries(Seq(1)).to_vec();
    let event = |entry| match entry {
        Entry::Event(record) => Some(Record::into_event(record).unwrap()),
        _ => None,
    };
    entries.into_iter().filter_map(event).collect()
}

#[test]
fn what_services_write_fits_the_schema_of_events_and_the_subjects() {
    let schema = of_events();
    let channels = documents().remove("asyncapi.json").unwrap();
    let mut kinds = BTreeMap::new();
    for seed in 0..6 {
        for event in events(seed) {
            let printed = event.to_json();
            assert_eq!(
                errors(&schema, &printed),
                [""; 0],
                "seed {seed}: {printed:#}"
            );
            let (kind, service) = (event.envelope.kind, event.envelope.producer.service);
            let address = channels["channels"][format!("{service}.{kind}")]["address"].as_str();
            let begins = format!("headroom.v1.{{shard}}.{service}.{kind}.");
            assert!(
                address.is_some_and(|address| address.starts_with(&begins)),
                "{kind} of {service}: {address:?}"
            );
            *kinds.entry(kind).or_insert(0) += 1;
        }
    }
    assert!(kinds.len() >= 10, "seeds that say something: {kinds:?}");
}

#[test]
fn what_is_no_such_event_does_not_fit() {
    let schema = of_events();
    let good = events(0)
        .into_iter()
        .find(|event| event.envelope.kind.token() == "decided")
        .unwrap();
    let good = good.to_json();
    let with = |place: &str, value: Value| {
        let mut event = good.clone();
        *event.pointer_mut(place).unwrap() = value;
        event
    };
    let cases = [
        (
            "a body of another kind",
            with("/body", json!({"number": 1})),
        ),
        (
            "a mode that there is not",
            with("/body/mode", json!("passive")),
        ),
        ("an id that is none", with("/id", json!(7))),
        (
            "a subject without a namespace",
            with("/subject", json!("web")),
        ),
        (
            "a producer that there is not",
            with("/producer/service", json!("stranger")),
        ),
    ];
    assert_eq!(errors(&schema, &good), [""; 0]);
    for (name, event) in cases {
        assert!(!schema.is_valid(&event), "{name}");
    }
    let newer = with("/version", json!(9999));
    assert!(
        schema.is_valid(&newer),
        "a version that is not known is not checked"
    );
}
