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

/// How policies are set.
pub(super) struct How<'a> {
    pub(super) owner: &'a str,
    pub(super) dry_run: bool,
    /// Also those that are in force already.
    pub(super) again: bool,
    pub(super) output: Format,
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
    let how = How {
        owner: &args.who.owner,
        dry_run: args.dry_run,
        again: args.again,
        output: args.output.output,
    };
    for document in &documents {
        let workload = &document.policy.workload;
        let before = in_force.get(workload);
        set(&*log, workload, &document.value, before, &how).await?;
    }
    Ok(())
}

/// Sets one policy, and says what that changed.
pub(super) async fn set(
    log: &dyn Log,
    workload: &WorkloadId,
    value: &Value,
    before: Option<&InForce>,
    how: &How<'_>,
) -> anyhow::Result<()> {
    let same = before.is_some_and(|before| before.value == *value);
    let unchanged = same && !how.again;
    let done = match (same, before.is_some()) {
        (true, _) if how.again => "written again",
        (true, _) => "unchanged",
        (false, true) => "changed",
        (false, false) => "created",
    };
    let mut revision = before.map(|before| before.revision);
    if !unchanged && !how.dry_run {
        let body = PolicyApplied {
            policy: value.clone(),
            owner: how.owner.to_owned(),
        };
        revision = Some(facts::say(log, workload, Body::from(body)).await?.seq);
    }
    let dry = if how.dry_run && !unchanged {
        " (dry run)"
    } else {
        ""
    };
    match how.output {
        Format::Table => output::line(&format!("{workload} {done}{dry}")),
        Format::Json => output::json_line(&serde_json::json!({
            "workload": workload, "result": done, "dryRun": how.dry_run, "revision": revision,
        })),
    }
}

/// Two policies must not scale one target: each names the other.
fn check_targets(
    documents: &[Document],
    in_force: &BTreeMap<WorkloadId, InForce>,
) -> anyhow::Result<()> {
    let replaced = |workload: &WorkloadId| {
        let mut policies = documents.iter().map(|document| &document.policy);
        policies.any(|policy| policy.workload == *workload)
    };
    for document in documents {
        if let Some(rivalry) = rivalry(&document.policy, in_force, replaced) {
            let (file, line) = (&document.file, document.line);
            bail!("nothing was applied: {file}:{line}: {rivalry}");
        }
    }
    Ok(())
}

/// What is wrong when another policy in force, which is not `replaced`, scales the same target.
pub(super) fn rivalry(
    ours: &Policy,
    in_force: &BTreeMap<WorkloadId, InForce>,
    replaced: impl Fn(&WorkloadId) -> bool,
) -> Option<String> {
    let (workload, other) = in_force.iter().find(|(workload, other)| {
        **workload != ours.workload
            && other.policy.target_key() == ours.target_key()
            && !replaced(workload)
    })?;
    Some(format!(
        "policy {} scales {} {}, and so does policy {workload} (revision {}); \
         delete that one first, or name another target",
        ours.workload, ours.target.kind, ours.target.name, other.revision
    ))
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
