//! A real Prometheus.

use super::{Process, free_port, http_get, wanted};
use anyhow::Result;
use std::process::Command;
use tempfile::TempDir;

/// A running Prometheus on a loopback port.
#[derive(Debug)]
pub struct Prometheus {
    port: u16,
    // Dropped in this order: first the process, then its folder.
    process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts one with this configuration (YAML) and waits until it is ready. `None` when it is not installed.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start(config: &str) -> Result<Option<Self>> {
        let Some(program) = wanted("prometheus") else {
            return Ok(None);
        };
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        std::fs::write(path.join("prometheus.yml"), config)?;
        let port = free_port();
        let mut command = Command::new(program);
        command
            .arg(format!(
                "--config.file={}",
                path.join("prometheus.yml").display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}",
                path.join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--web.enable-lifecycle")
            .arg("--web.enable-remote-write-receiver");
        let mut process = Process::start("prometheus", &mut command, &path.join("log"))?;
        process.ready(|| http_get(port, "/-/ready"))?;
        Ok(Some(Self {
            port,
            process,
            _folder: folder,
        }))
    }

    /// Where it answers.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
