//! Names of workloads, and how they become subject tokens.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::{fmt, str::FromStr, sync::Arc};
use thiserror::Error;

/// The workload an event is about: `namespace/name` of its policy.
///
/// Both parts are 1–253 characters of `a-z`, `0-9`, `-`, `.`, as Kubernetes has them. Events about no workload (ticks,
/// failures of a whole source) carry [`WorkloadId::system`], which no policy can be named.
///
/// Every event is looked up by it several times, so it is one text, and its hash is made once.
#[derive(Clone)]
pub struct WorkloadId {
    /// `namespace/name`.
    text: Arc<str>,
    hash: u64,
    /// Where the first `/` stands: a namespace has none, and is not longer than 253.
    slash: u8,
}

impl PartialEq for WorkloadId {
    fn eq(&self, other: &Self) -> bool {
        self.hash == other.hash && (Arc::ptr_eq(&self.text, &other.text) || self.text == other.text)
    }
}

impl Eq for WorkloadId {}

impl Hash for WorkloadId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

impl Ord for WorkloadId {
    fn cmp(&self, other: &Self) -> Ordering {
        if self.slash == other.slash {
            return self.text.cmp(&other.text);
        }
        // Of the whole text it would be another order: some characters come before the slash.
        (self.namespace(), self.name()).cmp(&(other.namespace(), other.name()))
    }
}

impl PartialOrd for WorkloadId {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Debug for WorkloadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WorkloadId({:?})", self.text)
    }
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
    let edge = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let inner = |byte: &u8| edge(byte) || matches!(byte, b'-' | b'.');
    let bytes = part.as_bytes();
    let good = bytes.iter().all(inner)
        && bytes.first().is_some_and(edge)
        && bytes.last().is_some_and(edge);
    if good {
        return Ok(());
    }
    let inner = |c: &char| u8::try_from(*c).is_ok_and(|byte| inner(&byte));
    let edge = |c: &char| u8::try_from(*c).is_ok_and(|byte| edge(&byte));
    let wrong = part.chars().find(|c| !inner(c));
    let mut edges = part.chars().next().into_iter().chain(part.chars().last());
    let wrong = wrong.or_else(|| edges.find(|c| !edge(c)));
    wrong.map_or(Ok(()), |wrong| {
        Err(NameError::Character(part.to_owned(), wrong))
    })
}

impl WorkloadId {
    /// Checks both parts.
    ///
    /// # Errors
    /// Says which part cannot be a name, and why.
    pub fn new(namespace: &str, name: &str) -> Result<Self, NameError> {
        check(namespace)?;
        check(name)?;
        Ok(Self::of(
            format!("{namespace}/{name}").into(),
            namespace.len(),
        ))
    }

    fn of(text: Arc<str>, slash: usize) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(text.as_bytes());
        Self {
            hash: hasher.finish(),
            slash: u8::try_from(slash).expect("a namespace is at most 253 characters long"),
            text,
        }
    }

    /// The subject of events that are about no single workload: `_/<name>`.
    #[must_use]
    pub fn system(name: &str) -> Self {
        Self::of(format!("_/{name}").into(), 1)
    }

    /// Whether this is a [`WorkloadId::system`] subject.
    #[must_use]
    pub fn is_system(&self) -> bool {
        self.namespace() == "_"
    }

    /// The namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.text[..usize::from(self.slash)]
    }

    /// The name within the namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.text[usize::from(self.slash) + 1..]
    }

    /// Both: `namespace/name`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Two NATS subject tokens `namespace.name`; `.` in a name is written `=2E`, so that a token stays one token.
    #[must_use]
    pub fn subject_tokens(&self) -> String {
        format!(
            "{}.{}",
            self.namespace().replace('.', "=2E"),
            self.name().replace('.', "=2E")
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
        f.pad(&self.text)
    }
}

impl FromStr for WorkloadId {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let (namespace, name) = text
            .split_once('/')
            .ok_or_else(|| NameError::NoNamespace(text.to_owned()))?;
        if namespace != "_" {
            check(namespace)?;
            check(name)?;
        }
        Ok(Self::of(text.into(), namespace.len()))
    }
}

impl Serialize for WorkloadId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
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
    fn namespaces_come_before_names_and_equal_ids_hash_alike() {
        let ids = ["a/z", "a-b/a", "a.b/a", "b/a"];
        let ids = ids.map(|text| text.parse::<WorkloadId>().unwrap());
        assert!(ids.is_sorted(), "{ids:?}");
        for id in &ids {
            let again = WorkloadId::new(id.namespace(), id.name()).unwrap();
            assert_eq!((&again, again.cmp(id)), (id, Ordering::Equal));
            let hashed = |id: &WorkloadId| {
                let mut hasher = DefaultHasher::new();
                id.hash(&mut hasher);
                hasher.finish()
            };
            assert_eq!(hashed(&again), hashed(id));
        }
        let system: WorkloadId = "_/clock/of/all".parse().unwrap();
        assert_eq!(system, WorkloadId::system("clock/of/all"));
        assert!(system.is_system());
        assert_eq!(system.name(), "clock/of/all");
    }

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
