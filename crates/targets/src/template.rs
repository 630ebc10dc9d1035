//! Placeholders in the arguments that `headroom.yaml` gives to programs.

use std::fmt::Write as _;

/// A text with placeholders: `{word}`, where `word` is lower-case letters and `_`. `{{word}}` stands for the text `{word}`;
/// every other brace stands for itself, so JSON needs no care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Template(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    Placeholder(String),
}

impl Template {
    /// Reads `text`, whose placeholders must be among the `known` ones. The error is the mend.
    pub(crate) fn parse(text: &str, known: &[&str]) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some((escaped, after)) = escape(rest) {
                literal.push_str(escaped);
                rest = after;
            } else if let Some((word, after)) = placeholder(rest) {
                if !known.contains(&word) {
                    return Err(format!(
                        "{text:?} has the placeholder {{{word}}}, which is none of {}; for the text itself write {{{{{word}}}}}",
                        list(known)
                    ));
                }
                pieces.push(Piece::Text(std::mem::take(&mut literal)));
                pieces.push(Piece::Placeholder(word.to_owned()));
                rest = after;
            } else {
                literal.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
        pieces.push(Piece::Text(literal));
        Ok(Self(pieces))
    }

    /// Whether the placeholder occurs.
    pub(crate) fn uses(&self, word: &str) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Placeholder(name) if name == word))
    }

    /// The text with each placeholder replaced by what `value` says.
    pub(crate) fn fill(&self, value: impl Fn(&str) -> String) -> String {
        self.0.iter().fold(String::new(), |mut text, piece| {
            match piece {
                Piece::Text(literal) => text.push_str(literal),
                Piece::Placeholder(word) => text.push_str(&value(word)),
            }
            text
        })
    }
}

/// The word of the placeholder that `text` starts with, and what follows it.
fn placeholder(text: &str) -> Option<(&str, &str)> {
    let (word, after) = text.strip_prefix('{')?.split_once('}')?;
    let is_word = !word.is_empty() && word.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    is_word.then_some((word, after))
}

/// The `{word}` of the `{{word}}` that `text` starts with, and what follows it.
fn escape(text: &str) -> Option<(&str, &str)> {
    let inner = text.strip_prefix('{')?;
    let (word, after) = placeholder(inner)?;
    let after = after.strip_prefix('}')?;
    Some((&inner[..word.len() + 2], after))
}

fn list(known: &[&str]) -> String {
    known
        .iter()
        .enumerate()
        .fold(String::new(), |mut text, (position, word)| {
            let separator = if position == 0 { "" } else { ", " };
            let _ = write!(text, "{separator}{{{word}}}");
            text
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_filled_and_other_braces_left_alone() {
        let cases = [
            // name                             template               filled
            ("plain text", "--verbose", "--verbose"),
            ("one placeholder", "--port={port}", "--port=8080"),
            ("several, side by side", "{index}{port}", "28080"),
            ("doubled braces", "{{port}}{{x}}{port}", "{port}{x}8080"),
            (
                "JSON",
                r#"{"port": {port}, "a": {}}"#,
                r#"{"port": 8080, "a": {}}"#,
            ),
            ("an unclosed brace", "a{port", "a{port"),
            ("characters of several bytes", "ü{port}ß", "ü8080ß"),
            ("nothing", "", ""),
        ];
        for (name, text, want) in cases {
            let template = Template::parse(text, &["index", "port"]).unwrap();
            let filled = template.fill(|word| if word == "port" { "8080" } else { "2" }.to_owned());
            assert_eq!(filled, want, "{name}");
        }
    }

    #[test]
    fn an_unknown_placeholder_is_an_error_with_a_mend() {
        let problem = Template::parse("--n={count}", &["replicas", "generation"]).unwrap_err();
        assert_eq!(
            problem,
            r#""--n={count}" has the placeholder {count}, which is none of {replicas}, {generation}; for the text itself write {{count}}"#
        );
    }
}
