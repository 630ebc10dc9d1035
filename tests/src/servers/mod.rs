//! Real servers for tests: started on free loopback ports in folders of their own, and stopped with the value that owns them.
//!
//! The programs come from the cache that `tests/setup` fills, or from `PATH`. A test whose program is nowhere skips aloud.

pub mod accounts;
pub mod nats;
mod ports;
pub mod prometheus;
pub mod proxy;
pub mod small_disk;

pub use ports::free_port;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    fs::OpenOptions,
    io::{Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

/// How long a server may take to start, stop or elect a leader, on a machine that is compiling beside the test.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Says that a test was skipped: a line that begins with `SKIPPED:`, also added to the file that `HEADROOM_SKIPPED` names.
///
/// A test calls this and returns. CI fails when anything was skipped.
pub fn skip(reason: &str) {
    eprintln!("SKIPPED: {reason}");
    if let Some(path) = std::env::var_os("HEADROOM_SKIPPED") {
        let file = OpenOptions::new().create(true).append(true).open(path);
        let written = file.and_then(|mut file| writeln!(file, "SKIPPED: {reason}"));
        written.expect("the file that HEADROOM_SKIPPED names can be written");
    }
}

/// The folder that `tests/setup` fills.
#[must_use]
pub fn cache() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).map(PathBuf::from);
    folder("HEADROOM_TEST_CACHE").or_else(|| {
        let caches = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
        Some(caches?.join("headroom-tests"))
    })
}

/// A program from the cache, else from `PATH`.
#[must_use]
pub fn program(name: &str) -> Option<PathBuf> {
    let cached = cache()
        .into_iter()
        .flat_map(|cache| [cache.join("venv/bin"), cache.join("bin")]);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let paths: Vec<_> = std::env::split_paths(&path).collect();
    cached
        .chain(paths)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// A program as [`program`] finds it; skips and gives `None` when it is nowhere.
#[must_use]
pub fn wanted(name: &str) -> Option<PathBuf> {
    let found = program(name);
    if found.is_none() {
        skip(&format!("there is no {name}; run tests/setup"));
    }
    found
}

/// Waits until `done` gives something.
///
/// # Errors
/// When that takes longer than [`PATIENCE`].
pub fn until<T>(what: &str, mut done: impl FnMut() -> Option<T>) -> Result<T> {
    let start = Instant::now();
    loop {
        if let Some(value) = done() {
            return Ok(value);
        }
        if start.elapsed() > PATIENCE {
            bail!("waited {PATIENCE:?} for this: {what}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The body of an HTTP answer with status 200; `None` for any other and for none.
#[must_use]
pub fn http_get(port: u16, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let good = head.lines().next()?.split(' ').nth(1)? == "200";
    good.then(|| body.to_owned())
}

/// A child process that does not outlive its owner.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Option<Child>,
}

impl Process {
    /// Starts a program whose output goes to `log`.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("opening {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {name}"))?;
        Ok(Self {
            name: name.to_owned(),
            log: log.to_owned(),
            child: Some(child),
        })
    }

    /// Its process id while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// How it ended, if it ended by itself.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    /// Waits until `ready` gives something.
    ///
    /// # Errors
    /// When the process ends first, with the end of its log, or takes too long.
    pub fn ready<T>(&mut self, mut ready: impl FnMut() -> Option<T>) -> Result<T> {
        let start = Instant::now();
        loop {
            if let Some(value) = ready() {
                return Ok(value);
            }
            let child = self.child.as_mut().context("it was stopped")?;
            let ended = child.try_wait()?;
            if ended.is_some() || start.elapsed() > PATIENCE {
                bail!(
                    "{} did not get ready ({ended:?}):\n{}",
                    self.name,
                    self.tail()
                );
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The last lines of its log, but for what it says each time that somebody asks whether it is healthy.
    #[must_use]
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let worth = |line: &&str| !line.contains("Healthcheck failed");
        let lines: Vec<_> = text.lines().rev().filter(worth).take(20).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself; then there is nothing left to do.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// A signal, by process id.
    ///
    /// # Errors
    /// When the process is gone.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        let child = self.child.as_ref().context("it was stopped")?;
        kill_process(Pid::from_child(child), signal)?;
        Ok(())
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Errors
    /// When it takes too long.
    pub fn stop(&mut self) -> Result<()> {
        self.signal(Signal::TERM)?;
        let mut child = self.child.take().context("it was stopped")?;
        let ended = until("the end of a process", || child.try_wait().ok().flatten());
        if ended.is_err() {
            let _ = child.kill();
            let _ = child.wait();
        }
        ended.map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
