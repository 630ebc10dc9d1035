//! The documents in `schemas/` are those that this build makes.

use headroom_model::Kind;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

/// Every file below a folder, by its path within.
fn found(folder: &Path, below: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let name = format!("{below}{name}");
        if path.is_dir() {
            found(&path, &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read_to_string(&path).unwrap());
        }
    }
}

/// Whether it is the schema of a body that this build no longer writes: it stays, as it was.
fn is_of_an_older_body(path: &str) -> bool {
    let name = path
        .strip_prefix("events/")
        .and_then(|name| name.strip_suffix(".json"));
    let Some((kind, version)) = name.and_then(|name| name.split_once(".v")) else {
        return false;
    };
    let newest = Kind::from_token(kind).version();
    version
        .parse::<u16>()
        .is_ok_and(|version| newest.is_some_and(|newest| version < newest))
}

#[test]
fn the_committed_documents_are_those_that_this_build_makes() {
    let mut committed = BTreeMap::new();
    found(&folder(), "", &mut committed);
    let mut wrong = Vec::new();
    for file in headroom_schema::files() {
        match committed.remove(&file.path) {
            Some(text) if text == file.text => {}
            Some(_) => wrong.push(format!("{} is not what the types say", file.path)),
            None => wrong.push(format!("{} is missing", file.path)),
        }
    }
    let strangers = committed.keys().filter(|path| !is_of_an_older_body(path));
    wrong.extend(strangers.map(|path| format!("{path} is not made by anything")));
    assert!(
        wrong.is_empty(),
        "run `cargo run -- schema`; in schemas/:\n{}",
        wrong.join("\n")
    );
}

#[test]
fn the_same_build_makes_the_same_documents() {
    assert_eq!(headroom_schema::files(), headroom_schema::files());
}
