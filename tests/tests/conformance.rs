//! The peers' own vectors, through the code that production runs.

use headroom_tests::conformance;
use serde_json::json;
use std::path::Path;

#[test]
fn no_vector_of_the_hpa_fails() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/hpa");
    let tally = conformance::run("hpa", &folder).unwrap();
    assert_eq!(tally.failed, Vec::<String>::new());
    assert!(tally.skipped.is_empty(), "{:?}", tally.skipped);
    assert!(tally.passed >= 241, "{}", tally.line());
}

/// What the peers' tests have none of; what is expected was worked out by hand.
#[test]
fn no_vector_of_our_own_fails() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/more");
    let tally = conformance::run("hpa", &folder).unwrap();
    assert_eq!(tally.failed, Vec::<String>::new());
    assert!(tally.skipped.is_empty(), "{:?}", tally.skipped);
    assert!(tally.passed >= 82, "{}", tally.line());
}

#[test]
fn a_vector_of_an_unknown_kind_is_skipped_and_one_that_no_policy_can_say_fails() {
    let folder = tempfile::tempdir().unwrap();
    let case = |id, kind, inputs| json!({ "id": id, "kind": kind, "label": "it", "inputs": inputs, "expected": { "replicas": 1 } });
    let cycle = json!({
        "min_replicas": 1,
        "max_replicas": 2,
        "spec_replicas": 1,
        "status_replicas": 1,
        "behavior": { "scale_up": { "stabilization_s": 4000 }, "scale_down": null },
        "metrics": [{ "type": "unknown" }],
    });
    let vectors = json!({
        "schema": "hpa-conformance/1",
        "cases": [case("a", "crystal_ball", json!({})), case("b", "history_reconcile", cycle)],
    });
    std::fs::write(folder.path().join("some.json"), vectors.to_string()).unwrap();
    let tally = conformance::run("hpa", folder.path()).unwrap();
    assert_eq!(tally.line(), "0 passed, 1 failed, 1 skipped");
    let unsaid = &tally.failed[0];
    assert!(unsaid.contains("no policy can say it"), "{unsaid}");
    assert!(unsaid.contains("stabilizationWindowSeconds"), "{unsaid}");
}

#[test]
fn a_folder_without_vectors_is_an_error_and_files_of_other_schemas_are_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write(
        "knative.json",
        r#"{"schema": "knative-conformance/1", "cases": []}"#,
    );
    write("notes.json", "[1]");
    write("README.md", "no vectors");
    let none = conformance::run("hpa", folder.path()).unwrap_err();
    assert!(none.to_string().contains("there are none"), "{none}");
    let case = json!({
        "id": "a",
        "kind": "default_limits",
        "label": "nulls are defaults",
        "inputs": { "controller": null, "current_replicas": 3, "desired_replicas": 4, "min_replicas": 1, "max_replicas": 9 },
        "expected": { "replicas": 4 },
    });
    let vectors = json!({ "schema": "hpa-conformance/1", "cases": [case] });
    write("some.json", &vectors.to_string());
    let tally = conformance::run("hpa", folder.path()).unwrap();
    assert_eq!(
        tally.line(),
        "1 passed, 0 failed, 0 skipped",
        "{:?}",
        tally.failed
    );
    assert_eq!(tally.others.len(), 2);
    write("broken.json", "{");
    let broken = conformance::run("hpa", folder.path()).unwrap_err();
    assert!(
        broken.to_string().contains("broken.json is no JSON"),
        "{broken}"
    );
}
