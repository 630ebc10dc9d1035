//! Who a process is, from `/proc`: a process id alone may by now belong to someone else.

use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, pidfd_open, pidfd_send_signal, waitpid,
};
use serde::{Deserialize, Serialize};
use std::{fs, io, time::Duration};

/// A process, told apart from every other one that this boot of the machine has seen or will see.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Identity {
    /// When it started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`). First, so that the order is by age.
    pub(super) started_ticks: u64,
    /// The process id.
    pub(super) pid: i32,
}

impl Identity {
    /// The identity of the process that has this id now, dead or alive, until it is waited for.
    pub(super) fn of(pid: i32) -> Option<Self> {
        let stat = Stat::read(pid)?;
        Some(Self {
            started_ticks: stat.started_ticks,
            pid,
        })
    }

    /// Whether it still runs. A dead child of our own is waited for on the way, so that it does not stay as a zombie.
    pub(super) fn is_alive(self) -> bool {
        match Stat::read(self.pid) {
            Some(stat) if stat.started_ticks == self.started_ticks => {
                if stat.is_dead() {
                    self.reap();
                }
                !stat.is_dead()
            }
            _ => false,
        }
    }

    /// Sends a signal to this very process. One that has ended meanwhile is no error.
    ///
    /// # Errors
    /// When we may not.
    pub(super) fn signal(self, signal: Signal) -> io::Result<()> {
        let Some(pid) = Pid::from_raw(self.pid) else {
            return Ok(());
        };
        let process = match pidfd_open(pid, PidfdFlags::empty()) {
            Ok(process) => process,
            Err(rustix::io::Errno::SRCH) => return Ok(()),
            Err(error) => return Err(error.into()),
        };
        // The handle stays with the process it was opened for; so if it is ours now, it is ours when the signal arrives.
        if !self.is_alive() {
            return Ok(());
        }
        match pidfd_send_signal(process, signal) {
            Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// How long ago it started.
    pub(super) fn age(self) -> Duration {
        let started = Duration::from_millis(
            self.started_ticks.saturating_mul(1000) / rustix::param::clock_ticks_per_second(),
        );
        uptime().saturating_sub(started)
    }

    fn reap(self) {
        if let Some(pid) = Pid::from_raw(self.pid) {
            // It fails for a process that is not our child, whose parent reaps it.
            let _ = waitpid(Some(pid), WaitOptions::NOHANG);
        }
    }
}

/// What we need of `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stat {
    state: char,
    /// The process group.
    pub(super) group: i32,
    flags: u64,
    started_ticks: u64,
}

/// `PF_KTHREAD` of the kernel: a thread of its own, which has no environment.
const KERNEL_THREAD: u64 = 0x0020_0000;

impl Stat {
    /// `None` when there is no such process.
    pub(super) fn read(pid: i32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // Field 2 is the program's name in parentheses, which may itself hold spaces and parentheses.
        let (_, after_name) = text.rsplit_once(')')?;
        let fields: Vec<&str> = after_name.split_ascii_whitespace().collect();
        let field = |number: usize| fields.get(number - 3);
        Some(Self {
            state: field(3)?.chars().next()?,
            group: field(5)?.parse().ok()?,
            flags: field(9)?.parse().ok()?,
            started_ticks: field(22)?.parse().ok()?,
        })
    }

    fn is_dead(self) -> bool {
        matches!(self.state, 'Z' | 'X' | 'x')
    }

    /// Whether it runs a program, and so has an environment, or is just about to.
    pub(super) fn runs_a_program(self) -> bool {
        !self.is_dead() && self.flags & KERNEL_THREAD == 0
    }
}

/// Tells one boot of the machine from another: process ids and start times begin anew with each.
///
/// # Errors
/// When `/proc` is not there.
pub(super) fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// The ids of all processes that can be seen.
///
/// # Errors
/// When `/proc` is not there.
pub(super) fn process_ids() -> io::Result<Vec<i32>> {
    Ok(fs::read_dir("/proc")?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect())
}

fn uptime() -> Duration {
    let text = fs::read_to_string("/proc/uptime").unwrap_or_default();
    let seconds = text
        .split_ascii_whitespace()
        .next()
        .and_then(|seconds| seconds.parse().ok());
    seconds.map_or(Duration::ZERO, |seconds: f64| {
        Duration::try_from_secs_f64(seconds).unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn the_name_of_a_program_cannot_confuse_the_fields() {
        let after = "S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 10 11";
        for name in ["sleep", "a b", "x) S 7 (y", "(()"] {
            let stat = Stat::parse(&format!("42 ({name}) {after}")).unwrap();
            assert_eq!(
                (stat.state, stat.group, stat.started_ticks),
                ('S', 42, 987_654),
                "{name}"
            );
        }
        for broken in ["", "42 (sleep)", "42 (sleep) S 1 42", "42 sleep S"] {
            assert_eq!(Stat::parse(broken), None, "{broken}");
        }
    }

    #[test]
    fn a_reused_process_id_is_somebody_else() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let ours = Identity::of(pid).unwrap();
        let before = Identity {
            started_ticks: ours.started_ticks - 1,
            pid,
        };
        assert!(ours.is_alive());
        assert!(!before.is_alive(), "another start time is another process");
        before.signal(Signal::KILL).unwrap();
        // A signal needs a moment to arrive.
        std::thread::sleep(Duration::from_millis(20));
        assert!(
            ours.is_alive(),
            "a signal for the former owner of the id reaches nobody"
        );
        ours.signal(Signal::KILL).unwrap();
        child.wait().unwrap();
        assert!(!ours.is_alive());
        ours.signal(Signal::KILL).unwrap();
    }

    #[test]
    fn a_dead_child_is_not_alive_and_does_not_stay_a_zombie() {
        let mut child = Command::new("true").spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let identity = Identity::of(pid).unwrap();
        while identity.is_alive() {
            std::thread::sleep(Duration::from_millis(1));
        }
        assert_eq!(Stat::read(pid), None, "it was waited for");
        child.wait().unwrap_err();
    }

    #[test]
    fn a_process_has_an_age() {
        let own = Identity::of(i32::try_from(std::process::id()).unwrap()).unwrap();
        let before = uptime();
        let first = Identity {
            started_ticks: 0,
            ..own
        };
        assert!(own.age() < first.age());
        assert!(
            first.age() >= before,
            "age is counted from the start, in seconds of the uptime"
        );
    }
}
