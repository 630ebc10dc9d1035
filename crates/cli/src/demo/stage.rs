//! Where the demonstration takes place: a directory with a configuration and a policy, as anybody would write them.

use crate::config::Config;
use anyhow::{Context as _, bail};
use headroom_log::Log;
use headroom_model::{EventId, Generation, Replicas};
use headroom_policy::Document;
use headroom_targets::{Order, TargetName, TargetSettings, Targets};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The policy, as a file has it.
pub(crate) const POLICY: &str = include_str!("policy.yaml");

/// A directory, and what is configured in it.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) config: Config,
    pub(crate) policy: Document,
    directory: PathBuf,
    /// Removed with the stage.
    _temporary: Option<TempDir>,
}

impl Stage {
    /// Makes a stage in `keep`, which must be empty or not there yet, or in a temporary directory.
    pub(crate) fn set(keep: Option<&Path>) -> anyhow::Result<Self> {
        let (directory, temporary) = match keep {
            Some(keep) => (empty_directory(keep)?, None),
            None => {
                let temporary = TempDir::with_prefix("headroom-demo-")
                    .context("no temporary directory can be made")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let directory = fs::canonicalize(&directory).context("the directory cannot be resolved")?;
        let program =
            std::env::current_exe().context("where this program is cannot be found out")?;
        let file = directory.join("headroom.yaml");
        fs::write(&file, configuration(&directory, &program)?)?;
        fs::write(directory.join("policy.yaml"), POLICY)?;
        let mut config = Config::load(Some(&file))?;
        end_workers_with_us(&mut config);
        Ok(Self {
            config,
            policy: policy()?,
            directory,
            _temporary: temporary,
        })
    }

    /// The directory.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The list of workers that the target keeps.
    pub(crate) fn endpoints(&self) -> PathBuf {
        endpoints(&self.directory)
    }

    /// Ends every worker, below the policy's minimum: an order to the target itself, newer than every decision of the log.
    pub(crate) async fn end_workers(&self, log: &dyn Log) -> anyhow::Result<()> {
        let targets = Targets::from_settings(&self.config.targets)?;
        let workload = &self.policy.policy.workload;
        let (target, driver) = targets.resolve(workload.namespace(), &self.policy.policy.target)?;
        let found = driver.read(&target).await?;
        let newest = found.generation.map_or(0, |generation| generation.0 + 1);
        let order = Order {
            target,
            generation: Generation(log.bounds().await?.last.0.max(newest)),
            from: found.replicas,
            to: Replicas::ZERO,
            attempt: 1,
            key: EventId::named("the demonstration ends"),
        };
        driver
            .set(&order)
            .await
            .context("the workers could not be stopped; they end with this process")?;
        Ok(())
    }
}

/// What a person would write into `headroom.yaml`.
fn configuration(directory: &Path, program: &Path) -> anyhow::Result<String> {
    // A text in JSON is a text in YAML.
    let text = |path: &Path| {
        serde_json::to_string(path).context("a path is not UTF-8; choose another directory")
    };
    Ok(format!(
        r#"log:
  embedded: {{ directory: log }}
sources:
  workers:
    openmetrics:
      endpoints_file: {endpoints}
      timeout_seconds: 0.9
targets:
  - kind: process
    namespace: demo
    name: web
    program: {program}
    args: [demo, --worker, "{{port}}"]
    state_directory: {pools}
    ready: http://127.0.0.1:{{port}}/healthz
    grace_seconds: 5
actuator:
  watch_ms: 500
"#,
        endpoints = text(&endpoints(directory))?,
        program = text(program)?,
        pools = text(&pools(directory))?,
    ))
}

/// Workers of a demonstration end with it, however it ends. A pool of an actuator outlives it instead, so this is not in
/// the file.
fn end_workers_with_us(config: &mut Config) {
    for target in &mut config.targets.0 {
        if let TargetSettings::Process(pool) = target {
            pool.args
                .extend(["--parent".to_owned(), std::process::id().to_string()]);
        }
    }
}

fn policy() -> anyhow::Result<Document> {
    let documents = headroom_policy::parse_files(&[("policy.yaml", POLICY)])?;
    documents
        .into_iter()
        .next()
        .context("policy.yaml holds no policy")
}

fn pools(directory: &Path) -> PathBuf {
    directory.join("pools")
}

fn endpoints(directory: &Path) -> PathBuf {
    let target = TargetName::new("demo", "web").expect("both are names");
    pools(directory)
        .join(target.file_name())
        .join("endpoints.json")
}

fn empty_directory(keep: &Path) -> anyhow::Result<PathBuf> {
    fs::create_dir_all(keep).with_context(|| format!("cannot make {}", keep.display()))?;
    let mut entries =
        fs::read_dir(keep).with_context(|| format!("cannot read {}", keep.display()))?;
    if entries.next().is_some() {
        bail!(
            "{} is not empty; name a new directory to keep the demonstration in",
            keep.display()
        );
    }
    Ok(keep.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_is_a_valid_configuration_with_a_valid_policy() {
        let parent = tempfile::tempdir().unwrap();
        let stage = Stage::set(Some(&parent.path().join("kept \"{here}\""))).unwrap();
        let targets = Targets::from_settings(&stage.config.targets).unwrap();
        let policy = &stage.policy.policy;
        targets
            .resolve(policy.workload.namespace(), &policy.target)
            .unwrap();
        let sources = stage.config.sources.0.keys().cloned().collect();
        headroom_policy::parse_files_with_sources(&[("policy.yaml", POLICY)], &sources).unwrap();
        assert!(stage.endpoints().starts_with(stage.directory()));
    }

    #[test]
    fn a_directory_in_use_is_refused() {
        let used = tempfile::tempdir().unwrap();
        fs::write(used.path().join("mine"), "").unwrap();
        let error = Stage::set(Some(used.path())).unwrap_err().to_string();
        assert!(error.contains("is not empty"), "{error}");
    }

    #[test]
    fn a_temporary_stage_is_removed() {
        let stage = Stage::set(None).unwrap();
        let directory = stage.directory().to_owned();
        assert!(directory.join("headroom.yaml").exists());
        drop(stage);
        assert!(!directory.exists());
    }
}
