//! One `headroom up` with an embedded log, and the command line beside it.

use crate::{
    bin_path::headroom_bin,
    servers::{PATIENCE, Process, free_port, until},
};
use anyhow::{Context as _, Result, bail, ensure};
use headroom_log::{
    embedded::{EmbeddedLog, Settings},
    socket::SocketLog,
};
use serde_json::{Value, json};
use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A folder with `headroom.yaml`, the embedded log in `log`, and what a test puts beside them.
#[derive(Debug)]
pub struct Site {
    program: PathBuf,
    folder: TempDir,
    lives: u32,
}

/// How a command of `headroom` ended.
#[derive(Clone, Debug)]
pub struct Ran {
    /// Its exit code; `None` when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained of.
    pub stderr: String,
}

impl Site {
    /// An empty folder.
    ///
    /// # Errors
    /// When the program does not build, or there is no room for the folder.
    pub fn new() -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("headroom-e2e-").tempdir()?;
        Ok(Self {
            program: headroom_bin()?,
            folder,
            lives: 0,
        })
    }

    /// Where a file of this name is.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `headroom.yaml`: an embedded log, and what `more` says besides.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn configure(&self, more: &Value) -> Result<()> {
        let mut settings = json!({"log": {"embedded": {"directory": "log"}}});
        for (key, value) in more.as_object().context("settings are a map")? {
            settings[key] = value.clone();
        }
        self.write("headroom.yaml", &settings.to_string()) // JSON is YAML too
    }

    /// Writes a file.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn write(&self, name: &str, text: &str) -> Result<()> {
        Ok(std::fs::write(self.path(name), text)?)
    }

    /// A file's text; empty when there is none.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// A command of `headroom`, to be started in the folder.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env("USER", "e2e");
        command
    }

    /// Runs a command of `headroom`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Result<Ran> {
        let output = self.command(arguments).output()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ok(Ran {
            code: output.status.code(),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        })
    }

    /// Runs a command of `headroom` that must end with 0. Gives what it printed.
    ///
    /// # Errors
    /// When it ends otherwise.
    pub fn done(&self, arguments: &[&str]) -> Result<String> {
        let ran = self.run(arguments)?;
        ensure!(
            ran.code == Some(0),
            "headroom {}: {ran:?}",
            arguments.join(" ")
        );
        Ok(ran.stdout)
    }

    /// Applies a policy.
    ///
    /// # Errors
    /// When it is not taken.
    pub fn apply(&self, policy: &Value) -> Result<()> {
        self.write("policy.yaml", &policy.to_string())?;
        self.done(&["apply", "-f", "policy.yaml"]).map(drop)
    }

    /// Starts `headroom up`, and waits until it serves its log.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn up(&mut self) -> Result<Up> {
        self.up_under(None)
    }

    /// [`Site::up`] under `faketime -f` with this offset, such as `+1h`.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn up_under(&mut self, offset: Option<&str>) -> Result<Up> {
        self.up_as(|command| offset.map_or(Ok(()), |offset| fake_clock(command, offset)))
    }

    /// [`Site::up`] with a command that `prepare` has seen.
    ///
    /// # Errors
    /// When it cannot be prepared, or does not come up.
    pub fn up_as(&mut self, prepare: impl FnOnce(&mut Command) -> Result<()>) -> Result<Up> {
        self.lives += 1;
        let port = free_port();
        let mut command = self.command(&["up"]);
        command.args([
            "--log-format",
            "json",
            "--listen",
            &format!("127.0.0.1:{port}"),
        ]);
        prepare(&mut command)?;
        let log = self.path(&format!("up-{}.log", self.lives));
        let mut process = Process::start("up", &mut command, &log)?;
        let socket = self.path("log/headroom.sock");
        process.ready(|| UnixStream::connect(&socket).ok())?;
        Ok(Up { process, port, log })
    }

    /// The log itself, which nobody may have open.
    ///
    /// # Errors
    /// When somebody has, or it cannot be read.
    pub fn open_log(&self) -> Result<EmbeddedLog> {
        // A child that was started meanwhile may hold the lock for a moment, until its exec.
        let mut last = None;
        let opened = until("the log is free", || {
            EmbeddedLog::open(&self.path("log"), &Settings::default())
                .map_err(|error| last = Some(error))
                .ok()
        });
        opened.with_context(|| format!("{last:?}"))
    }

    /// The log as `up` serves it.
    #[must_use]
    pub fn served_log(&self) -> SocketLog {
        SocketLog::new(&self.path("log/headroom.sock"))
    }

    /// Checks that a replay of the log agrees with the record, and that the log is sound. Nobody may have it open.
    ///
    /// # Errors
    /// When it does not, or is not.
    pub fn check_replay(&self) -> Result<()> {
        let verified = self.done(&["replay", "--verify"])?;
        ensure!(verified.contains(" 0 differences"), "{verified}");
        self.done(&["log", "check"]).map(drop)
    }

    /// Adds to an error what the lives of `up` logged last, and keeps the folder.
    ///
    /// # Errors
    /// When `result` is one.
    pub fn tell<T>(mut self, result: Result<T>) -> Result<T> {
        let Err(error) = result else {
            return result;
        };
        self.folder.disable_cleanup(true);
        let text = self.text(&format!("up-{}.log", self.lives));
        let lines: Vec<_> = text.lines().rev().take(40).collect();
        let lines: Vec<_> = lines.into_iter().rev().collect();
        bail!(
            "{error:?}\n\n{}\nall is kept in {}",
            lines.join("\n"),
            self.folder.path().display()
        );
    }
}

