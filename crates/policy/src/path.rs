//! Where in a document something stands.

use std::fmt;

/// One step from a node to a node below it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    /// Into the field of this name.
    Field(String),
    /// Into the element at this place, from 0.
    Index(usize),
}

/// The steps from the root of a document; shown as `spec.metrics[0].name`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Path(Vec<Step>);

impl Path {
    /// The fields of these names, one within the other.
    pub(crate) fn of(fields: &[&str]) -> Self {
        Self(
            fields
                .iter()
                .map(|&name| Step::Field(name.to_owned()))
                .collect(),
        )
    }

    /// The field `name` of what stands here.
    pub(crate) fn field(&self, name: &str) -> Self {
        self.step(Step::Field(name.to_owned()))
    }

    /// The element `index` of what stands here.
    pub(crate) fn index(&self, index: usize) -> Self {
        self.step(Step::Index(index))
    }

    fn step(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The same path read from `step`, the parent of its root.
    pub(crate) fn under(mut self, step: Step) -> Self {
        self.0.insert(0, step);
        self
    }

    /// `rest`, seen from the root that this leads from.
    pub(crate) fn join(&self, rest: &Self) -> Self {
        Self(self.0.iter().chain(&rest.0).cloned().collect())
    }

    /// The same below `to`, of what is `from` or lies below it.
    pub(crate) fn moved(&self, from: &Self, to: &Self) -> Option<Self> {
        let rest = self.0.strip_prefix(from.0.as_slice())?;
        Some(to.join(&Self(rest.to_vec())))
    }

    /// The steps, outermost first.
    pub(crate) fn steps(&self) -> &[Step] {
        &self.0
    }

    /// What this stands in; `None` for the root.
    pub(crate) fn parent(&self) -> Option<Self> {
        let (_, above) = self.0.split_last()?;
        Some(Self(above.to_vec()))
    }

    /// The innermost field on the way, itself included; `None` when there is only the root, or only elements.
    pub(crate) fn nearest_field(&self) -> Option<Self> {
        let last = self
            .0
            .iter()
            .rposition(|step| matches!(step, Step::Field(_)))?;
        Some(Self(self.0[..=last].to_vec()))
    }

    /// Whether `other` is this path or lies below it.
    pub(crate) fn covers(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Field(name) => {
                    if place > 0 {
                        f.write_str(".")?;
                    }
                    let plain = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
                    if !name.is_empty() && name.chars().all(plain) {
                        f.write_str(name)?;
                    } else {
                        write!(f, "{name:?}")?;
                    }
                }
            }
        }
        Ok(())
    }
}
