//! `headroom delete`: policies out of force; targets stay as they are.

use super::{apply, facts, overrides, validate};
use crate::args::Delete;
use crate::config::Config;
use crate::{connect, output};
use anyhow::bail;
use headroom_model::Body;
use headroom_model::body::PolicyRemoved;

/// Removes policies.
pub(super) async fn run(config: &Config, args: &Delete) -> anyhow::Result<()> {
    let mut workloads = args.workloads.clone();
    let texts = validate::read(&args.filename)?;
    match validate::parse(config, &texts) {
        Ok(documents) => workloads.extend(
            documents
                .into_iter()
                .map(|document| document.policy.workload),
        ),
        Err(_) if args.filename.is_empty() => {}
        Err(errors) => bail!("nothing was removed:\n{errors}"),
    }
    let log = connect::user(config).await?;
    let in_force = apply::in_force(&*log).await?;
    if let Some(unknown) = workloads
        .iter()
        .find(|workload| !in_force.contains_key(*workload))
    {
        bail!(
            "nothing was removed: no policy {unknown} is in force; `headroom get` lists those that are"
        );
    }
    let overrides = overrides::in_force(&*log).await?;
    for workload in &workloads {
        let body = PolicyRemoved {
            owner: args.who.owner.clone(),
        };
        facts::say(&*log, workload, Body::from(body)).await?;
        let ended = match overrides.keys().any(|(of, _)| of == workload) {
            true => ", its overrides have ended",
            false => "",
        };
        output::line(&format!(
            "{workload} removed{ended}; its target stays as it is"
        ))?;
    }
    Ok(())
}
