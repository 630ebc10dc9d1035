//! Starts the children of a pool.

use super::{
    census,
    pool::Child,
    procfs::Identity,
    settings::{Checked, Ports},
    store::Directory,
};
use crate::{TargetName, error::Fault};
use std::{
    fs::{self, File},
    io,
    net::{Ipv4Addr, TcpListener},
    os::unix::process::CommandExt as _,
    path::Path,
    process::{Command, Stdio},
};
use uuid::Uuid;

/// A log that has grown beyond this is put aside, in the place of the last one, when its child is started anew.
const LOG_BYTES: u64 = 16 * 1024 * 1024;

/// The name of a child, as in `web-0`.
pub(super) fn replica(target: &TargetName, index: u32) -> String {
    format!("{}-{index}", target.name())
}

/// What a placeholder stands for, for one child.
pub(super) fn value(target: &TargetName, index: u32, port: Option<u16>, word: &str) -> String {
    match word {
        "index" => index.to_string(),
        "port" => port.map_or_else(String::new, |port| port.to_string()),
        "replica" => replica(target, index),
        "namespace" => target.namespace().to_owned(),
        _ => target.name().to_owned(),
    }
}

/// Starts child number `index`, in a process group of its own, so that neither our end nor a Ctrl-C is its end. `taken` are
/// the ports of its siblings.
pub(super) fn start(
    settings: &Checked,
    target: &TargetName,
    directory: &Directory,
    index: u32,
    taken: &[u16],
) -> Result<Child, Fault> {
    let port = port(settings.ports, index, taken)?;
    let id = Uuid::now_v7();
    let fill = |word: &str| value(target, index, port, word);
    let replica = replica(target, index);
    let log = open_log(&directory.log(&replica))?;
    let errors = log
        .try_clone()
        .map_err(|error| Fault::io("no file can be opened for a log", error))?;
    let mut command = Command::new(&settings.program);
    command.args(settings.args.iter().map(|arg| arg.fill(fill)));
    crate::child_env::withhold_own(&mut command);
    command
        .envs(
            settings
                .env
                .iter()
                .map(|(name, text)| (name, text.fill(fill))),
        )
        .env(census::POOL, directory.mark()?)
        .env(census::CHILD, id.to_string())
        .env(census::INDEX, index.to_string())
        .env("HEADROOM_REPLICA", &replica)
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .process_group(0);
    if let Some(port) = port {
        command.env(census::PORT, port.to_string());
    }
    if let Some(directory) = &settings.working_directory {
        command.current_dir(directory);
    }
    let child = command.spawn().map_err(|error| {
        let program = &settings.program;
        let problem = format!(
            "{program} could not be started as {replica}; see that it is there and executable, and its working_directory too"
        );
        Fault::io(problem, error)
    })?;
    let process = i32::try_from(child.id()).ok().and_then(Identity::of);
    let process =
        process.ok_or_else(|| Fault::passing(format!("{replica} ended at once; see its log")))?;
    Ok(Child {
        index,
        id,
        process,
        port,
        was_ready: false,
        leaving: false,
    })
}

fn port(ports: Ports, index: u32, taken: &[u16]) -> Result<Option<u16>, Fault> {
    match ports {
        Ports::None => Ok(None),
        Ports::From(base) => u16::try_from(u32::from(base) + index)
            .map(Some)
            .map_err(|_| {
                Fault::lasting(format!(
                    "port_base {base} leaves no port for child number {index}; lower it"
                ))
            }),
        Ports::Free => free_port(taken)
            .map(Some)
            .map_err(|error| Fault::io("no free port was found on 127.0.0.1", error)),
    }
}

/// A port that nobody listens on now. Someone may take it before the child does; then the child ends or never becomes
/// ready, and its successor gets another.
fn free_port(taken: &[u16]) -> io::Result<u16> {
    // Holding on to the refused ones keeps the system from offering them again.
    let mut refused = Vec::new();
    loop {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let port = listener.local_addr()?.port();
        if !taken.contains(&port) {
            return Ok(port);
        }
        refused.push(listener);
    }
}

fn open_log(path: &Path) -> Result<File, Fault> {
    let open = || -> io::Result<File> {
        if fs::metadata(path).is_ok_and(|log| log.len() > LOG_BYTES) {
            fs::rename(path, path.with_extension("log.old"))?;
        }
        File::options().create(true).append(true).open(path)
    };
    open().map_err(|error| {
        Fault::io(
            format!("the log {} cannot be opened", path.display()),
            error,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_ports_are_never_those_of_siblings() {
        let mut taken = Vec::new();
        for _ in 0..50 {
            let port = free_port(&taken).unwrap();
            assert!(!taken.contains(&port));
            taken.push(port);
        }
    }

    #[test]
    fn ports_follow_the_base() {
        assert_eq!(port(Ports::From(9000), 7, &[]).unwrap(), Some(9007));
        assert!(port(Ports::From(65535), 1, &[]).is_err());
        assert_eq!(port(Ports::None, 7, &[]).unwrap(), None);
    }

    #[test]
    fn a_log_is_appended_to_and_put_aside_when_it_is_long() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("web-0.log");
        fs::write(&path, "kept").unwrap();
        drop(open_log(&path).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "kept");
        File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(LOG_BYTES + 1)
            .unwrap();
        drop(open_log(&path).unwrap());
        assert_eq!(fs::metadata(&path).unwrap().len(), 0);
        assert_eq!(
            fs::metadata(directory.path().join("web-0.log.old"))
                .unwrap()
                .len(),
            LOG_BYTES + 1
        );
    }
}
