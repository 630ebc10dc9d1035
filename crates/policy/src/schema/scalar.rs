//! The values of fields that have a notation of their own.

use crate::{
    check::{LONGEST_NAME, LONGEST_QUERY},
    spec::{Amount, Duration},
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;

/// What may stand behind the digits of a quantity.
const SUFFIX: &str = "([numkMGTPE]|[KMGTPE]i|[eE][-+]?[0-9]+)?$";
/// The units of durations, largest first; `0` needs none.
const DURATION: &str = "^(0|([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?)$";

/// What an editor says of a text that is no quantity: an expression says little to people.
const QUANTITY_WORDS: &str = "write a number, or a quantity such as 500m, 1.5k or 1Gi";
/// The same of a text that is no duration.
const DURATION_WORDS: &str =
    "write whole numbers with d, h, m, s or ms, largest first, such as 90s or 1h30m";

/// Gives a type the schema that its fields have, in place.
macro_rules! scalars {
    ($($(#[$doc:meta])* $name:ident => $schema:expr;)*) => {$(
        $(#[$doc])*
        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    )*};
}

/// A number or quantity above zero.
pub(crate) struct AboveZero;
/// A number or quantity, one at least.
pub(crate) struct OneOrMore;
/// A number or quantity from 0 to 1.
pub(crate) struct Ratio;
/// A duration above zero.
pub(crate) struct Period;
/// A namespace, or a name in one.
pub(crate) struct Name;
/// A short text.
pub(crate) struct Text;
/// A short text without spaces.
pub(crate) struct Label;
/// What to ask a source.
pub(crate) struct Query;

scalars! {
    Amount => json_schema!({
        "type": ["number", "string"],
        "examples": [30, "500m", "1.5k", "1Gi"],
        "pattern": format!(r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+){SUFFIX}"),
        "patternErrorMessage": QUANTITY_WORDS,
    });
    AboveZero => json_schema!({
        "type": ["number", "string"],
        "examples": [30, "500m", "1.5k", "1Gi"],
        "exclusiveMinimum": 0,
        "pattern": format!(r"^\+?(0*[1-9][0-9]*\.?[0-9]*|[0-9]*\.[0-9]*[1-9][0-9]*){SUFFIX}"),
        "patternErrorMessage": QUANTITY_WORDS,
    });
    OneOrMore => json_schema!({
        "type": ["number", "string"],
        "examples": [2, "1500m"],
        "minimum": 1,
        "pattern": format!(r"^\+?([0-9]+\.?[0-9]*|\.[0-9]+){SUFFIX}"),
        "patternErrorMessage": QUANTITY_WORDS,
    });
    Ratio => json_schema!({
        "type": ["number", "string"],
        "examples": [0.1, "50m"],
        "minimum": 0,
        "maximum": 1,
        "pattern": format!(r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+){SUFFIX}"),
        "patternErrorMessage": QUANTITY_WORDS,
    });
    Duration => json_schema!({
        "type": ["string", "integer"],
        "examples": ["90s", "3m", "1h30m"],
        "minLength": 1,
        "pattern": DURATION,
        "patternErrorMessage": DURATION_WORDS,
        "minimum": 0,
        "maximum": 0,
    });
    Period => json_schema!({
        "type": "string",
        "examples": ["500ms", "15s", "1m"],
        "minLength": 1,
        "pattern": DURATION,
        "patternErrorMessage": DURATION_WORDS,
        "not": {"type": "string", "pattern": "^[^1-9]*$"},
    });
    Name => json_schema!({
        "type": "string",
        "maxLength": LONGEST_NAME,
        "pattern": "^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$",
    });
    Text => json_schema!({
        "type": "string",
        "maxLength": LONGEST_NAME,
        "pattern": r"^[^\x00-\x1f\x7f]+$",
    });
    Label => json_schema!({
        "type": "string",
        "maxLength": LONGEST_NAME,
        "pattern": r"^[^\x00-\x20\x7f]+$",
    });
    Query => json_schema!({"type": "string", "maxLength": LONGEST_QUERY, "pattern": r"[^ \t\r\n]"});
}
