//! A cursor over one line of text: what the exposition formats and selectors have in common.

use std::borrow::Cow;

/// What is left of a line. Every method takes what it names from the front, or leaves the line as it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scanner<'a> {
    rest: &'a str,
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(line: &'a str) -> Self {
        Self { rest: line }
    }

    pub(crate) fn rest(&self) -> &'a str {
        self.rest
    }

    pub(crate) fn is_done(&self) -> bool {
        self.rest.is_empty()
    }

    /// Spaces and tabs; whether there were any.
    pub(crate) fn blanks(&mut self) -> bool {
        let before = self.rest.len();
        self.rest = self.rest.trim_start_matches([' ', '\t']);
        self.rest.len() < before
    }

    /// Exactly this text.
    pub(crate) fn eat(&mut self, text: &str) -> bool {
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    /// The name of a metric (`colons`) or a label.
    pub(crate) fn name(&mut self, colons: bool) -> Option<&'a str> {
        let first = |c: char| c.is_ascii_alphabetic() || c == '_' || (colons && c == ':');
        if !self.rest.starts_with(first) {
            return None;
        }
        let end = self
            .rest
            .find(|c: char| !(first(c) || c.is_ascii_digit()))
            .unwrap_or(self.rest.len());
        let (name, rest) = self.rest.split_at(end);
        self.rest = rest;
        Some(name)
    }

    /// Everything up to a blank or the end; empty when nothing is left.
    pub(crate) fn word(&mut self) -> &'a str {
        let end = self.rest.find([' ', '\t']).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// A text in double quotes, with `\\`, `\"` and `\n` resolved. A backslash before anything else stands for itself, as
    /// Prometheus reads it.
    pub(crate) fn quoted(&mut self) -> Option<Cow<'a, str>> {
        let inside = self.rest.strip_prefix('"')?;
        let mut escaped = false;
        let mut plain = true;
        let end = inside.bytes().position(|byte| {
            if escaped {
                escaped = false;
                return false;
            }
            escaped = byte == b'\\';
            plain &= !escaped;
            byte == b'"'
        })?;
        let text = &inside[..end];
        self.rest = &inside[end + 1..];
        Some(if plain {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(unescaped(text))
        })
    }
}

fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some('n') => plain.push('\n'),
            Some(c @ ('\\' | '"')) => plain.push(c),
            Some(c) => plain.extend(['\\', c]),
            None => plain.push('\\'),
        }
    }
    plain
}

/// A number as Prometheus writes it: a decimal, `NaN`, `+Inf` or `-Inf`.
pub(crate) fn number(text: &str) -> Option<f64> {
    text.parse().ok()
}
