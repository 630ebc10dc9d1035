//! MessagePack with named fields, and what can go wrong with it.

use crate::Kind;
use thiserror::Error;

/// Bytes that are not what they claim to be.
#[derive(Debug, Error)]
pub enum DecodeError {
    /// A body does not match its kind and version.
    #[error("body of {kind} version {version} cannot be read; was it written by Headroom?")]
    Body {
        /// The kind named by the envelope.
        kind: Kind,
        /// The version named by the envelope.
        version: u16,
        /// What the decoder found.
        #[source]
        source: rmp_serde::decode::Error,
    },
    /// A head cannot be read.
    #[error("the head of a machine cannot be read; was it written by Headroom?")]
    Head {
        /// What the decoder found.
        #[source]
        source: rmp_serde::decode::Error,
    },
}

/// `#[serde(with = "codec::bytes")]`: a byte vector as MessagePack `bin`, not as an array of numbers.
pub mod bytes {
    use serde::{Deserializer, Serializer, de};
    use std::fmt;

    /// Writes the bytes as one `bin`.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(bytes)
    }

    /// Reads a `bin`, or an array of numbers as JSON has it.
    ///
    /// # Errors
    /// Those of the deserializer.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        struct Bytes;
        impl<'de> de::Visitor<'de> for Bytes {
            type Value = Vec<u8>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Vec<u8>, E> {
                Ok(bytes.to_vec())
            }
            fn visit_byte_buf<E: de::Error>(self, bytes: Vec<u8>) -> Result<Vec<u8>, E> {
                Ok(bytes)
            }
            fn visit_seq<A: de::SeqAccess<'de>>(self, mut seq: A) -> Result<Vec<u8>, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(bytes)
            }
        }
        deserializer.deserialize_byte_buf(Bytes)
    }
}
