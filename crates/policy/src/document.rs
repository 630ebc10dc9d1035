//! Files and values to policies.

use crate::{
    Errors, Place, Policy, PolicyError,
    check::{Check, Fault},
    decode::Decoder,
    path::{Path, Step},
    spec::Manifest,
    target::TargetKey,
    yaml::{self, Yaml},
};
use headroom_model::WorkloadId;
use serde::Deserialize as _;
use serde_json::Value;
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// A policy as it stood in a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Document {
    /// What it means.
    pub policy: Policy,
    /// What it says, as JSON: the body of `policy_applied`. [`Policy::from_value`] gives the same policy of it.
    pub value: Value,
    /// The file, as the caller named it.
    pub file: String,
    /// The line it begins at, from 1.
    pub line: u64,
}

impl Policy {
    /// Reads a policy from the body of `policy_applied`. Depends on nothing but the value.
    ///
    /// # Errors
    /// Everything that is wrong with it, without places.
    pub fn from_value(value: &Value) -> Result<Self, Errors> {
        read(value, None).map_err(|faults| {
            let unplaced = faults.into_iter().map(|fault| error(fault, None));
            Errors::new(unplaced.collect())
        })
    }
}

/// Reads the policies of several files, given as name and text; a file may hold several documents.
///
/// # Errors
/// Everything that is wrong with any of them, and policies that share a name or a target.
pub fn parse_files<F: AsRef<str>, T: AsRef<str>>(
    files: &[(F, T)],
) -> Result<Vec<Document>, Errors> {
    parse(files, None)
}

/// Like [`parse_files`] where the sources of the installation are known; `push` is always one.
///
/// # Errors
/// Those of [`parse_files`], and sources that are not there.
pub fn parse_files_with_sources<F: AsRef<str>, T: AsRef<str>>(
    files: &[(F, T)],
    sources: &BTreeSet<String>,
) -> Result<Vec<Document>, Errors> {
    parse(files, Some(sources))
}

fn parse<F: AsRef<str>, T: AsRef<str>>(
    files: &[(F, T)],
    sources: Option<&BTreeSet<String>>,
) -> Result<Vec<Document>, Errors> {
    let (mut read, mut errors) = (Vec::new(), Vec::new());
    for (file, text) in files {
        parse_file(
            file.as_ref(),
            text.as_ref(),
            sources,
            &mut read,
            &mut errors,
        );
    }
    errors.extend(shared(&read));
    // Within a file by line; the sort is stable, so what stands in one place stays in order.
    let order: BTreeMap<&str, usize> = files
        .iter()
        .map(|(file, _)| file.as_ref())
        .zip(0..)
        .collect();
    errors.sort_by_key(|error: &PolicyError| {
        let place = error.place.as_ref();
        place.map(|place| (order.get(place.file.as_str()), place.line, place.column))
    });
    if !errors.is_empty() {
        return Err(Errors::new(errors));
    }
    Ok(read.into_iter().map(|placed| placed.document).collect())
}

/// A document, and where its name and its target stand.
struct Placed {
    document: Document,
    name: Place,
    target: Place,
}

fn parse_file(
    file: &str,
    text: &str,
    sources: Option<&BTreeSet<String>>,
    placed: &mut Vec<Placed>,
    errors: &mut Vec<PolicyError>,
) {
    let documents = match yaml::documents(text) {
        Ok(documents) => documents,
        Err(yaml::NotYaml { position, what }) => {
            errors.push(PolicyError {
                place: Some(place(file, position)),
                field: String::new(),
                what,
                mend: String::new(),
            });
            return;
        }
    };
    for yaml in documents {
        let at = |path: &Path| place(file, yaml.position(path));
        match read(&yaml.value, sources) {
            Err(faults) => errors.extend(faults.into_iter().map(|fault| {
                let place = at(&fault.path);
                error(fault, Some(place))
            })),
            Ok(policy) => placed.push(Placed {
                name: at(&Path::of(&["metadata", "name"])),
                target: at(&Path::of(&["spec", "scaleTargetRef"])),
                document: document(file, policy, yaml),
            }),
        }
    }
}

