//! The peers' own vectors, through the code that production runs.

use headroom_tests::conformance;
use std::path::Path;

#[test]
fn no_vector_of_the_hpa_fails() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/hpa");
    let tally = conformance::run("hpa", &folder).unwrap();
    assert_eq!(tally.failed, Vec::<String>::new());
    assert!(tally.skipped.is_empty(), "{:?}", tally.skipped);
    assert!(tally.passed >= 241, "{}", tally.line());
}

/// Cycles that the peers' tests have none of; what is expected was worked out by hand.
#[test]
fn no_cycle_of_our_own_fails() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("conformance/more");
    let tally = conformance::run("hpa", &folder).unwrap();
    assert_eq!(tally.failed, Vec::<String>::new());
    assert!(tally.skipped.is_empty(), "{:?}", tally.skipped);
    assert!(tally.passed >= 78, "{}", tally.line());
}

#[test]
fn a_folder_without_vectors_is_an_error_and_so_is_one_of_another_schema() {
    let folder = tempfile::tempdir().unwrap();
    let none = conformance::run("hpa", folder.path()).unwrap_err();
    assert!(none.to_string().contains("there are none"), "{none}");
    let other = r#"{"schema": "knative-conformance/1", "cases": []}"#;
    std::fs::write(folder.path().join("other.json"), other).unwrap();
    let wrong = conformance::run("hpa", folder.path()).unwrap_err();
    assert!(wrong.to_string().contains("no vectors of hpa"), "{wrong}");
}
