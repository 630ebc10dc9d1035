//! What an event says: one file per group of kinds, one macro line per kind.

mod actuation;
mod decision;
mod fleet;
mod observation;
mod operation;
mod part;
mod recommendation;

pub use actuation::*;
pub use decision::*;
pub use fleet::*;
pub use observation::*;
pub use operation::*;
pub use part::*;
pub use recommendation::*;

use crate::codec::DecodeError;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The kinds of body: their tokens, current versions and types. Tokens are never reused; a changed body gets a new
/// version, an upcaster in [`Body::decode`] and a golden file.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $token:literal, version $version:literal;)*) => {
        /// What the body of an event is.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
            /// A kind that this build does not know: kept, passed on, counted, never guessed at.
            Other(String),
        }

        impl Kind {
            /// Every kind this build knows.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The token in subjects and schemas.
            #[must_use]
            pub fn token(&self) -> &str {
                match self {
                    $(Self::$kind => $token,)*
                    Self::Other(token) => token,
                }
            }

            /// Whether this build can read bodies of this kind and version.
            #[must_use]
            pub fn is_known(&self, version: u16) -> bool {
                match self {
                    $(Self::$kind => version == $version,)*
                    Self::Other(_) => false,
                }
            }

            /// The version of the bodies of this kind that this build writes; `None` when it does not know the kind.
            #[must_use]
            pub fn version(&self) -> Option<u16> {
                match self {
                    $(Self::$kind => Some($version),)*
                    Self::Other(_) => None,
                }
            }

            /// The JSON Schema of the bodies of this kind that this build writes, in the form of [`Body::to_json`];
            /// `None` when it does not know the kind.
            #[must_use]
            pub fn schema(&self) -> Option<schemars::Schema> {
                match self {
                    $(Self::$kind => Some(crate::schema::of_written().into_root_schema_for::<$kind>()),)*
                    Self::Other(_) => None,
                }
            }

            /// The kind of a token; [`Kind::Other`] when this build does not know it.
            #[must_use]
            pub fn from_token(token: &str) -> Self {
                match token {
                    $($token => Self::$kind,)*
                    other => Self::Other(other.to_owned()),
                }
            }
        }

        /// What happened.
        #[derive(Clone, Debug, PartialEq)]
        pub enum Body {
            $($(#[$doc])* $kind($kind),)*
            /// A kind or version of another build, with its bytes as they were.
            Unknown {
                /// Its kind.
                kind: Kind,
                /// Its version.
                version: u16,
                /// Its bytes.
                bytes: Vec<u8>,
            },
        }

        impl Body {
            /// The kind of this body.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self {
                    $(Self::$kind(_) => Kind::$kind,)*
                    Self::Unknown { kind, .. } => kind.clone(),
                }
            }

            /// The version of this body's schema.
            #[must_use]
            pub fn version(&self) -> u16 {
                match self {
                    $(Self::$kind(_) => $version,)*
                    Self::Unknown { version, .. } => *version,
                }
            }

            /// The MessagePack map with named fields. The same body always gives the same bytes.
            #[must_use]
            pub fn encode(&self) -> Vec<u8> {
                match self {
                    $(Self::$kind(body) => rmp_serde::to_vec_named(body)
                        .expect("bodies hold only numbers, strings, lists and maps with string keys, which always encode"),)*
                    Self::Unknown { bytes, .. } => bytes.clone(),
                }
            }

            /// Reads a body of `kind` and `version`; what this build does not know becomes [`Body::Unknown`].
            ///
            /// # Errors
            /// When the bytes are not what kind and version promise.
            pub fn decode(kind: &Kind, version: u16, bytes: &[u8]) -> Result<Self, DecodeError> {
                match (kind, version) {
                    $((Kind::$kind, $version) => rmp_serde::from_slice(bytes)
                        .map(Self::$kind)
                        .map_err(|source| DecodeError::Body { kind: kind.clone(), version, source }),)*
                    _ => Ok(Self::Unknown { kind: kind.clone(), version, bytes: bytes.to_vec() }),
                }
            }

            /// The JSON form that `-o json` prints. JSON has no NaN or infinity: they become `null`.
            #[must_use]
            pub fn to_json(&self) -> serde_json::Value {
                match self {
                    $(Self::$kind(body) => serde_json::to_value(body).unwrap_or(serde_json::Value::Null),)*
                    Self::Unknown { bytes, .. } => rmp_serde::from_slice(bytes).unwrap_or(serde_json::Value::Null),
                }
            }
        }

        $(impl From<$kind> for Body {
            fn from(body: $kind) -> Self {
                Self::$kind(body)
            }
        })*
    };
}

kinds! {
    /// One workload's readings of one instant.
    Observed = "observed", version 1;
    /// A source did not answer, or not with a number.
    CollectionFailed = "collection_failed", version 1;
    /// A second passed.
    Ticked = "ticked", version 1;
    /// A policy was set or changed.
    PolicyApplied = "policy_applied", version 1;
    /// A policy was taken away.
    PolicyRemoved = "policy_removed", version 1;
    /// A person pinned or paused a workload.
    OverrideSet = "override_set", version 1;
    /// A person ended an override.
    OverrideCleared = "override_cleared", version 1;
    /// A rule said how many replicas it wants, or that it cannot say.
    Recommended = "recommended", version 1;
    /// The planner chose to scale or to hold.
    Decided = "decided", version 1;
    /// An attempt to apply a plan began.
    ActuationStarted = "actuation_started", version 1;
    /// An attempt ended, or a plan ended without one.
    Actuated = "actuated", version 1;
    /// A target has become what a plan said.
    Verified = "verified", version 1;
    /// A target's count is not what the log last said.
    Drifted = "drifted", version 1;
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.token())
    }
}

impl Serialize for Kind {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.token())
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Token;
        impl serde::de::Visitor<'_> for Token {
            type Value = Kind;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the token of a kind")
            }
            fn visit_str<E>(self, token: &str) -> Result<Kind, E> {
                Ok(Kind::from_token(token))
            }
        }
        deserializer.deserialize_str(Token)
    }
}
