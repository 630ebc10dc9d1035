//! What is written as YAML is read as the same.

use headroom_policy::{parse_files, spec::Manifest, to_yaml};
use proptest::{prelude::*, sample::select};
use serde_json::json;

/// Texts that YAML would read as something else without quotes.
const AWKWARD: [&str; 41] = [
    "",
    " ",
    "~",
    "null",
    "Null",
    "yes",
    "no",
    "on",
    "off",
    "y",
    "n",
    "true",
    "True",
    "1",
    "-1",
    "0x10",
    "0o7",
    "017",
    "1e3",
    "1_000",
    ".5",
    "5.",
    ".inf",
    ".nan",
    "12:30:45",
    "2026-01-02",
    "=",
    "<<",
    "- a",
    "-",
    "a: b",
    "a #b",
    "# a",
    "[a",
    "{a",
    "---",
    "...",
    "%a",
    "@a",
    "a\nb\n",
    "\t",
];

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        select(AWKWARD.to_vec()).prop_map(str::to_owned),
        "(?s).{0,30}",
        "[-a-c:,&*!?|>'\"{}\\[\\]#%@` \n\t\r0-9.~<=_]{0,30}",
        "[a-z ]{70,200}",
    ]
}

/// A policy with texts wherever one can stand.
fn manifest(texts: &[String], name: &str, seconds: u32) -> Manifest {
    let value = json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": name},
        "spec": {
            "scaleTargetRef": {"kind": "Process", "name": "worker"},
            "maxReplicas": 5,
            "metrics": [{
                "type": "External",
                "external": {
                    "metric": {"name": "load", "selector": {
                        "matchLabels": {"label": &texts[0]},
                        "matchExpressions": [{"key": "other", "operator": "In", "values": [&texts[1], "b"]}],
                    }},
                    "target": {"averageValue": seconds.to_string()},
                },
                "from": {"source": "main", "query": format!("{}x", texts[2]), "interval": format!("{seconds}s")},
            }],
            "justification": &texts[3],
        },
    });
    serde_json::from_value(value).unwrap()
}

proptest! {
    #[test]
    fn a_written_policy_is_read_as_the_same(
        texts in proptest::collection::vec(text(), 4),
        name in "[a-z0-9]{1,5}",
        seconds in 1_u32..3600,
    ) {
        let manifest = manifest(&texts, &name, seconds);
        let value = serde_json::to_value(&manifest).unwrap();
        let text = to_yaml(&[&manifest]);
        let read = parse_files(&[("a.yaml", &text)]);
        let read = read.map_err(|errors| TestCaseError::fail(format!("{errors}\n{text}")))?;
        prop_assert_eq!(&read[0].value, &value, "{}", text);
    }
}
