//! `headroom apply`: policies of files into the log.

use super::{facts, validate};
use crate::args::{Files, Format};
use crate::config::Config;
use crate::{connect, output};
use anyhow::bail;
use headroom_log::{Filter, Log};
use headroom_model::body::PolicyApplied;
use headroom_model::{Body, Kind, Seq, WorkloadId};
use headroom_policy::{Document, Policy};
use serde_json::Value;
use std::collections::BTreeMap;

/// A policy in force: its revision, what was written, and what it means.
pub(super) struct InForce {
    pub(super) revision: Seq,
    pub(super) value: Value,
    pub(super) policy: Policy,
}

/// Sets the policies of files. What is in force already is not written again.
pub(super) async fn run(config: &Config, args: &Files) -> anyhow::Result<()> {
    let texts = validate::read(&args.filename)?;
    let documents = match validate::parse(config, &texts) {
        Ok(documents) => documents,
        Err(errors) => bail!("nothing was applied:\n{errors}"),
    };
    let log = connect::user(config).await?;
    let in_force = in_force(&*log).await?;
    check_targets(&documents, &in_force)?;
    for document in &documents {
        apply(&*log, document, &in_force, args).await?;
    }
    Ok(())
}

async fn apply(
    log: &dyn Log,
    document: &Document,
    in_force: &BTreeMap<WorkloadId, InForce>,
    args: &Files,
) -> anyhow::Result<()> {
    let workload = &document.policy.workload;
    let before = in_force.get(workload);
    let same = before.is_some_and(|before| before.value == document.value);
    let unchanged = same && !args.again;
    let done = match (same, before.is_some()) {
        (true, _) if args.again => "written again",
        (true, _) => "unchanged",
        (false, true) => "changed",
        (false, false) => "created",
    };
    let mut revision = before.map(|before| before.revision);
    if !unchanged && !args.dry_run {
        let body = PolicyApplied {
            policy: document.value.clone(),
            owner: args.who.owner.clone(),
        };
        revision = Some(facts::say(log, workload, Body::from(body)).await?.seq);
    }
    let dry = if args.dry_run && !unchanged {
        " (dry run)"
    } else {
        ""
    };
    match args.output.output {
        Format::Table => output::line(&format!("{workload} {done}{dry}")),
        Format::Json => output::json_line(&serde_json::json!({
            "workload": workload, "result": done, "dryRun": args.dry_run, "revision": revision,
        })),
    }
}

/// Two policies must not scale one target: each names the other.
fn check_targets(
    documents: &[Document],
    in_force: &BTreeMap<WorkloadId, InForce>,
) -> anyhow::Result<()> {
    for document in documents {
        let ours = &document.policy;
        let other = in_force.iter().find(|(workload, other)| {
            **workload != ours.workload
                && other.policy.target_key() == ours.target_key()
                && !documents
                    .iter()
                    .any(|document| document.policy.workload == **workload)
        });
        if let Some((workload, other)) = other {
            bail!(
                "nothing was applied: {}:{}: policy {} scales {} {}, and so does policy {workload} (revision {}); \
                 delete that one first, or name another target",
                document.file,
                document.line,
                ours.workload,
                ours.target.kind,
                ours.target.name,
                other.revision
            );
        }
    }
    Ok(())
}

/// Every policy in force.
pub(super) async fn in_force(log: &dyn Log) -> anyhow::Result<BTreeMap<WorkloadId, InForce>> {
    let mut policies = BTreeMap::new();
    let filter = Filter::kinds([Kind::PolicyApplied, Kind::PolicyRemoved]);
    facts::ledger(log, filter, |event| {
        let workload = event.envelope.subject;
        match event.body {
            Body::PolicyApplied(applied) => {
                if let Ok(policy) = Policy::from_value(&applied.policy) {
                    let revision = event.envelope.seq;
                    policies.insert(
                        workload,
                        InForce {
                            revision,
                            value: applied.policy,
                            policy,
                        },
                    );
                }
            }
            Body::PolicyRemoved(_) => {
                policies.remove(&workload);
            }
            _ => {}
        }
    })
    .await?;
    Ok(policies)
}
