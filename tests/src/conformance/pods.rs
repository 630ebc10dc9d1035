//! Pods, their samples and the controller's settings, as the vectors have them, in the evaluator's words.

use super::observation::Metric;
use headroom_evaluator::hpa::{CpuRules, Milli, Replica, Sample, Tolerance};
use headroom_model::{
    Span, Timestamp,
    body::{Container, Phase, Template},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The moment of every evaluation. Vectors have ages.
pub(super) const NOW: Timestamp = Timestamp(2_000_000_000_000);

/// "Long ago", in seconds.
const ANCIENT: u64 = 1_000_000_000;

/// So many seconds ago.
pub(super) fn at(age_seconds: u64) -> Timestamp {
    NOW.minus(Span::seconds(age_seconds))
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Controller {
    tolerance: DeadBand,
    cpu_initialization_period_s: Option<u64>,
    initial_readiness_delay_s: Option<u64>,
    pod_level_requests: Option<bool>,
    pub(super) downscale_stabilization_s: Option<u64>,
    pub(super) scale_up_limit_factor: Option<f64>,
    scale_up_limit_minimum: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
struct DeadBand {
    up: f64,
    down: f64,
}

impl Default for DeadBand {
    fn default() -> Self {
        Self { up: 0.1, down: 0.1 }
    }
}

impl Controller {
    pub(super) fn tolerance(&self) -> Tolerance {
        let DeadBand { up, down } = self.tolerance;
        Tolerance { up, down }
    }

    /// The tolerance of both directions, as a metric has it in a policy.
    pub(super) fn one_tolerance(&self) -> Option<String> {
        let DeadBand { up, down } = self.tolerance;
        (up == down).then(|| up.to_string())
    }

    /// That of each direction, as `behavior` has them.
    pub(super) fn tolerances(&self) -> (String, String) {
        let DeadBand { up, down } = self.tolerance;
        (up.to_string(), down.to_string())
    }

    /// What a policy says of it, where the vector does.
    pub(super) fn evaluation(&self) -> Value {
        let seconds = |seconds: Option<u64>| seconds.map(|seconds| format!("{seconds}s"));
        json!({
            "downscaleStabilization": seconds(self.downscale_stabilization_s),
            "cpuInitializationPeriod": seconds(self.cpu_initialization_period_s),
            "initialReadinessDelay": seconds(self.initial_readiness_delay_s),
            "scaleUpLimit": {
                "factor": self.scale_up_limit_factor,
                "minimum": self.scale_up_limit_minimum(),
            },
        })
    }

    /// The vectors write a double; a count is cut off where it is used.
    pub(super) fn scale_up_limit_minimum(&self) -> Option<u32> {
        self.scale_up_limit_minimum.map(|minimum| minimum as u32)
    }

    /// The rules for `resource`: only processor time has any.
    pub(super) fn cpu(&self, resource: Option<&str>) -> Option<CpuRules> {
        let usual = CpuRules::default();
        (resource == Some("cpu")).then(|| CpuRules {
            initialization_period: self
                .cpu_initialization_period_s
                .map_or(usual.initialization_period, Span::seconds),
            initial_readiness_delay: self
                .initial_readiness_delay_s
                .map_or(usual.initial_readiness_delay, Span::seconds),
        })
    }
}

#[derive(Debug, Deserialize)]
pub(super) struct Pod {
    pub(super) name: String,
    #[serde(default)]
    phase: PodPhase,
    #[serde(default)]
    deleting: bool,
    #[serde(default = "ready")]
    ready: Option<bool>,
    #[serde(default = "long_ago")]
    start_age_s: Option<u64>,
    #[serde(default = "ancient")]
    ready_change_age_s: u64,
    #[serde(default)]
    containers: Vec<PodContainer>,
    #[serde(default)]
    init_containers: Vec<PodContainer>,
    pod_request_m: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
enum PodPhase {
    #[default]
    Running,
    Pending,
    Failed,
    Succeeded,
}

#[derive(Debug, Deserialize)]
struct PodContainer {
    name: String,
    request_m: Option<i64>,
    #[serde(default)]
    restartable: bool,
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "serde wants a default of the field's type"
)]
fn ready() -> Option<bool> {
    Some(true)
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "serde wants a default of the field's type"
)]
fn long_ago() -> Option<u64> {
    Some(ANCIENT)
}

fn ancient() -> u64 {
    ANCIENT
}

impl Pod {
    pub(super) fn replica(&self) -> Replica {
        Replica {
            name: self.name.clone(),
            phase: match self.phase {
                PodPhase::Running => Phase::Running,
                PodPhase::Pending => Phase::Pending,
                PodPhase::Failed => Phase::Failed,
                PodPhase::Succeeded => Phase::Succeeded,
            },
            deleting: self.deleting,
            ready: self.ready,
            started: self.start_age_s.map(at),
            ready_changed: at(self.ready_change_age_s),
        }
    }

    /// What it is made from. The vectors write a request down once: it is that of each of `resources`.
    pub(super) fn template(&self, controller: &Controller, resources: &[&str]) -> Template {
        let of = |request: Option<i64>| -> BTreeMap<String, i64> {
            let each = |request: i64| resources.iter().map(move |it| ((*it).to_owned(), request));
            request.into_iter().flat_map(each).collect()
        };
        let stays = self
            .init_containers
            .iter()
            .filter(|container| container.restartable);
        let containers = self
            .containers
            .iter()
            .chain(stays)
            .map(|container| Container {
                name: container.name.clone(),
                requests: of(container.request_m),
            });
        Template {
            containers: containers.collect(),
            requests: of(self
                .pod_request_m
                .filter(|_| controller.pod_level_requests != Some(false))),
        }
    }
}

/// One sample of a pod.
#[derive(Debug, Deserialize)]
pub(super) struct PodSample {
    pub(super) pod: String,
    pub(super) value_m: Option<i64>,
    #[serde(default)]
    pub(super) usage_m: BTreeMap<String, i64>,
    pub(super) age_s: Option<u64>,
    pub(super) window_s: Option<u64>,
}

impl PodSample {
    /// The sample by the pod's name; `None` when a container did not answer, or none did, and the whole pod so neither.
    pub(super) fn sample(&self, of: &Usage<'_>) -> Option<(&str, Sample)> {
        let answered = |name: &&str| self.usage_m.contains_key(*name);
        let value = match (self.value_m, of.container) {
            (Some(value), _) => Milli(value),
            (None, Some(container)) => Milli(*self.usage_m.get(container)?),
            (None, None) if self.usage_m.is_empty() => return None,
            (None, None) if !of.containers(&self.pod).iter().all(answered) => return None,
            (None, None) => Milli::sum(self.usage_m.values().copied().map(Milli)),
        };
        let sample = Sample {
            value,
            at: at(self.age_s.unwrap_or(of.age_seconds)),
            window: Span::seconds(self.window_s.unwrap_or(of.window_seconds)),
        };
        Some((&self.pod, sample))
    }
}

/// What is read of pods' samples.
pub(super) struct Usage<'a> {
    pub(super) pods: &'a [Pod],
    pub(super) container: Option<&'a str>,
    pub(super) age_seconds: u64,
    pub(super) window_seconds: u64,
}

impl<'a> Usage<'a> {
    /// What is read for a metric.
    pub(super) fn of(pods: &'a [Pod], metric: &'a Metric) -> Self {
        Self {
            pods,
            container: metric.container.as_deref(),
            age_seconds: metric.sample_age_s,
            window_seconds: metric.window_s.unwrap_or(60),
        }
    }

    fn containers(&self, pod: &str) -> Vec<&str> {
        let pod = self.pods.iter().find(|known| known.name == pod);
        let containers = pod.into_iter().flat_map(|pod| &pod.containers);
        containers
            .map(|container| container.name.as_str())
            .collect()
    }

    pub(super) fn samples<'s>(&self, samples: &'s [PodSample]) -> BTreeMap<&'s str, Sample> {
        samples
            .iter()
            .filter_map(|sample| sample.sample(self))
            .collect()
    }
}
