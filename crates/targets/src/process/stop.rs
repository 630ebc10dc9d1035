//! Stops children: asks, waits, kills.

use super::{census::Marked, pool::Child, procfs::Identity};
use crate::error::Fault;
use rustix::process::Signal;
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How often it is looked whether a child has ended.
const POLL: Duration = Duration::from_millis(10);
/// A killed process is gone at once, unless the kernel holds it in an operation that cannot be interrupted.
const AFTER_KILL: Duration = Duration::from_secs(5);

/// What a child is asked to stop with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum StopSignal {
    /// SIGTERM.
    #[default]
    Term,
    /// SIGINT.
    Int,
    /// SIGQUIT.
    Quit,
    /// SIGHUP.
    Hup,
    /// SIGUSR1.
    Usr1,
    /// SIGUSR2.
    Usr2,
    /// SIGKILL: no grace.
    Kill,
}

impl From<StopSignal> for Signal {
    fn from(signal: StopSignal) -> Self {
        match signal {
            StopSignal::Term => Self::TERM,
            StopSignal::Int => Self::INT,
            StopSignal::Quit => Self::QUIT,
            StopSignal::Hup => Self::HUP,
            StopSignal::Usr1 => Self::USR1,
            StopSignal::Usr2 => Self::USR2,
            StopSignal::Kill => Self::KILL,
        }
    }
}

/// Asks all `leaving` children to stop, in their order, and kills those that have not by the end of `grace`. Returns once
/// none is left.
pub(super) async fn stop(
    leaving: &[Child],
    signal: StopSignal,
    grace: Duration,
) -> Result<(), Fault> {
    let mut left: Vec<Identity> = leaving.iter().map(|child| child.process).collect();
    for (signal, patience) in [(signal.into(), grace), (Signal::KILL, AFTER_KILL)] {
        for process in &left {
            send(*process, signal)?;
        }
        let deadline = Instant::now() + patience;
        while !left.is_empty() && Instant::now() < deadline {
            left.retain(|process| process.is_alive());
            if !left.is_empty() {
                sleep(POLL).await;
            }
        }
    }
    match left.first() {
        None => Ok(()),
        Some(process) => Err(Fault::passing(format!(
            "process {} does not end although it was killed; see what it waits for in /proc/{}/stack",
            process.pid, process.pid
        ))),
    }
}

/// Kills what ended children have left behind, and waits for its end: marked processes that belong to none of the
/// `staying`. Blocks.
pub(super) fn sweep(marked: &[Marked], staying: &[Child]) -> Result<(), Fault> {
    let left: Vec<Identity> = (marked.iter())
        .filter(|process| !staying.iter().any(|child| child.id == process.id))
        .map(|process| process.process)
        .collect();
    for process in &left {
        send(*process, Signal::KILL)?;
    }
    let deadline = Instant::now() + AFTER_KILL;
    while left.iter().any(|process| process.is_alive()) && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
    Ok(())
}

fn send(process: Identity, signal: Signal) -> Result<(), Fault> {
    process.signal(signal).map_err(|error| {
        Fault::io(
            format!(
                "process {} may not be stopped; run Headroom as the user of its children",
                process.pid
            ),
            error,
        )
    })
}
