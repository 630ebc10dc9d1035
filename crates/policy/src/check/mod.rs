//! From what people wrote to what machines obey: every check, every default.

mod behavior;
mod evaluation;
mod fields;
mod metrics;
mod origin;
mod rules;
mod selector;
mod target_value;
mod thresholds;

pub(crate) use behavior::{LONGEST_PERIOD, LONGEST_WINDOW, TOLERANCE};
pub(crate) use evaluation::{
    CPU_INITIALIZATION_PERIOD, DOWNSCALE_STABILIZATION, INITIAL_READINESS_DELAY, PERIOD,
};
pub(crate) use fields::LONGEST_NAME;
pub(crate) use origin::LONGEST_QUERY;
pub use origin::PUSH;

use crate::{
    Cooldown, Pace, Policy, autoscale,
    misfit::Misfit,
    path::Path,
    spec::{CooldownSpec, Manifest, Metadata, ScaleTargetRef, Spec},
};
use headroom_model::{Replicas, Span, WorkloadId, body::TargetRef};
use std::collections::BTreeSet;

/// The kinds of documents: `apiVersion` and `kind`.
pub(crate) const KINDS: [(&str, &str); 2] = [
    ("headroom.dev/v1alpha1", "ScalingPolicy"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
];
/// The largest count that Kubernetes can express.
pub(crate) const MOST_REPLICAS: i64 = i32::MAX as i64;
/// The longest cooldown and "for".
const DAY: Span = Span::seconds(86_400);

/// One thing that is wrong, and where in the document.
#[derive(Debug)]
pub(crate) struct Fault {
    /// Where.
    pub(crate) path: Path,
    /// What is wrong.
    pub(crate) what: String,
    /// How to mend it.
    pub(crate) mend: String,
}

/// Collects what is wrong with one document.
#[derive(Default)]
pub(crate) struct Check<'a> {
    /// The sources there are, where that is known.
    sources: Option<&'a BTreeSet<String>>,
    faults: Vec<Fault>,
    /// What could not be read and is already named, so that nothing below it is called missing.
    blamed: Vec<Path>,
}

impl<'a> Check<'a> {
    /// Nothing is wrong yet. Without `sources`, every source is taken to be there.
    pub(crate) fn new(sources: Option<&'a BTreeSet<String>>) -> Self {
        Self {
            sources,
            ..Self::default()
        }
    }

    /// Whether anything is wrong so far.
    pub(crate) fn has_faults(&self) -> bool {
        !self.faults.is_empty()
    }

    /// Whether anything is wrong at `path` or below it.
    pub(crate) fn has_faults_below(&self, path: &Path) -> bool {
        self.faults.iter().any(|fault| path.covers(&fault.path))
    }

    /// Notes the faults of a document that stands within this one, at `at`.
    pub(crate) fn within(&mut self, at: &Path, inner: Check<'_>) {
        let placed = |fault: Fault| Fault {
            path: at.join(&fault.path),
            ..fault
        };
        self.faults.extend(inner.faults.into_iter().map(placed));
        let blamed = inner.blamed.iter().map(|path| at.join(path));
        self.blamed.extend(blamed);
    }

    /// What could not be read and is already named.
    pub(crate) fn blamed(&self) -> &[Path] {
        &self.blamed
    }

    /// Takes what could not be read as named already.
    pub(crate) fn blame(&mut self, lost: Vec<Path>) {
        self.blamed.extend(lost);
    }

    /// What is wrong, in the order it was found.
    pub(crate) fn into_faults(self) -> Vec<Fault> {
        self.faults
    }

    /// Notes what does not fit; `out` is taken out of the document before it is read on.
    pub(crate) fn misfit(&mut self, misfit: Misfit, out: Option<Path>) {
        if let (Some(parent), Some(meant)) = (misfit.path.parent(), misfit.meant) {
            self.blamed.push(parent.field(meant));
        }
        self.blamed.extend(out);
        self.faults.push(Fault {
            path: misfit.path,
            what: misfit.what,
            mend: misfit.mend,
        });
    }

    /// Notes a fault, unless it follows from one that is already named.
    pub(crate) fn fault(&mut self, path: &Path, what: impl Into<String>, mend: impl Into<String>) {
        if self.is_blamed(path) {
            return;
        }
        self.faults.push(Fault {
            path: path.clone(),
            what: what.into(),
            mend: mend.into(),
        });
    }

    fn is_blamed(&self, path: &Path) -> bool {
        self.blamed.iter().any(|blamed| blamed.covers(path))
    }

    /// The policy that a document means, if nothing is wrong with it.
    pub(crate) fn policy(&mut self, manifest: &Manifest) -> Option<Policy> {
        self.kind(manifest);
        let metadata = self.required(&Path::of(&["metadata"]), manifest.metadata.as_ref());
        let workload = metadata.and_then(|metadata| self.workload(metadata));
        let spec = self.required(&Path::of(&["spec"]), manifest.spec.as_ref());
        let is_hpa = manifest.kind.as_deref() == Some(KINDS[1].1);
        let policy = spec.and_then(|spec| match is_hpa {
            true => {
                let mut spec = spec.clone();
                autoscale::complete(&mut spec);
                self.spec(workload, &spec)
            }
            false => self.spec(workload, spec),
        });
        policy.filter(|_| self.faults.is_empty())
    }

