//! `headroom pause`, `resume` and `override`: people take a hand, with a name, a reason and an end.

use super::{apply, facts};
use crate::args::{Format, Override, Pause, Resume, Terms, Who};
use crate::config::Config;
use crate::{connect, output, time};
use anyhow::bail;
use headroom_log::{Filter, Log};
use headroom_model::body::{OverrideAction, OverrideCleared, OverrideSet, OverrideSlot};
use headroom_model::{Body, Kind, Replicas, Timestamp, WorkloadId};
use headroom_runtime::identity::wall_clock;
use std::collections::BTreeMap;

/// Stops changes.
pub(super) async fn pause(config: &Config, args: &Pause) -> anyhow::Result<()> {
    let action = OverrideAction::Pause(args.direction.into());
    let until = set(config, &args.workload, action, &args.terms).await?;
    output::line(&format!("{} paused {until}", args.workload))
}

/// Ends a pause.
pub(super) async fn resume(config: &Config, args: &Resume) -> anyhow::Result<()> {
    clear(config, &args.workload, OverrideSlot::Pause, &args.who).await?;
    output::line(&format!("{} resumed", args.workload))
}

/// Sets, clears and lists overrides.
pub(super) async fn run(config: &Config, args: Override) -> anyhow::Result<()> {
    match args {
        Override::Set {
            workload,
            replicas,
            terms,
        } => {
            let action = OverrideAction::Pin(Replicas(replicas));
            let until = set(config, &workload, action, &terms).await?;
            output::line(&format!(
                "{workload} pinned to {replicas} {until}; its minimum and maximum still hold"
            ))
        }
        Override::Clear { workload, who } => {
            clear(config, &workload, OverrideSlot::Pin, &who).await?;
            output::line(&format!("{workload} is no longer pinned"))
        }
        Override::List(format) => list(config, format.output).await,
    }
}

async fn set(
    config: &Config,
    workload: &WorkloadId,
    action: OverrideAction,
    terms: &Terms,
) -> anyhow::Result<String> {
    let log = connect::user(config).await?;
    known(&*log, workload).await?;
    let expires_at = terms.lasts.map(|lasts| wall_clock().plus(lasts));
    let body = OverrideSet {
        action,
        owner: terms.who.owner.clone(),
        reason: terms.reason.clone(),
        expires_at,
    };
    facts::say(&*log, workload, Body::from(body)).await?;
    Ok(until(expires_at))
}

fn until(expires_at: Option<Timestamp>) -> String {
    expires_at.map_or_else(
        || "until it is ended".to_owned(),
        |at| format!("until {}", time::show(at)),
    )
}

async fn clear(
    config: &Config,
    workload: &WorkloadId,
    what: OverrideSlot,
    who: &Who,
) -> anyhow::Result<()> {
    let log = connect::user(config).await?;
    known(&*log, workload).await?;
    facts::say(
        &*log,
        workload,
        Body::from(OverrideCleared {
            what,
            owner: who.owner.clone(),
        }),
    )
    .await?;
    Ok(())
}

async fn known(log: &dyn Log, workload: &WorkloadId) -> anyhow::Result<()> {
    if !apply::in_force(log).await?.contains_key(workload) {
        bail!(
            "no policy {workload} is in force, so nothing was changed; `headroom get` lists those that are"
        );
    }
    Ok(())
}

/// The overrides in force, by workload and slot.
pub(super) async fn in_force(
    log: &dyn Log,
) -> anyhow::Result<BTreeMap<(WorkloadId, OverrideSlot), OverrideSet>> {
    let mut overrides = BTreeMap::new();
    let filter = Filter::kinds([
        Kind::OverrideSet,
        Kind::OverrideCleared,
        Kind::PolicyRemoved,
    ]);
    facts::ledger(log, filter, |event| {
        let workload = event.envelope.subject;
        match event.body {
            Body::OverrideSet(set) => {
                let slot = match set.action {
                    OverrideAction::Pin(_) => OverrideSlot::Pin,
                    OverrideAction::Pause(_) => OverrideSlot::Pause,
                };
                overrides.insert((workload, slot), set);
            }
            Body::OverrideCleared(cleared) => {
                overrides.remove(&(workload, cleared.what));
            }
            Body::PolicyRemoved(_) => overrides.retain(|(other, _), _| *other != workload),
            _ => {}
        }
    })
    .await?;
    let now = wall_clock();
    overrides.retain(|_, set| set.expires_at.is_none_or(|at| at > now));
    Ok(overrides)
}

async fn list(config: &Config, format: Format) -> anyhow::Result<()> {
    let overrides = in_force(&*connect::user(config).await?).await?;
    if format == Format::Json {
        let rows: Vec<_> = overrides
            .iter()
            .map(
                |((workload, _), set)| serde_json::json!({ "workload": workload, "override": set }),
            )
            .collect();
        return output::json(&rows);
    }
    let rows = overrides
        .into_iter()
        .map(|((workload, _), set)| {
            let what = match set.action {
                OverrideAction::Pin(replicas) => format!("pinned to {replicas}"),
                OverrideAction::Pause(direction) => format!("paused {direction:?}").to_lowercase(),
            };
            vec![
                workload.to_string(),
                what,
                until(set.expires_at),
                set.owner,
                set.reason,
            ]
        })
        .collect();
    output::table(&["WORKLOAD", "OVERRIDE", "UNTIL", "OWNER", "REASON"], rows)
}
