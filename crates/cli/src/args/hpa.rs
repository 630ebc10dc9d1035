//! The commands for those who come from a HorizontalPodAutoscaler.

use super::{Output, Who};
use crate::time;
use clap::Args;
use headroom_model::{Span, WorkloadId};
use headroom_policy::spec::ScaleTargetRef;
use std::path::PathBuf;

const IMPORT_EXAMPLES: &str = "\
Examples:
  kubectl get hpa -A -o yaml | headroom import - --shadow -o policies.yaml
  headroom import hpa.yaml | headroom validate -

Versions are autoscaling/v2, v2beta2, v2beta1 and v1. What a policy cannot say is an error, and then nothing is written.";

const AUTOSCALE_EXAMPLES: &str = "\
Examples:
  headroom autoscale shop/web --min 2 --max 10 --cpu-percent 70
  headroom autoscale shop/db --max 5 --target StatefulSet/db --dry-run > db.yaml";

#[derive(Clone, Debug, Args)]
#[command(after_help = IMPORT_EXAMPLES)]
pub(crate) struct Import {
    /// Manifests, as kubectl get hpa -o yaml prints them, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// Where the policies are written [default: standard output, which is also -]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Make policies that decide without acting: `mode: shadow`
    #[arg(long)]
    pub(crate) shadow: bool,
    /// The namespace of manifests that name none [default: default]
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    #[command(flatten)]
    pub(crate) controller: Controller,
}

/// The flags of an HPA's controller that count here, without their prefix `horizontal-pod-autoscaler-`, or with it.
#[derive(Clone, Debug, Args)]
#[command(
    next_help_heading = "Flags of the kube-controller-manager, where they are not its defaults"
)]
pub(crate) struct Controller {
    /// How often it looks [default: 15s]
    #[arg(long, alias = "horizontal-pod-autoscaler-sync-period", value_parser = time::span, value_name = "SPAN")]
    pub(crate) sync_period: Option<Span>,
    /// The window downwards where an HPA gives none [default: 5m]
    #[arg(long, alias = "horizontal-pod-autoscaler-downscale-stabilization", value_parser = time::span, value_name = "SPAN")]
    pub(crate) downscale_stabilization: Option<Span>,
    /// How long the processor readings of new replicas are distrusted [default: 5m]
    #[arg(long, alias = "horizontal-pod-autoscaler-cpu-initialization-period", value_parser = time::span, value_name = "SPAN")]
    pub(crate) cpu_initialization_period: Option<Span>,
    /// How long after its start an unready replica was never ready [default: 30s]
    #[arg(long, alias = "horizontal-pod-autoscaler-initial-readiness-delay", value_parser = time::span, value_name = "SPAN")]
    pub(crate) initial_readiness_delay: Option<Span>,
    /// The dead band where an HPA gives none, as a ratio [default: 0.1]
    #[arg(
        long,
        alias = "horizontal-pod-autoscaler-tolerance",
        value_name = "RATIO"
    )]
    pub(crate) tolerance: Option<String>,
}

#[derive(Clone, Debug, Args)]
#[command(after_help = AUTOSCALE_EXAMPLES)]
pub(crate) struct Autoscale {
    /// The workload as namespace/name
    pub(crate) workload: WorkloadId,
    /// The fewest replicas
    #[arg(
        long,
        default_value_t = 1,
        value_name = "N",
        allow_negative_numbers = true
    )]
    pub(crate) min: u32,
    /// The most replicas
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) max: u32,
    /// How much of the processor time they request replicas should use, in percent
    #[arg(
        long,
        default_value_t = 80,
        value_name = "P",
        allow_negative_numbers = true
    )]
    pub(crate) cpu_percent: u32,
    /// What is scaled [default: the Deployment of the workload's name]
    #[arg(long, value_parser = target, value_name = "KIND/NAME")]
    pub(crate) target: Option<ScaleTargetRef>,
    /// Print the policy, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) who: Who,
    #[command(flatten)]
    pub(crate) output: Output,
}

impl Autoscale {
    /// What is scaled.
    pub(crate) fn target(&self) -> ScaleTargetRef {
        let deployment = || reference("Deployment", self.workload.name());
        self.target.clone().unwrap_or_else(deployment)
    }
}

/// The kinds of apps/v1 that have a count. Others are Headroom's own, or known by no version.
const APPS: [&str; 3] = ["Deployment", "StatefulSet", "ReplicaSet"];

fn target(text: &str) -> Result<ScaleTargetRef, String> {
    match text.split_once('/') {
        Some((kind, name)) if !kind.is_empty() && !name.is_empty() && !name.contains('/') => {
            Ok(reference(kind, name))
        }
        _ => Err("write it as KIND/NAME, such as Deployment/web".to_owned()),
    }
}

/// As in kubectl, the capitals of a kind do not count.
fn reference(kind: &str, name: &str) -> ScaleTargetRef {
    let apps = APPS
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(kind));
    ScaleTargetRef {
        api_version: apps.map(|_| "apps/v1".to_owned()),
        kind: Some(apps.unwrap_or(kind).to_owned()),
        name: Some(name.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_kind_and_a_name() {
        let cases = [
            ("Deployment/web", Some(("apps/v1", "Deployment", "web"))),
            ("statefulset/db", Some(("apps/v1", "StatefulSet", "db"))),
            ("Process/worker", Some(("", "Process", "worker"))),
            ("web", None),
            ("/web", None),
            ("Deployment/", None),
            ("apps/v1/Deployment", None),
        ];
        for (text, want) in cases {
            let found = target(text).ok();
            let found = found.as_ref().map(|it| {
                let text = |text: &Option<String>| text.clone().unwrap_or_default();
                (text(&it.api_version), text(&it.kind), text(&it.name))
            });
            let own = |(a, b, c): (&str, &str, &str)| (a.to_owned(), b.to_owned(), c.to_owned());
            assert_eq!(found, want.map(own), "{text}");
        }
    }
}
