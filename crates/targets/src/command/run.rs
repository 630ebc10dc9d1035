//! Runs a program in a process group of its own, with a time-out.

use super::capture::Capture;
use crate::error::Said;
use futures::future::{FusedFuture, FutureExt as _};
use headroom_model::Span;
use rustix::process::{Pid, Signal, kill_process_group};
use std::{
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    process::{Child, Command},
    time::timeout,
};

/// What is still in the pipes when the program ends is there at once; a process that it left behind and that holds the
/// pipes open is not waited for.
const DRAIN: Duration = Duration::from_millis(200);

/// How a run went.
#[derive(Debug)]
pub(super) enum Ran {
    /// The program ended by itself.
    Ended(Ended),
    /// It did not, and its process group was killed.
    TimedOut {
        /// The end of what it had printed.
        said: String,
    },
}

/// A program that ended by itself.
#[derive(Debug)]
pub(super) struct Ended {
    /// How.
    pub(super) status: ExitStatus,
    /// What it printed for us.
    pub(super) stdout: Capture,
    /// What it printed for people.
    pub(super) stderr: Capture,
}

impl Ended {
    /// The end of what it printed, for a message.
    pub(super) fn said(&self) -> Said {
        Said(shown(&self.stdout, &self.stderr))
    }
}

/// Errors where something was printed to, output where not.
fn shown(stdout: &Capture, stderr: &Capture) -> String {
    let errors = stderr.shown();
    if errors.is_empty() {
        stdout.shown()
    } else {
        errors
    }
}

/// Runs `command` to its end. If it takes longer than `limit`, or the future is dropped, its process group is killed.
/// Processes that it leaves behind when it ends by itself are left alone: that may be what it is for.
///
/// # Errors
/// When it cannot be started.
pub(super) async fn run(mut command: Command, limit: Span) -> io::Result<Ran> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    let mut running = Running(command.spawn()?);
    let (mut stdout, mut stderr) = (Capture::default(), Capture::default());
    let ended = {
        let output = running
            .0
            .stdout
            .take()
            .expect("stdout is piped, a few lines above");
        let errors = running
            .0
            .stderr
            .take()
            .expect("stderr is piped, a few lines above");
        let reading = async { tokio::join!(stdout.fill(output), stderr.fill(errors)) };
        let mut reading = std::pin::pin!(reading.fuse());
        let ended = timeout(limit.duration(), running.end_while(&mut reading)).await;
        if ended.is_err() {
            running.kill();
        }
        if !reading.is_terminated() {
            let _ = timeout(DRAIN, reading).await;
        }
        ended
    };
    match ended {
        Ok(status) => Ok(Ran::Ended(Ended {
            status: status?,
            stdout,
            stderr,
        })),
        Err(_) => {
            running.0.wait().await?;
            Ok(Ran::TimedOut {
                said: shown(&stdout, &stderr),
            })
        }
    }
}

/// A child that leads a process group. Dropped before its end, it takes the group with it.
struct Running(Child);

impl Running {
    /// Waits for the end while `reading` goes on, so that a full pipe holds nobody up.
    async fn end_while(
        &mut self,
        reading: &mut (impl FusedFuture + Unpin),
    ) -> io::Result<ExitStatus> {
        loop {
            tokio::select! {
                status = self.0.wait() => return status,
                _ = &mut *reading, if !reading.is_terminated() => {}
            }
        }
    }

    /// Kills the whole group, unless the child has ended and was waited for: only until then the group's number is surely
    /// its own.
    fn kill(&self) {
        let leader = self
            .0
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // The only error is that nobody is left.
            let _ = kill_process_group(leader, Signal::KILL);
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
