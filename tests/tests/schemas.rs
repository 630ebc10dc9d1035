//! The documents in `schemas/`, read by the tools that people use: policies as editors check them, AsyncAPI as generators
//! read it.

use anyhow::{Context as _, Result, ensure};
use headroom_policy::parse_files;
use headroom_tests::bin_path::headroom_bin;
use headroom_tests::facts::observed;
use headroom_tests::servers::{cache, skip, wanted};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A file of the repository.
fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// The files of a folder of the repository that end so.
fn files(folder: &str, endings: &[&str]) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(repository(folder)).with_context(|| folder.to_owned())?;
    let paths = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    let ends = |path: &PathBuf| {
        let ending = path.extension().and_then(|ending| ending.to_str());
        ending.is_some_and(|ending| endings.contains(&ending))
    };
    Ok(paths.into_iter().filter(ends).collect())
}

/// The files that `check-jsonschema` refuses by a schema; `None` when it is not there.
fn refused(schema: &str, files: &[PathBuf]) -> Result<Option<BTreeSet<PathBuf>>> {
    let Some(program) = wanted("check-jsonschema") else {
        return Ok(None);
    };
    let mut check = Command::new(program);
    check.args(["--output-format", "json", "--schemafile"]);
    let output = check
        .arg(repository("schemas").join(schema))
        .args(files)
        .output()?;
    let said: Value = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    ensure!(
        said["parse_errors"].as_array().is_none_or(Vec::is_empty),
        "{said:#}"
    );
    let errors = said["errors"].as_array().into_iter().flatten();
    let names = errors.filter_map(|error| error["filename"].as_str());
    Ok(Some(names.map(PathBuf::from).collect()))
}

/// Whether Headroom accepts a file.
fn accepted(file: &Path) -> Result<bool> {
    let text = fs::read_to_string(file)?;
    Ok(parse_files(&[(file.to_string_lossy(), text)]).is_ok())
}

/// The schema and Headroom say the same of every one of these files.
fn both_say(files: &[PathBuf], good: bool) -> Result<()> {
    for file in files {
        ensure!(
            accepted(file)? == good,
            "headroom validate, of {}",
            file.display()
        );
    }
    let Some(refused) = refused("policy.json", files)? else {
        return Ok(());
    };
    for file in files {
        ensure!(
            refused.contains(file) != good,
            "check-jsonschema, of {}",
            file.display()
        );
    }
    Ok(())
}

#[test]
fn good_policies_are_accepted_by_the_schema_and_by_headroom() -> Result<()> {
    let good = files("tests/policies/good", &["yaml", "json"])?;
    ensure!(good.len() >= 5);
    both_say(&good, true)
}

#[test]
fn each_bad_policy_is_refused_by_the_schema_and_by_headroom() -> Result<()> {
    let bad = files("tests/policies/bad", &["yaml"])?;
    ensure!(bad.len() >= 16);
    both_say(&bad, false)
}

#[test]
fn a_bad_policy_has_one_mistake() -> Result<()> {
    for file in files("tests/policies/bad", &["yaml"])? {
        let text = fs::read_to_string(&file)?;
        let errors = parse_files(&[("bad.yaml", text)])
            .err()
            .context("it is bad")?;
        ensure!(errors.iter().count() == 1, "{}: {errors}", file.display());
    }
    Ok(())
}

/// The policies that a document shows.
fn shown(document: &str) -> Vec<String> {
    let blocks = document.split("```yaml\n").skip(1);
    let blocks = blocks.filter_map(|rest| rest.split("```").next());
    let policies = blocks.filter(|block| {
        let whole = block.lines().any(|line| line.starts_with("apiVersion:"));
        whole
            && (block.contains("kind: ScalingPolicy")
                || block.contains("kind: HorizontalPodAutoscaler"))
    });
    policies.map(str::to_owned).collect()
}

