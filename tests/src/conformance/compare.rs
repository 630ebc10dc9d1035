//! What is expected against what was found.

use super::{Case, Outcome};
use serde_json::Value;
use std::iter::zip;

impl Case {
    /// Compares what is expected with what was found. Only what is expected is looked at.
    pub(super) fn compare(&self, found: &Value) -> Outcome {
        self.compare_without(found, None)
    }

    /// The same, without the expectation `left_out`.
    pub(super) fn compare_without(&self, found: &Value, left_out: Option<&'static str>) -> Outcome {
        let left_out = left_out.filter(|key| self.expected.contains_key(*key));
        let differs: Vec<_> = self
            .expected
            .iter()
            .filter(|(key, _)| Some(key.as_str()) != left_out)
            .map(|(key, want)| (key, want, found.get(key).unwrap_or(&Value::Null)))
            .filter(|(_, want, found)| !same(want, found))
            .map(|(key, want, found)| format!("{key} should be {want} and is {found}"))
            .collect();
        match differs.is_empty() {
            true => Outcome::Passed { left_out },
            false => Outcome::Failed(differs.join("; ")),
        }
    }
}

/// Whether two values are the same, however their numbers are written: 2 is 2.0. Whole numbers are compared exactly.
fn same(want: &Value, found: &Value) -> bool {
    match (want, found) {
        (Value::Number(want), Value::Number(found)) => {
            let fraction = want.is_f64() || found.is_f64();
            want == found || (fraction && want.as_f64() == found.as_f64())
        }
        (Value::Array(want), Value::Array(found)) => {
            want.len() == found.len() && zip(want, found).all(|(want, found)| same(want, found))
        }
        (Value::Object(want), Value::Object(found)) => {
            let is_found = |(key, want)| found.get(key).is_some_and(|found| same(want, found));
            want.len() == found.len() && want.iter().all(is_found)
        }
        (want, found) => want == found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        let most = i64::MAX;
        let cases = [
            ("whole and fraction", json!(2), json!(2.0), true),
            (
                "within lists",
                json!([{ "a": 2.0 }]),
                json!([{ "a": 2 }]),
                true,
            ),
            ("another fraction", json!(2), json!(2.000_001), false),
            (
                "large ones to the last digit",
                json!(most),
                json!(most - 1),
                false,
            ),
            (
                "one key less",
                json!({ "a": 1, "b": 1 }),
                json!({ "a": 1 }),
                false,
            ),
            (
                "one key more",
                json!({ "a": 1 }),
                json!({ "a": 1, "b": 1 }),
                false,
            ),
            ("a longer list", json!([1]), json!([1, 2]), false),
            ("a number and nothing", json!(0), Value::Null, false),
            ("nothing", Value::Null, Value::Null, true),
        ];
        for (name, want, found, is_same) in cases {
            assert_eq!(same(&want, &found), is_same, "{name}");
        }
    }
}
