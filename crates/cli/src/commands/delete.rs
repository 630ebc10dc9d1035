//! `headroom delete`: policies out of force; targets stay as they are.

use super::{apply, facts, validate};
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
    for workload in &workloads {
        let body = PolicyRemoved {
            owner: args.who.owner.clone(),
        };
        facts::say(&*log, workload, Body::from(body)).await?;
        output::line(&format!("{workload} removed; its target stays as it is"))?;
    }
    Ok(())
}
