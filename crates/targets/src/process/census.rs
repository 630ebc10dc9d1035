//! Finds the processes of a pool by the marks that they carry in their environment.

use super::{
    pool::Child,
    procfs::{Identity, Stat, process_ids},
};
use crate::error::Fault;
use std::{collections::BTreeSet, fs, io, thread, time::Duration};
use uuid::Uuid;

/// Environment variable: the pool that a process belongs to.
pub(super) const POOL: &str = "HEADROOM_POOL";
/// Environment variable: which child of the pool it is, or comes from.
pub(super) const CHILD: &str = "HEADROOM_CHILD";
/// Environment variable: the child's number.
pub(super) const INDEX: &str = "HEADROOM_INDEX";
/// Environment variable: the child's port.
pub(super) const PORT: &str = "HEADROOM_PORT";

/// A process that is just becoming its program shows neither environment nor arguments: usually for microseconds, longer
/// on a machine that is short of processors.
const BLANK_PAUSE: Duration = Duration::from_millis(2);
/// For how many pauses one is looked at again; only a process stuck in its end stays blank that long.
const BLANK_LOOKS: u32 = 500;

/// A living process of a pool: a child, or something that a child started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Marked {
    /// The process.
    pub(super) process: Identity,
    /// The child that it is, or comes from.
    pub(super) id: Uuid,
    index: u32,
    port: Option<u16>,
    /// Whether it leads a process group, as every child does.
    leads: bool,
}

/// Every living process that carries the mark of `pool` and that we may look into.
///
/// # Errors
/// When `/proc` cannot be read.
pub(super) fn marked(pool: &str) -> Result<Vec<Marked>, Fault> {
    let unreadable = |error| Fault::io("/proc cannot be read; is it mounted", error);
    let mut found = Vec::new();
    let mut to_look_at = process_ids().map_err(unreadable)?;
    for look in 0..=BLANK_LOOKS {
        if look > 0 {
            thread::sleep(BLANK_PAUSE);
        }
        to_look_at.retain(|&pid| match look_at(pid, pool) {
            Look::Blank => true,
            Look::Stranger => false,
            Look::Ours(marked) => {
                found.push(marked);
                false
            }
        });
        if to_look_at.is_empty() {
            break;
        }
    }
    Ok(found)
}

enum Look {
    Ours(Marked),
    Stranger,
    Blank,
}

fn look_at(pid: i32, pool: &str) -> Look {
    let Some(stat) = Stat::read(pid).filter(|stat| stat.runs_a_program()) else {
        return Look::Stranger;
    };
    let Ok(environment) = environment(pid) else {
        return Look::Stranger;
    };
    let Some(environment) = environment else {
        return Look::Blank;
    };
    // The identity is read after the environment, so that it cannot be that of an earlier owner of the id.
    match (Mark::parse(&environment, pool), Identity::of(pid)) {
        (Some(mark), Some(process)) => Look::Ours(Marked {
            process,
            id: mark.id,
            index: mark.index,
            port: mark.port,
            leads: stat.group == pid,
        }),
        _ => Look::Stranger,
    }
}

/// The environment of a process, which may be empty; `None` while the process is just becoming its program.
fn environment(pid: i32) -> io::Result<Option<Vec<u8>>> {
    let environment = fs::read(format!("/proc/{pid}/environ"))?;
    if !environment.is_empty() {
        return Ok(Some(environment));
    }
    if fs::read(format!("/proc/{pid}/cmdline"))?.is_empty() {
        return Ok(None);
    }
    // There are arguments, so by now there is an environment too, or it is really empty.
    fs::read(format!("/proc/{pid}/environ")).map(Some)
}

#[derive(Debug, PartialEq, Eq)]
struct Mark {
    id: Uuid,
    index: u32,
    port: Option<u16>,
}

impl Mark {
    /// The mark in an environment as `/proc` shows it; `None` when it is none of `pool`.
    fn parse(environment: &[u8], pool: &str) -> Option<Self> {
        let variable = |name: &str| {
            environment.split(|&byte| byte == 0).find_map(|entry| {
                std::str::from_utf8(entry)
                    .ok()?
                    .strip_prefix(name)?
                    .strip_prefix('=')
            })
        };
        if variable(POOL)? != pool {
            return None;
        }
        Some(Self {
            id: variable(CHILD)?.parse().ok()?,
            index: variable(INDEX)?.parse().ok()?,
            port: variable(PORT).and_then(|port| port.parse().ok()),
        })
    }
}

/// The children among the `marked` that are not `known` yet: a driver started them and died before it could write them
/// down. What a child starts carries its mark too; the child is the oldest that leads a process group.
pub(super) fn strays(marked: &[Marked], known: &[Child]) -> Vec<Child> {
    let mut seen: BTreeSet<Uuid> = known.iter().map(|child| child.id).collect();
    let mut leaders: Vec<&Marked> = marked.iter().filter(|process| process.leads).collect();
    leaders.sort_by_key(|leader| leader.process);
    leaders.retain(|leader| seen.insert(leader.id));
    leaders
        .into_iter()
        .map(|leader| Child {
            index: leader.index,
            id: leader.id,
            process: leader.process,
            port: leader.port,
            was_ready: false,
            leaving: false,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment(entries: &[&str]) -> Vec<u8> {
        entries
            .iter()
            .flat_map(|entry| entry.bytes().chain([0]))
            .collect()
    }

    #[test]
    fn only_the_marks_of_this_pool_count() {
        let id = Uuid::from_u128(7);
        let child = format!("HEADROOM_CHILD={id}");
        let mark = |port| Some(Mark { id, index: 3, port });
        let cases = [
            (
                "a full mark",
                vec![
                    "A=1",
                    "HEADROOM_POOL=/p",
                    &child,
                    "HEADROOM_INDEX=3",
                    "HEADROOM_PORT=80",
                ],
                mark(Some(80)),
            ),
            (
                "a child without a port",
                vec!["HEADROOM_POOL=/p", &child, "HEADROOM_INDEX=3"],
                mark(None),
            ),
            (
                "another pool",
                vec!["HEADROOM_POOL=/p/q", &child, "HEADROOM_INDEX=3"],
                None,
            ),
            (
                "no pool",
                vec!["XHEADROOM_POOL=/p", &child, "HEADROOM_INDEX=3"],
                None,
            ),
            (
                "no child",
                vec!["HEADROOM_POOL=/p", "HEADROOM_INDEX=3"],
                None,
            ),
            (
                "a broken number",
                vec!["HEADROOM_POOL=/p", &child, "HEADROOM_INDEX=x"],
                None,
            ),
        ];
        for (name, entries, want) in cases {
            assert_eq!(Mark::parse(&environment(&entries), "/p"), want, "{name}");
        }
    }

    #[test]
    fn a_stray_is_the_oldest_leader_of_an_unknown_mark() {
        let process = |pid, started_ticks, id, leads| Marked {
            process: Identity { started_ticks, pid },
            id: Uuid::from_u128(id),
            index: 0,
            port: None,
            leads,
        };
        let marked = [
            process(1, 30, 1, true), // a daemon that the child of mark 1 started
            process(2, 10, 1, true),
            process(3, 20, 1, false),
            process(4, 40, 2, false), // what is left of a child of mark 2
            process(5, 50, 3, true),  // a known child
        ];
        let known = strays(&[process(5, 50, 3, true)], &[]);
        let found: Vec<i32> = strays(&marked, &known)
            .iter()
            .map(|child| child.process.pid)
            .collect();
        assert_eq!(found, [2]);
    }
}
