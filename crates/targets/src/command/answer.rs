//! What a read program prints: a number, or a small JSON object.

use super::capture::Capture;
use crate::Found;
use headroom_model::{Generation, Replicas};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Answer {
    replicas: u32,
    ready: Option<u32>,
    generation: Option<u64>,
}

/// Reads the output. The error completes a sentence that begins with the program's name.
pub(super) fn parse(output: &Capture) -> Result<Found, String> {
    if output.truncated {
        return Err(format!(
            "printed too much; a number such as 3, or {EXAMPLE}, is wanted"
        ));
    }
    let text = output.text();
    let text = text.trim();
    let answer = if text.starts_with('{') {
        serde_json::from_str(text).map_err(|error| error.to_string())
    } else {
        text.parse()
            .map(|replicas| Answer {
                replicas,
                ready: None,
                generation: None,
            })
            .map_err(|error| format!("not a count: {error}"))
    };
    let answer = answer.map_err(|problem| {
        format!(
            "printed {:?} ({problem}); a number such as 3, or {EXAMPLE}, is wanted",
            output.shown()
        )
    })?;
    Ok(Found {
        replicas: Replicas(answer.replicas),
        ready: answer.ready.map(Replicas),
        generation: answer.generation.map(Generation),
    })
}

const EXAMPLE: &str = r#"{"replicas": 3, "ready": 2, "generation": 7}"#;

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(text: &str) -> Result<(u32, Option<u32>, Option<u64>), String> {
        let mut output = Capture::default();
        output.fill(text.as_bytes()).await;
        parse(&output).map(|found| {
            (
                found.replicas.0,
                found.ready.map(|ready| ready.0),
                found.generation.map(|generation| generation.0),
            )
        })
    }

    #[tokio::test]
    async fn a_number_or_an_object_is_a_count() {
        let cases = [
            ("a number", "3\n", (3, None, None)),
            ("a number with space around", "  0 \r\n", (0, None, None)),
            ("an object", r#"{"replicas": 4}"#, (4, None, None)),
            (
                "everything",
                r#"{"replicas":4,"ready":3,"generation":12}"#,
                (4, Some(3), Some(12)),
            ),
            (
                "null where nothing is known",
                r#"{"replicas":4,"ready":null}"#,
                (4, None, None),
            ),
        ];
        for (name, text, want) in cases {
            assert_eq!(answer(text).await.unwrap(), want, "{name}");
        }
    }

    #[tokio::test]
    async fn anything_else_is_an_error_and_never_zero() {
        let cases = [
            ("nothing", "", "not a count"),
            ("words", "three", "not a count"),
            ("a negative number", "-1", "not a count"),
            ("a fraction", "2.5", "not a count"),
            ("too large", "4294967296", "not a count"),
            ("two numbers", "3\n4", "not a count"),
            (
                "no count in the object",
                r#"{"ready":1}"#,
                "missing field `replicas`",
            ),
            (
                "an unknown field",
                r#"{"replicas":1,"Ready":1}"#,
                "unknown field `Ready`",
            ),
            ("a broken object", r#"{"replicas":1"#, "EOF"),
            (
                "a negative number in the object",
                r#"{"replicas":-1}"#,
                "invalid value",
            ),
        ];
        for (name, text, want) in cases {
            let problem = answer(text).await.unwrap_err();
            assert!(problem.contains(want), "{name}: {problem}");
            assert!(problem.contains("is wanted"), "{name}: {problem}");
        }
        let endless = "7".repeat(100_000);
        assert!(answer(&endless).await.unwrap_err().contains("too much"));
    }
}