fn document(file: &str, policy: Policy, yaml: Yaml) -> Document {
    let (line, _) = yaml.position(&Path::default());
    Document {
        policy,
        value: yaml.value,
        file: file.to_owned(),
        line,
    }
}

fn place(file: &str, (line, column): yaml::Position) -> Place {
    Place {
        file: file.to_owned(),
        line,
        column,
    }
}

fn error(fault: Fault, place: Option<Place>) -> PolicyError {
    PolicyError {
        place,
        field: fault.path.to_string(),
        what: fault.what,
        mend: fault.mend,
    }
}

/// The policy of a value, or all that is wrong with it.
fn read(value: &Value, sources: Option<&BTreeSet<String>>) -> Result<Policy, Vec<Fault>> {
    let mut check = Check::new(sources);
    let policy = manifest(value, &mut check).and_then(|manifest| check.policy(&manifest));
    policy.ok_or_else(|| check.into_faults())
}

/// After so many fields that do not fit, the rest of a document is not looked at.
const MOST_MISFITS: usize = 20;

/// Reads a document into its fields. What does not fit is noted, taken out, and the rest read again, so that one run
/// names everything.
fn manifest(value: &Value, check: &mut Check<'_>) -> Option<Manifest> {
    let mut value = Cow::Borrowed(value);
    for _ in 0..MOST_MISFITS {
        let misfit = match Manifest::deserialize(Decoder(&value)) {
            Ok(manifest) => return Some(manifest),
            Err(misfit) => misfit,
        };
        let out = misfit.path.nearest_field();
        let taken = out
            .as_ref()
            .is_some_and(|out| take_out(value.to_mut(), out));
        check.misfit(misfit, out);
        if !taken {
            return None;
        }
    }
    None
}

/// Removes a field; `false` when it is not there.
fn take_out(value: &mut Value, path: &Path) -> bool {
    let Some((Step::Field(name), above)) = path.steps().split_last() else {
        return false;
    };
    let parent = above.iter().try_fold(value, |value, step| match step {
        Step::Field(name) => value.get_mut(name),
        Step::Index(index) => value.get_mut(index),
    });
    let fields = parent.and_then(Value::as_object_mut);
    fields.is_some_and(|fields| fields.remove(name).is_some())
}

/// Policies that share a name, and policies that share a target; each names the other.
fn shared(placed: &[Placed]) -> Vec<PolicyError> {
    let mut names: BTreeMap<&WorkloadId, Vec<&Placed>> = BTreeMap::new();
    let mut targets: BTreeMap<TargetKey, Vec<&Placed>> = BTreeMap::new();
    for one in placed {
        let policy = &one.document.policy;
        names.entry(&policy.workload).or_default().push(one);
        targets.entry(policy.target_key()).or_default().push(one);
    }
    let mut errors = Vec::new();
    for (workload, sharing) in &names {
        let what = format!("policy {workload}");
        let mend = "give each its own name, or keep one";
        errors.extend(conflicts(
            sharing,
            |one| &one.name,
            "metadata.name",
            &what,
            mend,
        ));
    }
    for (target, sharing) in &targets {
        let what = format!("a policy for {target}");
        let mend = "a target has one policy: put all rules into it";
        let field = "spec.scaleTargetRef";
        errors.extend(conflicts(sharing, |one| &one.target, field, &what, mend));
    }
    errors
}

/// One error for each of several: it names the first, and the first names the second.
fn conflicts(
    sharing: &[&Placed],
    place: impl Fn(&Placed) -> &Place,
    field: &str,
    what: &str,
    mend: &str,
) -> Vec<PolicyError> {
    if sharing.len() < 2 {
        return Vec::new();
    }
    let error = |(number, one): (usize, &&Placed)| {
        let other = sharing[usize::from(number == 0)];
        let other_place = place(other);
        let owner = &other.document.policy.workload;
        PolicyError {
            place: Some(place(one).clone()),
            field: field.to_owned(),
            what: format!("{what} is also at {other_place} (policy {owner})"),
            mend: mend.to_owned(),
        }
    };
    sharing.iter().enumerate().map(error).collect()
}
