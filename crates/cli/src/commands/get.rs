//! `headroom get`: workloads with their newest decision.

use super::{apply, facts, overrides};
use crate::args::{Format, Get};
use crate::config::Config;
use crate::{connect, output, time};
use anyhow::bail;
use headroom_log::{Filter, Log, Place};
use headroom_model::body::{Decided, Decision, Mode, OverrideSlot};
use headroom_model::{Body, Kind, Replicas, Timestamp, WorkloadId};
use headroom_policy::Policy;
use headroom_runtime::metrics::variant;
use serde::Serialize;
use std::collections::BTreeMap;

/// What is known of a workload.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    workload: WorkloadId,
    target: String,
    min_replicas: Replicas,
    max_replicas: Replicas,
    current_replicas: Option<Replicas>,
    desired_replicas: Option<Replicas>,
    mode: Mode,
    last_decision: Option<Decided>,
    decided_at: Option<Timestamp>,
    pinned: bool,
    paused: bool,
}

/// The newest decision of a workload and the newest count that a target took.
#[derive(Default)]
struct Newest {
    decided: Option<(Timestamp, Decided)>,
    applied: Option<Replicas>,
}

/// Lists workloads.
pub(super) async fn run(config: &Config, args: &Get) -> anyhow::Result<()> {
    let log = connect::reader(config, None).await?;
    let mut newest = newest(&*log, args).await?;
    let overrides = overrides::in_force(&*log).await?;
    let rows: Vec<Row> = apply::in_force(&*log)
        .await?
        .into_iter()
        .filter(|(workload, _)| args.workload.as_ref().is_none_or(|only| only == workload))
        .filter(|(workload, _)| {
            args.namespace
                .as_ref()
                .is_none_or(|only| only == workload.namespace())
        })
        .map(|(workload, in_force)| {
            let newest = newest.remove(&workload).unwrap_or_default();
            let slot = |slot| overrides.contains_key(&(workload.clone(), slot));
            row(
                &in_force.policy,
                newest,
                slot(OverrideSlot::Pin),
                slot(OverrideSlot::Pause),
            )
        })
        .collect();
    if let (Some(workload), true) = (&args.workload, rows.is_empty()) {
        bail!("no policy {workload} is in force; `headroom get` lists those that are");
    }
    show(rows, args.output.output)
}

/// What the ledger says of the workloads that are asked for.
async fn newest(log: &dyn Log, args: &Get) -> anyhow::Result<BTreeMap<WorkloadId, Newest>> {
    let mut newest: BTreeMap<WorkloadId, Newest> = BTreeMap::new();
    let place = match (&args.workload, &args.namespace) {
        (Some(workload), _) => Some(Place::Workload(workload.clone())),
        (None, Some(namespace)) => Some(Place::Namespace(namespace.clone())),
        (None, None) => None,
    };
    let filter = Filter {
        place,
        ..Filter::kinds([Kind::Decided, Kind::Actuated])
    };
    facts::ledger(log, filter, |event| {
        let newest = newest.entry(event.envelope.subject).or_default();
        match event.body {
            Body::Decided(decided) => newest.decided = Some((event.envelope.stamp, decided)),
            Body::Actuated(actuated) if actuated.outcome.succeeded() => {
                newest.applied = Some(actuated.to);
            }
            _ => {}
        }
    })
    .await?;
    Ok(newest)
}

fn row(policy: &Policy, newest: Newest, pinned: bool, paused: bool) -> Row {
    let (decided_at, last_decision) = newest.decided.unzip();
    let (current, desired) = match last_decision.as_ref().map(|decided| &decided.decision) {
        Some(Decision::Scale { from, to }) => (newest.applied.or(Some(*from)), Some(*to)),
        Some(Decision::Hold { at, .. }) => (*at, *at),
        None => (newest.applied, None),
    };
    Row {
        workload: policy.workload.clone(),
        target: format!("{}/{}", policy.target.kind, policy.target.name),
        min_replicas: policy.min_replicas,
        max_replicas: policy.max_replicas,
        current_replicas: current,
        desired_replicas: desired,
        mode: policy.mode,
        last_decision,
        decided_at,
        pinned,
        paused,
    }
}

fn show(rows: Vec<Row>, format: Format) -> anyhow::Result<()> {
    if format == Format::Json {
        return output::json(&rows);
    }
    let count =
        |count: Option<Replicas>| count.map_or_else(|| "-".to_owned(), |count| count.to_string());
    let rows = rows
        .into_iter()
        .map(|row| {
            let reason = row
                .last_decision
                .as_ref()
                .map_or_else(String::new, |decided| match &decided.decision {
                    Decision::Scale { .. } => "scale".to_owned(),
                    Decision::Hold { reason, .. } => variant(reason),
                });
            let mode = [
                (row.mode == Mode::Shadow, "shadow"),
                (row.pinned, "pinned"),
                (row.paused, "paused"),
            ];
            let mode: Vec<_> = mode
                .into_iter()
                .filter_map(|(is, name)| is.then_some(name))
                .collect();
            vec![
                row.workload.to_string(),
                row.target,
                row.min_replicas.to_string(),
                row.max_replicas.to_string(),
                count(row.current_replicas),
                count(row.desired_replicas),
                if mode.is_empty() {
                    "active".to_owned()
                } else {
                    mode.join(",")
                },
                reason,
                row.decided_at.map_or_else(|| "-".to_owned(), time::age),
            ]
        })
        .collect();
    output::table(
        &[
            "WORKLOAD",
            "TARGET",
            "MIN",
            "MAX",
            "CURRENT",
            "DESIRED",
            "MODE",
            "LAST REASON",
            "AGE",
        ],
        rows,
    )
}
