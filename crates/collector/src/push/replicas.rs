//! Numbers of single replicas, as a push brings them. Pure.

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{MapAccess, Visitor},
};
use std::{collections::BTreeMap, fmt};
use thiserror::Error;

/// A push has numbers of so many replicas at most: with names of 40 bytes they are a quarter of a megabyte.
pub const MOST_REPLICAS: usize = 5000;
/// The longest name of a replica, in bytes: as long as a name in Kubernetes can be.
pub const LONGEST_REPLICA: usize = 253;

/// A finite number for each of 1 to [`MOST_REPLICAS`] replicas, by name.
#[derive(Clone, Debug, PartialEq)]
pub struct ReplicaValues(BTreeMap<String, f64>);

/// Numbers of replicas that cannot be pushed.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum ReplicasError {
    /// There are none.
    #[error("no replica is named; name at least one, or give one value for the whole workload")]
    Empty,
    /// There are too many.
    #[error(
        "there are more than {MOST_REPLICAS} replicas; give one value for the whole workload instead"
    )]
    TooMany,
    /// A name is empty or very long.
    #[error("a replica's name has 1 to {LONGEST_REPLICA} bytes, this one has {0}")]
    Name(usize),
    /// A name has blanks around it, which are hard to see.
    #[error("the name of replica {0:?} begins or ends with a blank; take that out")]
    Blank(String),
    /// A replica occurs again.
    #[error("replica {0:?} is named twice; give it one number")]
    Twice(String),
    /// What is said of a replica is no number.
    #[error("{value} of replica {name:?} is no finite number; leave out a replica that has none")]
    NotFinite {
        /// Its name.
        name: String,
        /// What is said.
        value: f64,
    },
}

impl ReplicaValues {
    /// Checks names and numbers.
    ///
    /// # Errors
    /// Says what is wrong with the first that is.
    pub fn new(each: impl IntoIterator<Item = (String, f64)>) -> Result<Self, ReplicasError> {
        let mut values = BTreeMap::new();
        for (name, value) in each {
            if !(1..=LONGEST_REPLICA).contains(&name.len()) {
                return Err(ReplicasError::Name(name.len()));
            }
            if name.trim() != name {
                return Err(ReplicasError::Blank(name));
            }
            if values.contains_key(&name) {
                return Err(ReplicasError::Twice(name));
            }
            if !value.is_finite() {
                return Err(ReplicasError::NotFinite { name, value });
            }
            if values.len() == MOST_REPLICAS {
                return Err(ReplicasError::TooMany);
            }
            values.insert(name, value);
        }
        match values.is_empty() {
            true => Err(ReplicasError::Empty),
            false => Ok(Self(values)),
        }
    }

    /// How many replicas there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// The names, and the number of each, both in the order of the names.
    pub(super) fn into_columns(self) -> (Vec<String>, Vec<f64>) {
        self.0.into_iter().unzip()
    }
}

/// Names and numbers as a JSON object has them, in its order: also what is there twice, so that it can be refused.
#[derive(Debug)]
pub(super) struct Pairs(pub(super) Vec<(String, f64)>);

impl From<&ReplicaValues> for Pairs {
    fn from(values: &ReplicaValues) -> Self {
        let pairs = values.0.iter().map(|(name, value)| (name.clone(), *value));
        Self(pairs.collect())
    }
}

impl Serialize for Pairs {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;

        impl<'de> Visitor<'de> for Object {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with a number for each replica")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }

        deserializer.deserialize_map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(each: &[(&str, f64)]) -> String {
        let each = each.iter().map(|(name, value)| (name.to_string(), *value));
        match ReplicaValues::new(each) {
            Ok(values) => format!("{:?}", values.into_columns()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_cannot_be_is_refused_and_says_why() {
        let long = "x".repeat(254);
        let cases: [(&[(&str, f64)], &str); 9] = [
            (
                &[("web-1", 9.0), ("web-0", -1.5)],
                r#"(["web-0", "web-1"], [-1.5, 9.0])"#,
            ),
            (&[], "no replica is named; name at least one"),
            (
                &[("", 1.0)],
                "a replica's name has 1 to 253 bytes, this one has 0",
            ),
            (
                &[(&long, 1.0)],
                "a replica's name has 1 to 253 bytes, this one has 254",
            ),
            (
                &[(" web-0", 1.0)],
                r#"the name of replica " web-0" begins or ends with a blank"#,
            ),
            (
                &[("a", 1.0), ("b", 1.0), ("a", 1.0)],
                r#"replica "a" is named twice; give it one number"#,
            ),
            (
                &[("a", f64::NAN)],
                r#"NaN of replica "a" is no finite number; leave out"#,
            ),
            (
                &[("a", 1.0), ("b", f64::NEG_INFINITY)],
                r#"-inf of replica "b" is no finite number"#,
            ),
            (&[("a", 1.0), ("", f64::NAN)], "a replica's name has"),
        ];
        for (each, want) in cases {
            let said = said(each);
            assert!(said.starts_with(want), "{each:?}: {said}");
        }
    }

    #[test]
    fn five_thousand_are_taken_and_one_more_is_not() {
        let each = |count: usize| (0..count).map(|number| (format!("web-{number}"), 1.0));
        let most = ReplicaValues::new(each(5000)).unwrap();
        assert_eq!(most.count(), 5000);
        assert_eq!(ReplicaValues::new(each(5001)), Err(ReplicasError::TooMany));
    }
}