#[test]
fn the_policies_that_documents_show_fit_the_schema() -> Result<()> {
    let mut documents = files("docs", &["md"])?;
    documents.push(repository("README.md"));
    let folder = tempfile::tempdir()?;
    let mut all = files("deploy/policies", &["yaml"])?;
    all.push(repository("crates/cli/src/demo/policy.yaml"));
    for document in documents {
        let name = document
            .file_stem()
            .context("a document has a name")?
            .to_string_lossy();
        for (number, policy) in shown(&fs::read_to_string(&document)?)
            .into_iter()
            .enumerate()
        {
            let file = folder.path().join(format!("{name}-{number}.yaml"));
            fs::write(&file, policy)?;
            all.push(file);
        }
    }
    ensure!(all.len() >= 6, "only {all:?}");
    both_say(&all, true)
}

#[test]
fn an_event_is_checked_together_with_its_body() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let [good, bad] = ["good.json", "bad.json"].map(|name| folder.path().join(name));
    let mut event = observed("web", 7).into_event()?.to_json();
    fs::write(&good, event.to_string())?;
    event["body"]["readings"][0]["measured"] = "plenty".into();
    fs::write(&bad, event.to_string())?;
    let refused = refused("event.json", &[good, bad.clone()])?;
    ensure!(refused.is_none_or(|refused| refused == BTreeSet::from([bad])));
    Ok(())
}

#[test]
fn a_push_is_one_number_or_one_of_each_replica() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let bodies = [
        (r#"{"metric": "rps", "value": 1}"#, true),
        (
            r#"{"metric": "rps", "replicas": {"web-0": 1}, "at": 5}"#,
            true,
        ),
        (r#"{"metric": "rps"}"#, false),
        (
            r#"{"metric": "rps", "value": 1, "replicas": {"web-0": 1}}"#,
            false,
        ),
        (r#"{"metric": "rps", "replicas": {}}"#, false),
        (r#"{"metric": "rps", "replicas": {"": 1}}"#, false),
        (r#"{"metric": "rps", "replicas": {"web-0": null}}"#, false),
    ];
    let mut all = Vec::new();
    for (number, (body, _)) in bodies.iter().enumerate() {
        let file = folder.path().join(format!("{number}.json"));
        fs::write(&file, body)?;
        all.push(file);
    }
    let files = all.iter().zip(bodies);
    let bad = files
        .filter(|(_, (_, good))| !good)
        .map(|(file, _)| file.clone());
    let bad: BTreeSet<_> = bad.collect();
    let refused = refused("push.v1.json", &all)?;
    ensure!(
        refused.as_ref().is_none_or(|refused| *refused == bad),
        "{refused:?}"
    );
    Ok(())
}

#[test]
fn the_command_writes_what_is_committed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let made = folder.path().join("made/here");
    let output = Command::new(headroom_bin()?)
        .arg("schema")
        .arg(&made)
        .output()?;
    ensure!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout)?;
    let paths: Vec<&Path> = said.lines().map(Path::new).collect();
    ensure!(paths.len() == headroom_schema::files().len(), "{said}");
    for path in paths {
        let committed = repository("schemas").join(path.strip_prefix(&made)?);
        ensure!(
            fs::read(path)? == fs::read(committed)?,
            "{}",
            path.display()
        );
    }
    Ok(())
}

#[test]
fn the_asyncapi_document_is_one() -> Result<()> {
    let Some(node) = wanted("node") else {
        return Ok(());
    };
    let packages = cache().map(|cache| cache.join("node/node_modules"));
    let packages = packages.filter(|packages| packages.join("@asyncapi/parser").is_dir());
    let Some(packages) = packages else {
        skip("there is no @asyncapi/parser; run tests/setup");
        return Ok(());
    };
    let mut check = Command::new(node);
    check
        .env("NODE_PATH", packages)
        .arg(repository("tests/asyncapi.cjs"));
    let output = check.arg(repository("schemas/asyncapi.json")).output()?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
