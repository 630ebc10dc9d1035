//! Names of workloads, and how they become subject tokens.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr, sync::Arc};
use thiserror::Error;

/// The workload an event is about: `namespace/name` of its policy.
///
/// Both parts are 1–253 characters of `a-z`, `0-9`, `-`, `.`, as Kubernetes has them. Events about no workload (ticks,
/// failures of a whole source) carry [`WorkloadId::system`], which no policy can be named.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkloadId {
    namespace: Arc<str>,
    name: Arc<str>,
}

/// A namespace or name that cannot be one.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum NameError {
    /// There is no `/`.
    #[error("workload {0:?} has no namespace; write it as namespace/name")]
    NoNamespace(String),
    /// Empty or too long.
    #[error("{0:?} has {1} characters; a namespace or name has 1 to 253")]
    Length(String, usize),
    /// A character outside the allowed ones.
    #[error(
        "{0:?} contains {1:?}; use lower-case letters, digits, '-' and '.', starting and ending with a letter or digit"
    )]
    Character(String, char),
}

fn check(part: &str) -> Result<(), NameError> {
    if part.is_empty() || part.len() > 253 {
        return Err(NameError::Length(part.to_owned(), part.len()));
    }
    let edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if let Some(bad) = part.chars().find(|&c| !(edge(c) || c == '-' || c == '.')) {
        return Err(NameError::Character(part.to_owned(), bad));
    }
    match part
        .chars()
        .next()
        .into_iter()
        .chain(part.chars().last())
        .find(|&c| !edge(c))
    {
        Some(bad) => Err(NameError::Character(part.to_owned(), bad)),
        None => Ok(()),
    }
}

impl WorkloadId {
    /// Checks both parts.
    ///
    /// # Errors
    /// Says which part cannot be a name, and why.
    pub fn new(namespace: &str, name: &str) -> Result<Self, NameError> {
        check(namespace)?;
        check(name)?;
        Ok(Self {
            namespace: namespace.into(),
            name: name.into(),
        })
    }

    /// The subject of events that are about no single workload: `_/<name>`.
    #[must_use]
    pub fn system(name: &str) -> Self {
        Self {
            namespace: "_".into(),
            name: name.into(),
        }
    }

    /// Whether this is a [`WorkloadId::system`] subject.
    #[must_use]
    pub fn is_system(&self) -> bool {
        &*self.namespace == "_"
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The name within the namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Two NATS subject tokens `namespace.name`; `.` in a name is written `=2E`, so that a token stays one token.
    #[must_use]
    pub fn subject_tokens(&self) -> String {
        format!(
            "{}.{}",
            self.namespace.replace('.', "=2E"),
            self.name.replace('.', "=2E")
        )
    }

    /// The reverse of [`WorkloadId::subject_tokens`].
    ///
    /// # Errors
    /// When the tokens do not spell a workload.
    pub fn from_subject_tokens(namespace: &str, name: &str) -> Result<Self, NameError> {
        let (namespace, name) = (namespace.replace("=2E", "."), name.replace("=2E", "."));
        if namespace == "_" {
            return Ok(Self::system(&name));
        }
        Self::new(&namespace, &name)
    }
}

impl fmt::Display for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Written for every event: without the detour of a format string.
        f.write_str(&self.namespace)?;
        f.write_str("/")?;
        f.write_str(&self.name)
    }
}

impl FromStr for WorkloadId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (namespace, name) = text
            .split_once('/')
            .ok_or_else(|| NameError::NoNamespace(text.to_owned()))?;
        if namespace == "_" {
            return Ok(Self::system(name));
        }
        Self::new(namespace, name)
    }
}

impl Serialize for WorkloadId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for WorkloadId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = WorkloadId;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a workload as namespace/name")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WorkloadId, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_checked_and_survive_the_subject() {
        let good = ["shop/checkout", "a.b/c.d-e", "0/9"];
        for text in good {
            let id: WorkloadId = text.parse().unwrap();
            let tokens = id.subject_tokens();
            let (namespace, name) = tokens.split_once('.').unwrap();
            assert!(!name.contains('.'), "{text}");
            assert_eq!(
                WorkloadId::from_subject_tokens(namespace, name).unwrap(),
                id,
                "{text}"
            );
        }
        for text in [
            "checkout", "/x", "x/", "Shop/x", "a/b*", "a/b>", "a/ b", "-a/b", "a/b.",
        ] {
            assert!(text.parse::<WorkloadId>().is_err(), "{text}");
        }
    }
}
