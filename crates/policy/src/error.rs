//! What is wrong with a policy, where, and how to mend it.

use std::fmt;
use thiserror::Error;

/// A position in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1.
    pub line: u64,
    /// The column in characters, from 1.
    pub column: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// One thing that is wrong: `shop.yaml:14:3: spec.minReplicas: 12 is above maxReplicas 10; lower one or raise the other`.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub struct PolicyError {
    /// Where it stands; `None` when the document came without a file.
    pub place: Option<Place>,
    /// The field, as `spec.metrics[0].name`; empty when it is the document as a whole.
    pub field: String,
    /// What is wrong with it.
    pub what: String,
    /// How to mend it; empty where only the author can know.
    pub mend: String,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(f, "{place}: ")?;
        }
        if !self.field.is_empty() {
            write!(f, "{}: ", self.field)?;
        }
        f.write_str(&self.what)?;
        if !self.mend.is_empty() {
            write!(f, "; {}", self.mend)?;
        }
        Ok(())
    }
}

/// Everything that is wrong, in the order of the files and their lines; never empty. Shown as one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errors(Vec<PolicyError>);

impl Errors {
    /// At least one error.
    pub(crate) fn new(errors: Vec<PolicyError>) -> Self {
        assert!(!errors.is_empty(), "a refusal names what is wrong");
        Self(errors)
    }

    /// The errors, one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, PolicyError> {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a Errors {
    type Item = &'a PolicyError;
    type IntoIter = std::slice::Iter<'a, PolicyError>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, error) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}
