//! What is no policy at all.

use crate::{GOOD, refused};
use headroom_policy::parse_files;

#[test]
fn what_is_no_policy_says_where_reading_stopped() {
    let cases = [
        (
            "a list",
            "- 1",
            "1:1: a list is not a policy with apiVersion, kind, metadata and spec; write one",
        ),
        (
            "a word",
            "hello",
            r#"1:1: "hello" is not a policy with apiVersion, kind, metadata and spec; write one"#,
        ),
        (
            "nothing closed",
            "a: [1, 2",
            "1:4: this is not YAML: unclosed bracket '['",
        ),
        (
            "a mapping in a line",
            "a: b: c",
            "1:5: this is not YAML: mapping values are not allowed in this context",
        ),
        (
            "a key given twice",
            "kind: a\nkind: b",
            r#"2:1: "kind" is given twice; keep one"#,
        ),
        (
            "an unknown alias",
            "kind: *other",
            "1:7: this is not YAML: alias references unknown anchor",
        ),
        (
            "a key that is no text",
            "? [a]\n: b",
            "1:3: this is not YAML: expected string scalar",
        ),
    ];
    for (name, text, want) in cases {
        assert_eq!(refused(text), format!("web.yaml:{want}"), "{name}");
    }
}

#[test]
fn nesting_and_aliases_without_end_are_refused() {
    let nested = format!("spec: {}", "[".repeat(100_000));
    let deep = "- ".repeat(5_000);
    let laughs: String = (1..40)
        .map(|n| format!("a{n}: &a{n} [*a{0}, *a{0}, *a{0}, *a{0}]\n", n - 1))
        .collect();
    for text in [nested, deep, format!("a0: &a0 x\n{laughs}")] {
        let said = refused(&text);
        assert!(said.contains("this is not YAML"), "{said}");
    }
}

#[test]
fn a_file_without_a_policy_is_refused() {
    let want = "web.yaml:1:1: there is no policy in it; write one, or leave the file out";
    for text in ["", "# nothing yet\n", "---\n---\n"] {
        assert_eq!(refused(text), want, "{text:?}");
    }
    let files = [("good.yaml", GOOD), ("empty.yaml", "")];
    let said = parse_files(&files).unwrap_err().to_string();
    assert_eq!(said, want.replace("web", "empty"), "beside a good one");
}

#[test]
fn empty_documents_beside_a_policy_are_left_out() {
    assert!(parse_files(&[("web.yaml", format!("---\n{GOOD}---\n"))]).is_ok());
}
