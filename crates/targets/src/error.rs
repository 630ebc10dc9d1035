//! What can go wrong with a target.

use crate::TargetName;
use headroom_model::{Generation, Span};
use std::{error::Error as StdError, fmt, io};
use thiserror::Error;

/// Why a target did not do or say something.
#[derive(Debug, Error)]
pub enum TargetError {
    /// `headroom.yaml` does not name it.
    #[error(
        "target {kind} {name} is not configured for namespace {namespace} (it has {configured}); add it to headroom.yaml \
         under the key targets: {{ kind: {kind}, namespace: {namespace}, name: {name}, … }}"
    )]
    NotConfigured {
        /// The kind that the policy names.
        kind: String,
        /// The policy's namespace.
        namespace: String,
        /// The name that the policy gives.
        name: String,
        /// What is configured for that namespace, for people.
        configured: String,
    },
    /// A newer order was carried out, or begun, before this one. Nothing was changed.
    #[error("target {target}: the order of generation {offered} is older than {}; nothing was changed", newest(.known))]
    OlderGeneration {
        /// The target.
        target: TargetName,
        /// The order's generation.
        offered: Generation,
        /// The newer one, where the target says.
        known: Option<Generation>,
    },
    /// The target cannot be asked for its count.
    #[error(
        "target {target}: its count cannot be read; add a read program to it under targets in headroom.yaml"
    )]
    Unsupported {
        /// The target.
        target: TargetName,
    },
    /// No answer in time. What was begun has been killed; the target may have changed.
    #[error("target {target}: {what} did not end within {after} and was killed; {}", .said.hint())]
    TimedOut {
        /// The target.
        target: TargetName,
        /// What was waited for.
        what: String,
        /// How long.
        after: Span,
        /// What it printed last.
        said: Said,
    },
    /// Something else.
    #[error("target {target}: {problem}")]
    Failed {
        /// The target.
        target: TargetName,
        /// What, where, and how to mend it.
        problem: String,
        /// Whether the same order may succeed later without anyone changing anything.
        retry: bool,
        /// What the system said.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
}

impl TargetError {
    /// Whether the same order may succeed later without anyone changing anything. Where it may not be given twice
    /// ([`crate::Guarantee::AtLeastOnce`]) is for the caller to weigh.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Failed { retry, .. } => *retry,
            Self::TimedOut { .. } => true,
            Self::NotConfigured { .. }
            | Self::OlderGeneration { .. }
            | Self::Unsupported { .. } => false,
        }
    }
}

fn newest(known: &Option<Generation>) -> String {
    known.map_or_else(
        || "the newest one that it knows".to_owned(),
        |known| format!("generation {known}, which came before"),
    )
}

/// The end of what a program printed, for a message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said(pub String);

impl Said {
    fn hint(&self) -> String {
        if self.0.is_empty() {
            "it printed nothing".to_owned()
        } else {
            format!("it printed: {}", self.0)
        }
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.hint())
    }
}

/// A failure deep in a driver, where the target's name is not at hand.
#[derive(Debug)]
pub(crate) struct Fault {
    problem: String,
    retry: bool,
    source: Option<io::Error>,
}

impl Fault {
    /// Someone has to change something first.
    pub(crate) fn lasting(problem: impl Into<String>) -> Self {
        Self {
            problem: problem.into(),
            retry: false,
            source: None,
        }
    }

    /// It may pass.
    pub(crate) fn passing(problem: impl Into<String>) -> Self {
        Self {
            retry: true,
            ..Self::lasting(problem)
        }
    }

    /// The system refused. A missing file or permission lasts until someone acts; everything else may pass.
    pub(crate) fn io(problem: impl Into<String>, source: io::Error) -> Self {
        use io::ErrorKind::{
            InvalidInput, IsADirectory, NotADirectory, NotFound, PermissionDenied,
        };
        let lasting = matches!(
            source.kind(),
            NotFound | PermissionDenied | NotADirectory | IsADirectory | InvalidInput
        );
        Self {
            problem: problem.into(),
            retry: !lasting,
            source: Some(source),
        }
    }

    /// Names the target.
    pub(crate) fn at(self, target: &TargetName) -> TargetError {
        TargetError::Failed {
            target: target.clone(),
            problem: self.problem,
            retry: self.retry,
            source: self.source.map(Into::into),
        }
    }
}
