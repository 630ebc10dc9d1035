//! What does not fit the types of [`crate::spec`], said in the words of the file's author.

use crate::path::{Path, Step};
use serde::de::{Error, Expected, Unexpected};
use serde_json::Value;
use std::fmt;

/// What does not fit, and where.
#[derive(Debug)]
pub(crate) struct Misfit {
    /// Where it stands.
    pub(crate) path: Path,
    /// What is wrong.
    pub(crate) what: String,
    /// How to mend it.
    pub(crate) mend: String,
    /// The field that was probably meant, for a field that is not known.
    pub(crate) meant: Option<&'static str>,
}

impl Misfit {
    fn new(what: String, mend: String) -> Self {
        Self {
            path: Path::default(),
            what,
            mend,
            meant: None,
        }
    }

    /// The same, seen from `step`, the parent.
    pub(crate) fn under(mut self, step: Step) -> Self {
        self.path = self.path.under(step);
        self
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.what, self.mend)
    }
}

impl std::error::Error for Misfit {}

impl Error for Misfit {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string(), String::new())
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let expected = expected.to_string();
        let (wanted, mend) = wanted(&expected);
        Self::new(format!("{} is not {wanted}", show(found)), mend.to_owned())
    }

    fn invalid_value(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        match found {
            // Of the fields of a policy only whole numbers know a range of their own.
            Unexpected::Unsigned(_) => {
                let what = format!("{} is too large", show(found));
                Self::new(what, "write a smaller number".to_owned())
            }
            _ => Self::invalid_type(found, expected),
        }
    }

    fn unknown_variant(variant: &str, expected: &'static [&'static str]) -> Self {
        let mend = match nearest(variant, expected) {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("write one of {}", expected.join(", ")),
        };
        Self::new(format!("{variant:?} is not known here"), mend)
    }

    fn unknown_field(field: &str, expected: &'static [&'static str]) -> Self {
        let meant = nearest(field, expected);
        let mend = match meant {
            Some(meant) => format!("did you mean {meant}?"),
            None => format!("fields here are {}", expected.join(", ")),
        };
        Self {
            meant,
            ..Self::new("is not a field here".to_owned(), mend)
        }
    }
}

/// The words for what serde expects, and how to mend its absence.
fn wanted(expected: &str) -> (&str, &str) {
    match expected {
        "i64" => ("a whole number", "write one, without quotes"),
        "a string" => (
            "a text",
            "write one, in quotes if it looks like something else",
        ),
        "a sequence" => ("a list", "write one"),
        "a map" => ("a mapping of names to texts", "write one"),
        other => (other, "write one"),
    }
}

fn show(found: Unexpected<'_>) -> String {
    match found {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(value) => value.to_string(),
        Unexpected::Signed(value) => value.to_string(),
        Unexpected::Float(value) => value.to_string(),
        Unexpected::Str(text) => format!("{text:?}"),
        Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "a mapping".to_owned(),
        other => other.to_string(),
    }
}

/// The known word that `word` is probably a slip of: same but for case, or one or two strokes away.
fn nearest(word: &str, known: &[&'static str]) -> Option<&'static str> {
    let lower = word.to_lowercase();
    let close = |name: &&'static str| {
        let other = name.to_lowercase();
        // A third of the word may be wrong, so that short names are not "near" everything.
        let allowed = lower.chars().count().max(other.chars().count()) / 3;
        let strokes = strsim::osa_distance(&lower, &other);
        let begun = lower.len() > 2 && (lower.starts_with(&other) || other.starts_with(&lower));
        (strokes <= allowed || begun).then_some((strokes, *name))
    };
    let (_, name) = known.iter().filter_map(close).min()?;
    Some(name)
}

/// A value as serde's errors name it.
pub(crate) fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(value) => Unexpected::Bool(*value),
        Value::Number(number) => match (number.as_u64(), number.as_i64()) {
            (Some(value), _) => Unexpected::Unsigned(value),
            (None, Some(value)) => Unexpected::Signed(value),
            (None, None) => Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}