/// Makes a command see a wall clock that is off by `offset`, such as `+1h`. The steady clock goes on as it is.
///
/// # Errors
/// When `faketime` is not installed.
pub fn fake_clock(command: &mut Command, offset: &str) -> Result<()> {
    // The wrapper stays between, and a signal would not reach the program: so its library is asked for, and loaded here.
    let asked = Command::new("faketime")
        .args(["-f", offset, "printenv", "LD_PRELOAD"])
        .output()?;
    let library = String::from_utf8(asked.stdout)?;
    ensure!(
        asked.status.success() && !library.trim().is_empty(),
        "faketime says no library"
    );
    command
        .env("LD_PRELOAD", library.trim())
        .env("FAKETIME", offset)
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    Ok(())
}

/// A running `headroom up`.
#[derive(Debug)]
pub struct Up {
    process: Process,
    port: u16,
    log: PathBuf,
}

impl Up {
    /// SIGKILL.
    pub fn kill(mut self) {
        self.process.kill();
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it does not end.
    pub fn stop(mut self) -> Result<()> {
        self.process.stop()
    }

    /// Whether it still runs.
    pub fn alive(&mut self) -> bool {
        self.process.ended().is_none()
    }

    /// What it has logged.
    #[must_use]
    pub fn logged(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Status and body of `/readyz`; `None` when there is no answer.
    #[must_use]
    pub fn readyz(&self) -> Option<(u16, String)> {
        answer(self.port, "/readyz")
    }

    /// Waits until every service can do its part.
    ///
    /// # Errors
    /// When one cannot for long.
    pub fn wait_ready(&mut self) -> Result<()> {
        let port = self.port;
        self.process
            .ready(|| answer(port, "/readyz").filter(|(status, _)| *status == 200))
            .map(drop)
    }
}

/// Status and body of an answer over HTTP.
fn answer(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

/// Waits, without blocking the runtime, until `done` gives something.
///
/// # Errors
/// When that takes longer than three times [`PATIENCE`]: a back-off of the planner may take one.
pub async fn eventually<T>(what: &str, mut done: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = done()? {
            return Ok(value);
        }
        ensure!(
            start.elapsed() < 3 * PATIENCE,
            "waited in vain for this: {what}"
        );
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A policy of one rule: a replica for every 10 of the metric `load`, read as `from` says, with no delay.
#[must_use]
pub fn policy(name: &str, bounds: (u32, u32), from: &Value) -> Value {
    let at_once = json!([{"type": "Pods", "value": 100, "periodSeconds": 1}]);
    json!({
        "apiVersion": "headroom.dev/v1alpha1",
        "kind": "ScalingPolicy",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {
            "scaleTargetRef": {"kind": "Command", "name": name},
            "minReplicas": bounds.0,
            "maxReplicas": bounds.1,
            "metrics": [{
                "type": "External",
                "external": {
                    "metric": {"name": "load"},
                    "target": {"type": "AverageValue", "averageValue": "10"},
                },
                "from": from,
            }],
            "behavior": {
                "scaleUp": {"policies": at_once},
                "scaleDown": {"stabilizationWindowSeconds": 0, "policies": at_once},
            },
        },
    })
}
