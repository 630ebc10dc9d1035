//! HorizontalPodAutoscalers to policies that mean the same.
//!
//! What a manifest does not say is taken as a cluster takes it; what a policy cannot say is an error, never left out. One
//! file per version of the API, and all lead to the fields of autoscaling/v2, which are those of a policy.

mod annotation;
mod flat;
mod items;
mod moved;
mod settings;
mod v1;
mod v2;
mod v2beta1;

pub use settings::Settings;

use crate::{
    Document, Errors, Policy, PolicyError, autoscale,
    check::{Check, Fault},
    document,
    path::Path,
    shared::{self, Placed},
    spec::Manifest,
};
use items::Item;
use moved::Moved;

/// A HorizontalPodAutoscaler, and the policy that means the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The policy as it is written.
    pub manifest: Manifest,
    /// The policy as it is read, and where the autoscaler stood.
    pub document: Document,
    /// The version of the API it was written in.
    pub api_version: String,
    /// Whether it had no metrics, and so got the one that a cluster gives.
    pub default_metric: bool,
}

/// Reads the HorizontalPodAutoscalers of several files, given as name and text: one or more documents each, a `List` of them
/// among these. Versions are autoscaling/v2, v2beta2, v2beta1 and v1.
///
/// # Errors
/// Everything that a policy cannot say, and what is not a HorizontalPodAutoscaler; two of one name or one target; settings
/// out of range.
pub fn import_files<F: AsRef<str>, T: AsRef<str>>(
    files: &[(F, T)],
    settings: &Settings,
) -> Result<Vec<Imported>, Errors> {
    let mut errors = settings.errors();
    if !errors.is_empty() {
        return Err(Errors::new(errors));
    }
    let (mut read, mut imported) = (Vec::new(), Vec::new());
    for (file, text) in files {
        let items = match items::of(file.as_ref(), text.as_ref()) {
            Ok(items) => items,
            Err(wrong) => {
                errors.extend(wrong);
                continue;
            }
        };
        for item in items {
            match import(&item, settings) {
                Ok(one) => {
                    read.push(placed(&item, &one));
                    imported.push(one);
                }
                Err(faults) => errors.extend(faults.into_iter().map(|fault| item.error(fault))),
            }
        }
    }
    errors.extend(shared::conflicts(&read));
    document::in_order(files, &mut errors);
    if errors.is_empty() {
        Ok(imported)
    } else {
        Err(Errors::new(errors))
    }
}

/// What a version's reader makes of a document.
struct Reading {
    /// It, in the fields of autoscaling/v2.
    manifest: Manifest,
    /// Where those fields stood before.
    moved: Moved,
    /// Those of them that could not be read, which is named already.
    lost: Vec<Path>,
}

fn import(item: &Item, settings: &Settings) -> Result<Imported, Vec<Fault>> {
    let mut check = Check::new(None);
    let Some(api_version) = item.version(&mut check) else {
        return Err(check.into_faults());
    };
    let reading = match api_version {
        "autoscaling/v2" => v2::read(&item.value, &mut check),
        "autoscaling/v2beta2" => v2::read_beta(&item.value, &mut check),
        "autoscaling/v2beta1" => v2beta1::read(&item.value, &mut check),
        _ => v1::read(&item.value, &mut check),
    };
    let Some(Reading {
        mut manifest,
        moved,
        lost,
    }) = reading
    else {
        return Err(check.into_faults());
    };
    let default_metric = complete(&mut manifest);
    settings.apply(&mut manifest);
    let mut of_v2 = Check::new(None);
    of_v2.blame(lost);
    let policy = of_v2.policy(&manifest);
    for fault in of_v2.into_faults() {
        check.fault(&moved.back(&fault.path), fault.what, fault.mend);
    }
    let Some(policy) = policy.filter(|_| !check.has_faults()) else {
        return Err(check.into_faults());
    };
    Ok(Imported {
        document: written(item, &manifest, policy),
        manifest,
        api_version: api_version.to_owned(),
        default_metric,
    })
}

/// Writes out what a cluster fills in; the rest is the default of a policy too. Whether there were no metrics.
fn complete(manifest: &mut Manifest) -> bool {
    manifest.api_version = Some("headroom.dev/v1alpha1".to_owned());
    manifest.kind = Some("ScalingPolicy".to_owned());
    let Some(spec) = &mut manifest.spec else {
        return false;
    };
    spec.min_replicas.get_or_insert(1);
    autoscale::complete(spec)
}

fn written(item: &Item, manifest: &Manifest, policy: Policy) -> Document {
    Document {
        policy,
        value: serde_json::to_value(manifest).expect("the fields of a policy are JSON"),
        file: item.file.clone(),
        line: item.place(&Path::default()).line,
    }
}

fn placed(item: &Item, imported: &Imported) -> Placed {
    Placed {
        document: imported.document.clone(),
        name: item.place(&Path::of(&["metadata", "name"])),
        target: item.place(&Path::of(&["spec", "scaleTargetRef"])),
    }
}

/// An error without a place.
fn unplaced(field: &str, what: String, mend: String) -> PolicyError {
    PolicyError {
        place: None,
        field: field.to_owned(),
        what,
        mend,
    }
}