    fn kind(&mut self, manifest: &Manifest) {
        let version_at = Path::of(&["apiVersion"]);
        let kind_at = Path::of(&["kind"]);
        let version = self.required(&version_at, manifest.api_version.as_deref());
        let kind = self.required(&kind_at, manifest.kind.as_deref());
        let (Some(version), Some(kind)) = (version, kind) else {
            return;
        };
        match KINDS.iter().find(|(_, known)| *known == kind) {
            None if version == "v1" && kind == "List" => self.fault(
                &kind_at,
                "a List is not a policy",
                "make policies of a list of HorizontalPodAutoscalers with headroom import",
            ),
            None => self.fault(
                &kind_at,
                format!("{kind:?} is not a kind of policy"),
                "write ScalingPolicy",
            ),
            Some((known, _)) if *known != version && version.starts_with("autoscaling/") => {
                self.fault(
                    &version_at,
                    format!("{version:?} is not a version of {kind} that is read here"),
                    format!("make a policy of it with headroom import, or write it as {known}"),
                );
            }
            Some((known, _)) if *known != version => self.fault(
                &version_at,
                format!("{version:?} is not a version of {kind} that is known here"),
                format!("write {known}"),
            ),
            Some(_) => {}
        }
    }

    fn workload(&mut self, metadata: &Metadata) -> Option<WorkloadId> {
        let name_at = Path::of(&["metadata", "name"]);
        let name = self.required(&name_at, metadata.name.as_deref());
        let name = name.filter(|name| self.workload_name(&name_at, name));
        let namespace = metadata.namespace.as_deref().unwrap_or("default");
        let namespace_at = Path::of(&["metadata", "namespace"]);
        if !self.workload_name(&namespace_at, namespace) {
            return None;
        }
        WorkloadId::new(namespace, name?).ok()
    }

    fn spec(&mut self, workload: Option<WorkloadId>, spec: &Spec) -> Option<Policy> {
        let at = Path::of(&["spec"]);
        let target_at = at.field("scaleTargetRef");
        let target = self.required(&target_at, spec.scale_target_ref.as_ref());
        let target = target.and_then(|target| self.target(&target_at, target));
        let bounds = self.bounds(&at, spec);
        let rules = self.rules(&at, spec, bounds);
        let evaluation = self.evaluation(&at.field("evaluation"), spec.evaluation.as_ref());
        let behavior = spec.behavior.as_ref();
        let scale_up = self.scale_up(&at, behavior, evaluation.as_ref());
        let scale_down = self.scale_down(&at, behavior, evaluation.as_ref());
        let cooldown = self.cooldown(&at.field("cooldown"), spec.cooldown.as_ref());
        let (min_replicas, max_replicas) = bounds?;
        Some(Policy {
            workload: workload?,
            target: target?,
            min_replicas,
            max_replicas,
            mode: spec.mode.unwrap_or_default(),
            rules: rules?,
            evaluation: evaluation?.evaluation,
            pace: match behavior {
                Some(_) => Pace::Behavior,
                None => Pace::Plain,
            },
            scale_up: scale_up?,
            scale_down: scale_down?,
            cooldown: cooldown?,
            justification: spec.justification.clone(),
        })
    }

    fn target(&mut self, at: &Path, target: &ScaleTargetRef) -> Option<TargetRef> {
        let kind = self.label(&at.field("kind"), target.kind.as_deref());
        let name = self.label(&at.field("name"), target.name.as_deref());
        let version_at = at.field("apiVersion");
        let api_version = match target.api_version.as_deref() {
            None => None,
            version => Some(self.label(&version_at, version)?.to_owned()),
        };
        Some(TargetRef {
            api_version,
            kind: kind?.to_owned(),
            name: name?.to_owned(),
        })
    }

    fn bounds(&mut self, at: &Path, spec: &Spec) -> Option<(Replicas, Replicas)> {
        let (min_at, max_at) = (at.field("minReplicas"), at.field("maxReplicas"));
        let min = self.whole(&min_at, spec.min_replicas.unwrap_or(1), 0..=MOST_REPLICAS);
        let max = self.required(&max_at, spec.max_replicas);
        let max = max.and_then(|max| self.whole(&max_at, max, 1..=MOST_REPLICAS));
        let (min, max) = (Replicas(min?), Replicas(max?));
        if min > max {
            self.fault(
                &min_at,
                format!("{min} is above maxReplicas {max}"),
                "lower one or raise the other",
            );
            return None;
        }
        Some((min, max))
    }

    fn cooldown(&mut self, at: &Path, cooldown: Option<&CooldownSpec>) -> Option<Cooldown> {
        let Some(cooldown) = cooldown else {
            return Some(Cooldown::default());
        };
        let rests = Span::ZERO..=DAY;
        let up = self.span(
            &at.field("scaleUp"),
            cooldown.scale_up.as_ref(),
            rests.clone(),
        );
        let down = self.span(&at.field("scaleDown"), cooldown.scale_down.as_ref(), rests);
        Some(Cooldown {
            up: up?.unwrap_or_default(),
            down: down?.unwrap_or_default(),
        })
    }
}
