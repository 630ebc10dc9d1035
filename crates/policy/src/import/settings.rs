//! What an HPA has not from its manifest, but from the flags of its controller; and what else an import is told.

use super::unplaced;
use crate::{
    PolicyError,
    check::{
        CPU_INITIALIZATION_PERIOD, Check, DOWNSCALE_STABILIZATION, INITIAL_READINESS_DELAY, PERIOD,
        TOLERANCE,
    },
    path::Path,
    quantity::Quantity,
    spec::{Amount, Duration, EvaluationSpec, Manifest, Spec, TriggerSpec},
};
use headroom_model::{Span, body::Mode};

/// What holds for all manifests that do not say it themselves. `None` is the default of the controller's flag.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The policies are to decide without acting.
    pub shadow: bool,
    /// The namespace of manifests that name none.
    pub namespace: Option<String>,
    /// `--horizontal-pod-autoscaler-sync-period`
    pub sync_period: Option<Span>,
    /// `--horizontal-pod-autoscaler-downscale-stabilization`
    pub downscale_stabilization: Option<Span>,
    /// `--horizontal-pod-autoscaler-cpu-initialization-period`
    pub cpu_initialization_period: Option<Span>,
    /// `--horizontal-pod-autoscaler-initial-readiness-delay`
    pub initial_readiness_delay: Option<Span>,
    /// `--horizontal-pod-autoscaler-tolerance`, as a ratio.
    pub tolerance: Option<String>,
}

/// The fields of `evaluation`, and the flags that they have here.
const FLAGS: [(&str, &str); 5] = [
    ("period", "--sync-period"),
    ("downscaleStabilization", "--downscale-stabilization"),
    ("cpuInitializationPeriod", "--cpu-initialization-period"),
    ("initialReadinessDelay", "--initial-readiness-delay"),
    ("tolerance", "--tolerance"),
];

impl Settings {
    /// What is out of range, by flag.
    pub(super) fn errors(&self) -> Vec<PolicyError> {
        let mut check = Check::new(None);
        let root = Path::default();
        check.evaluation(&root, Some(&self.evaluation()));
        let tolerance = self.tolerance.clone().map(Amount);
        check.tolerance(&root.field("tolerance"), tolerance.as_ref());
        let faults = check.into_faults().into_iter();
        let error = |fault: crate::check::Fault| {
            let field = fault.path.to_string();
            let flag = FLAGS.into_iter().find(|(name, _)| *name == field);
            let field = flag.map_or(field.as_str(), |(_, flag)| flag);
            unplaced(field, fault.what, fault.mend)
        };
        faults.map(error).collect()
    }

    /// Writes them into a manifest, where it does not say so itself and they are not the defaults.
    pub(super) fn apply(&self, manifest: &mut Manifest) {
        if let (Some(metadata), Some(namespace)) = (&mut manifest.metadata, &self.namespace) {
            metadata.namespace.get_or_insert_with(|| namespace.clone());
        }
        let Some(spec) = &mut manifest.spec else {
            return;
        };
        if self.shadow {
            spec.mode = Some(Mode::Shadow);
        }
        let flags = self.evaluation();
        let given = spec.evaluation.get_or_insert_default();
        given.period = given.period.take().or(flags.period);
        given.trigger = given.trigger.or(flags.trigger);
        given.downscale_stabilization = given
            .downscale_stabilization
            .take()
            .or(flags.downscale_stabilization);
        given.cpu_initialization_period = given
            .cpu_initialization_period
            .take()
            .or(flags.cpu_initialization_period);
        given.initial_readiness_delay = given
            .initial_readiness_delay
            .take()
            .or(flags.initial_readiness_delay);
        self.tolerate(spec);
    }

    /// The flags as `evaluation`: the period always, the others where they differ from the default.
    fn evaluation(&self) -> EvaluationSpec {
        let text = |span: Span| Duration(span.to_string());
        let other = |span: Option<Span>, default| span.filter(|span| *span != default).map(text);
        EvaluationSpec {
            period: Some(text(self.sync_period.unwrap_or(PERIOD))),
            trigger: Some(TriggerSpec::Period),
            downscale_stabilization: other(self.downscale_stabilization, DOWNSCALE_STABILIZATION),
            cpu_initialization_period: other(
                self.cpu_initialization_period,
                CPU_INITIALIZATION_PERIOD,
            ),
            initial_readiness_delay: other(self.initial_readiness_delay, INITIAL_READINESS_DELAY),
            ..EvaluationSpec::default()
        }
    }

    /// The controller's tolerance holds where `behavior` gives none. Without `behavior` it stands at the metrics, since a
    /// `behavior` would bring rules of its own.
    fn tolerate(&self, spec: &mut Spec) {
        let differs = |text: &&String| Quantity::parse(text).map(Quantity::to_f64) != Ok(TOLERANCE);
        let Some(tolerance) = self.tolerance.as_ref().filter(differs) else {
            return;
        };
        let tolerance = || Amount(tolerance.clone());
        match &mut spec.behavior {
            Some(behavior) => {
                for rules in [&mut behavior.scale_up, &mut behavior.scale_down] {
                    let rules = rules.get_or_insert_default();
                    rules.tolerance.get_or_insert_with(tolerance);
                }
            }
            None => {
                for metric in spec.metrics.iter_mut().flatten() {
                    metric.tolerance.get_or_insert_with(tolerance);
                }
            }
        }
    }
}
