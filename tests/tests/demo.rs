//! `headroom demo` as a user runs it, without a terminal.

use anyhow::{Context as _, Result};
use headroom_tests::{bin_path::headroom_bin, servers::until};
use rustix::process::Signal;
use std::{
    collections::BTreeSet,
    fs,
    io::Read as _,
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// A demonstration in a directory of its own, whose workers carry that directory's name as their mark.
struct Demo {
    child: Child,
    parent: TempDir,
}

impl Demo {
    fn start(seconds: &str) -> Result<Self> {
        let parent = tempfile::tempdir()?;
        let child = Command::new(headroom_bin()?)
            .args(["demo", "--seconds", seconds, "--keep"])
            .arg(parent.path().join("kept"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        Ok(Self { child, parent })
    }

    /// The process ids of the workers that run now.
    fn workers(&self) -> BTreeSet<u32> {
        fs::canonicalize(self.parent.path()).map_or_else(|_| BTreeSet::new(), |path| marked(&path))
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = rustix::process::Pid::from_child(&self.child);
        Ok(rustix::process::kill_process(pid, signal)?)
    }

    /// Waits for the end: whether it was a success, and what was printed.
    fn end(&mut self) -> Result<(bool, String, String)> {
        let (mut printed, mut said) = (String::new(), String::new());
        self.child
            .stdout
            .take()
            .context("it is piped")?
            .read_to_string(&mut printed)?;
        self.child
            .stderr
            .take()
            .context("it is piped")?
            .read_to_string(&mut said)?;
        Ok((self.child.wait()?.success(), printed, said))
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // It has usually ended; if a test failed, this ends its workers too.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The processes whose environment names a pool below this directory.
fn marked(directory: &Path) -> BTreeSet<u32> {
    let mark = format!("HEADROOM_POOL={}", directory.display());
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    processes
        .filter_map(|process| {
            let pid = process.file_name().to_str()?.parse().ok()?;
            let environment = fs::read(process.path().join("environ")).ok()?;
            let ours = environment
                .split(|byte| *byte == 0)
                .any(|variable| variable.starts_with(mark.as_bytes()));
            ours.then_some(pid)
        })
        .collect()
}

/// The numbers before a word, line by line: `6` of `6 of 6 workers ready`.
fn ready(printed: &str) -> Vec<u32> {
    let counts = printed.lines().filter_map(|line| {
        let (before, _) = line.strip_suffix(" workers ready")?.rsplit_once(" of ")?;
        before.rsplit(' ').next()?.parse().ok()
    });
    counts.collect()
}

#[test]
fn workers_go_up_and_down_and_the_replay_is_verified() -> Result<()> {
    let mut demo = Demo::start("20")?;
    let (success, printed, said) = demo.end()?;
    assert!(success, "{printed}\n{said}");
    assert!(
        !printed.contains('\u{1b}'),
        "no escape codes without a terminal"
    );
    assert_eq!(said, "", "nothing is wrong");

    let last = printed.lines().last().context("it printed something")?;
    let words: Vec<&str> = last.split(' ').collect();
    let [
        "replay",
        "verified:",
        events,
        "events,",
        decisions,
        "decisions,",
        "0",
        "differences",
    ] = words[..]
    else {
        panic!("{last}");
    };
    assert!(events.parse::<u64>()? > decisions.parse::<u64>()?, "{last}");

    let ready = ready(&printed);
    let most = ready.iter().max().context("workers were shown")?;
    assert!(*most >= 4, "the surge needs six: {ready:?}\n{printed}");
    assert!(
        ready.last() < Some(most),
        "and then fewer: {ready:?}\n{printed}"
    );
    assert!(
        printed.contains("What the rules wanted"),
        "a decision was explained\n{printed}"
    );
    assert_eq!(demo.workers(), BTreeSet::new());

    // What was kept is a log like any other.
    let kept = demo.parent.path().join("kept/headroom.yaml");
    let again = Command::new(headroom_bin()?)
        .args(["replay", "--verify", "--config"])
        .arg(kept)
        .output()?;
    let again = String::from_utf8(again.stdout)?;
    assert_eq!(again.lines().last(), Some(last));
    Ok(())
}

#[test]
fn no_worker_is_left_however_it_is_stopped() -> Result<()> {
    for (name, signal) in [("asked", Signal::INT), ("killed", Signal::KILL)] {
        let mut demo = Demo::start("60")?;
        until("a worker", || (!demo.workers().is_empty()).then_some(()))?;
        demo.signal(signal)?;
        let (success, _, said) = demo.end()?;
        assert!(!success, "{name}");
        if signal == Signal::INT {
            assert!(said.contains("interrupted"), "{said}");
            assert_eq!(demo.workers(), BTreeSet::new(), "{name}");
        }
        until("the end of the workers", || {
            demo.workers().is_empty().then_some(())
        })?;
    }
    Ok(())
}
