//! The services, each a process of its own, and the command line.

use crate::{
    bin_path::headroom_bin,
    servers::{Process, until},
};
use anyhow::{Context as _, Result, bail, ensure};
use headroom_model::Service;
use serde_json::Value;
use std::{
    collections::BTreeMap,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Every service.
pub const EVERY: [Service; 5] = [
    Service::Collector,
    Service::Evaluator,
    Service::Planner,
    Service::Actuator,
    Service::Clock,
];

/// One of the processes of a service. Its name outlives it: who is started again is called the same.
pub type Seat = (Service, char);

/// The services of a shard as processes.
#[derive(Debug)]
pub struct Brain {
    program: PathBuf,
    folder: PathBuf,
    running: BTreeMap<Seat, Process>,
    lives: BTreeMap<Seat, u32>,
    kills: BTreeMap<Service, usize>,
}

impl Brain {
    /// Writes `headroom.yaml` into `folder`; nothing runs yet.
    ///
    /// # Errors
    /// When the program does not build, or the folder cannot be written.
    pub fn new(folder: &Path, settings: &Value) -> Result<Self> {
        // JSON is YAML too.
        std::fs::write(folder.join("headroom.yaml"), settings.to_string())?;
        Ok(Self {
            program: headroom_bin()?,
            folder: folder.to_owned(),
            running: BTreeMap::new(),
            lives: BTreeMap::new(),
            kills: BTreeMap::new(),
        })
    }

    fn log_of(&self, (service, letter): Seat) -> PathBuf {
        let life = self
            .lives
            .get(&(service, letter))
            .copied()
            .unwrap_or_default();
        self.folder.join(format!("{service}-{letter}-{life}.log"))
    }

    /// Starts a service, unless it runs.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn start(&mut self, seat: Seat) -> Result<()> {
        if self.running.contains_key(&seat) {
            return Ok(());
        }
        *self.lives.entry(seat).or_default() += 1;
        let (service, letter) = seat;
        let name = format!("{service}-{letter}");
        let mut command = Command::new(&self.program);
        command
            .arg(service.token())
            .arg("--config")
            .arg(self.folder.join("headroom.yaml"))
            .args([
                "--listen",
                "127.0.0.1:0",
                "--log-format",
                "json",
                "--instance",
                &name,
            ]);
        let process = Process::start(&name, &mut command, &self.log_of(seat))?;
        self.running.insert(seat, process);
        Ok(())
    }

    /// SIGKILL; the seat is empty then.
    pub fn kill(&mut self, seat: Seat) {
        if let Some(mut process) = self.running.remove(&seat) {
            process.kill();
            *self.kills.entry(seat.0).or_default() += 1;
        }
    }

    /// The process in a seat.
    ///
    /// # Errors
    /// When the seat is empty.
    pub fn process(&mut self, seat: Seat) -> Result<&mut Process> {
        self.running
            .get_mut(&seat)
            .with_context(|| format!("{}-{} does not run", seat.0, seat.1))
    }

    /// How often a process of this service was killed.
    #[must_use]
    pub fn kills(&self, service: Service) -> usize {
        self.kills.get(&service).copied().unwrap_or_default()
    }

    /// The seats that are taken.
    #[must_use]
    pub fn seats(&self) -> Vec<Seat> {
        self.running.keys().copied().collect()
    }

    /// Checks that nobody has ended without being asked.
    ///
    /// # Errors
    /// When somebody has.
    pub fn check_alive(&mut self) -> Result<()> {
        for ((service, letter), process) in &mut self.running {
            if let Some(status) = process.ended() {
                bail!("{service}-{letter} ended by itself: {status}");
            }
        }
        Ok(())
    }

    /// What `/readyz` of a process says: the status, and the service's phase. `None` when it does not answer.
    #[must_use]
    pub fn readiness(&self, seat: Seat) -> Option<(u16, Value)> {
        let (status, body) = get(self.address(seat)?, "/readyz")?;
        let phases: Value = serde_json::from_str(&body).ok()?;
        Some((
            status,
            phases.get(seat.0.token()).cloned().unwrap_or_default(),
        ))
    }

    fn address(&self, seat: Seat) -> Option<SocketAddr> {
        let text = std::fs::read_to_string(self.log_of(seat)).ok()?;
        let lines = text
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines
            .filter_map(|line| line["address"].as_str()?.parse().ok())
            .next()
    }

    /// Waits until each process can do its part.
    ///
    /// # Errors
    /// When one cannot for long, or has ended.
    pub fn wait_ready(&mut self) -> Result<()> {
        for seat in self.seats() {
            let mut said = None;
            let ready = until("a service that can do its part", || {
                said = self.readiness(seat);
                said.as_ref()
                    .is_some_and(|(status, _)| *status == 200)
                    .then_some(())
            });
            ready.with_context(|| format!("{}-{} says {said:?}", seat.0, seat.1))?;
        }
        self.check_alive()
    }

    /// Runs a command of `headroom` in a folder. Gives its standard output.
    ///
    /// # Errors
    /// When it cannot be run, or does not end with 0.
    pub fn run_in(&self, folder: &Path, arguments: &[&str]) -> Result<String> {
        let output = Command::new(&self.program)
            .args(arguments)
            .current_dir(folder)
            .output()?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "headroom {} ended with {}:\n{text}{errors}",
            arguments.join(" "),
            output.status
        );
        Ok(text)
    }

    /// Runs a command of `headroom` with the services' configuration. Gives its standard output.
    ///
    /// # Errors
    /// When it cannot be run, or does not end with 0.
    pub fn run(&self, arguments: &[&str]) -> Result<String> {
        self.run_in(&self.folder, arguments) // headroom.yaml is there
    }

    /// The last lines that each living process has logged.
    #[must_use]
    pub fn tails(&self) -> String {
        let tails = self.running.iter().map(|((service, letter), process)| {
            format!("--- {service}-{letter}\n{}\n", process.tail())
        });
        tails.collect()
    }
}

/// Status and body of an HTTP answer.
fn get(address: SocketAddr, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}
