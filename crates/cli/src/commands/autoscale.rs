//! `headroom autoscale`: a policy in one line.

use super::apply::{self, How};
use crate::args::{Autoscale, Format};
use crate::config::Config;
use crate::{connect, output};
use anyhow::bail;
use headroom_policy::{Policy, autoscale, to_yaml};

/// Sets a policy by processor use. One that is there already is left alone.
pub(super) async fn run(config: &Config, args: &Autoscale) -> anyhow::Result<()> {
    let (workload, bounds) = (&args.workload, (args.min, args.max));
    let manifest = autoscale(workload, args.target(), bounds, args.cpu_percent);
    let value = serde_json::to_value(&manifest)?;
    let policy = match Policy::from_value(&value) {
        Ok(policy) => policy,
        Err(errors) => bail!("nothing was applied:\n{errors}"),
    };
    if args.dry_run {
        return match args.output.output {
            Format::Table => output::line(to_yaml(&[&manifest]).trim_end_matches('\n')),
            Format::Json => output::json(&manifest),
        };
    }
    let log = connect::user(config).await?;
    let in_force = apply::in_force(&*log).await?;
    let before = in_force.get(workload);
    if let Some(before) = before
        && before.policy != policy
    {
        bail!(
            "nothing was applied: {workload} has another policy (revision {}) already; \
             change that one with `headroom apply`, or `headroom delete {workload}` first",
            before.revision
        );
    }
    if let Some(rivalry) = apply::rivalry(&policy, &in_force, |_| false) {
        bail!("nothing was applied: {rivalry}");
    }
    // What means the same, in whichever words, is not written again.
    let value = before.map_or(&value, |before| &before.value);
    let how = How {
        owner: &args.who.owner,
        dry_run: false,
        again: false,
        output: args.output.output,
    };
    apply::set(&*log, workload, value, before, &how).await
}
