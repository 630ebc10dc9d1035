//! `headroom import`: HorizontalPodAutoscalers to policies that mean the same.

use super::validate;
use crate::args::{Controller, Import};
use crate::output;
use anyhow::{Context as _, bail};
use headroom_policy::{ImportSettings, Imported, PUSH, import_files, to_yaml};
use std::path::{Path, PathBuf};

/// Writes the policies of manifests, and says of each what was changed: nothing, or it would be an error.
pub(super) fn run(args: Import) -> anyhow::Result<()> {
    let texts = validate::read(&args.files)?;
    if let Some(path) = &args.output
        && is_one_of(path, &args.files)
    {
        bail!(
            "{} is one of the manifests that are read; name another file with --output",
            path.display()
        );
    }
    let imported = match import_files(
        &texts,
        &settings(args.shadow, args.namespace, args.controller),
    ) {
        Ok(imported) => imported,
        Err(errors) => bail!("nothing was imported:\n{errors}"),
    };
    let manifests: Vec<_> = imported.iter().map(|one| &one.manifest).collect();
    let text = to_yaml(&manifests);
    match args.output.filter(|path| path.as_os_str() != "-") {
        None => output::line(text.trim_end_matches('\n'))?,
        Some(path) => std::fs::write(&path, text)
            .with_context(|| format!("cannot write {}", path.display()))?,
    }
    tell(&imported);
    Ok(())
}

/// Whether a file is among others, be it under another name.
fn is_one_of(path: &Path, files: &[PathBuf]) -> bool {
    let file = |path: &Path| std::fs::canonicalize(path).ok();
    let wanted = file(path);
    wanted.is_some() && files.iter().any(|other| file(other) == wanted)
}

fn settings(shadow: bool, namespace: Option<String>, controller: Controller) -> ImportSettings {
    ImportSettings {
        shadow,
        namespace,
        sync_period: controller.sync_period,
        downscale_stabilization: controller.downscale_stabilization,
        cpu_initialization_period: controller.cpu_initialization_period,
        initial_readiness_delay: controller.initial_readiness_delay,
        tolerance: controller.tolerance,
    }
}

fn tell(imported: &[Imported]) {
    for one in imported {
        let document = &one.document;
        let metric = if one.default_metric {
            "; it has no metrics, so cpu at 80 %, as in a cluster"
        } else {
            ""
        };
        output::tell(&format!(
            "{}:{}: {} ({}): nothing changed{metric}",
            document.file, document.line, document.policy.workload, one.api_version
        ));
    }
    let mut rules = imported.iter().flat_map(|one| &one.document.policy.rules);
    if rules.any(|rule| rule.metric.source == PUSH) {
        output::tell(
            "metrics without a `from` wait for pushed readings; add one to say where they are read",
        );
    }
}
