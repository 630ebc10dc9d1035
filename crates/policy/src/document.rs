//! Files and values to policies.

use crate::{
    Errors, Place, Policy, PolicyError,
    check::{Check, Fault},
    decode::Decoder,
    path::{Path, Step},
    shared::{self, Placed},
    spec::Manifest,
    strangers, yaml,
};
use serde::Deserialize;
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
    /// A metric of a type that this build does not know, which another build applied, becomes a rule that cannot say
    /// ([`crate::Strategy::Unknown`]): the policy stays in force, and takes nothing away.
    ///
    /// # Errors
    /// Everything that is wrong with it, without places.
    pub fn from_value(value: &Value) -> Result<Self, Errors> {
        strangers::read(value, |known| read(known, None)).map_err(|faults| {
            let unplaced = faults.into_iter().map(|fault| error(fault, None));
            Errors::new(unplaced.collect())
        })
    }
}

/// Reads the policies of several files, given as name and text; a file may hold several documents.
///
/// # Errors
/// Everything that is wrong with any of them, files without a policy, and policies that share a name or a target.
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
    errors.extend(shared::conflicts(&read));
    in_order(files, &mut errors);
    if !errors.is_empty() {
        return Err(Errors::new(errors));
    }
    Ok(read.into_iter().map(|placed| placed.document).collect())
}

/// Sorts by file and place. What stands in one place stays in order.
pub(crate) fn in_order<F: AsRef<str>, T>(files: &[(F, T)], errors: &mut [PolicyError]) {
    let order: BTreeMap<&str, usize> = files
        .iter()
        .map(|(file, _)| file.as_ref())
        .zip(0..)
        .collect();
    errors.sort_by_key(|error| {
        let place = error.place.as_ref();
        place.map(|place| (order.get(place.file.as_str()), place.line, place.column))
    });
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
        Err(not_yaml) => {
            errors.push(unreadable(file, not_yaml));
            return;
        }
    };
    if documents.is_empty() {
        errors.push(PolicyError {
            place: Some(place(file, (1, 1))),
            field: String::new(),
            what: "there is no policy in it".to_owned(),
            mend: "write one, or leave the file out".to_owned(),
        });
    }
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
                document: Document {
                    policy,
                    file: file.to_owned(),
                    line: at(&Path::default()).line,
                    value: yaml.value,
                },
            }),
        }
    }
}

pub(crate) fn unreadable(file: &str, not_yaml: yaml::NotYaml) -> PolicyError {
    PolicyError {
        place: Some(place(file, not_yaml.position)),
        field: String::new(),
        what: not_yaml.what,
        mend: not_yaml.mend.to_owned(),
    }
}

pub(crate) fn place(file: &str, (line, column): yaml::Position) -> Place {
    Place {
        file: file.to_owned(),
        line,
        column,
    }
}

pub(crate) fn error(fault: Fault, place: Option<Place>) -> PolicyError {
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
    let manifest: Option<Manifest> = decode(value, &mut check);
    let policy = manifest.and_then(|manifest| check.policy(&manifest));
    policy.ok_or_else(|| check.into_faults())
}

/// After so many fields that do not fit, the rest of a document is not looked at.
const MOST_MISFITS: usize = 20;

/// Reads a document into its fields. What does not fit is noted, taken out, and the rest read again, so that one run
/// names everything.
pub(crate) fn decode<T>(value: &Value, check: &mut Check<'_>) -> Option<T>
where
    T: for<'de> Deserialize<'de>,
{
    let mut value = Cow::Borrowed(value);
    for _ in 0..MOST_MISFITS {
        let misfit = match T::deserialize(Decoder(&value)) {
            Ok(fields) => return Some(fields),
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
