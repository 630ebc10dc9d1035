//! The workers that are there now, as the target lists them, each asked in its turn.

use hyper::Uri;
use serde::Deserialize;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// The workers that are listed now.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    workers: RwLock<Vec<Arc<Worker>>>,
    turn: AtomicUsize,
}

/// One worker.
#[derive(Debug)]
pub(crate) struct Worker {
    /// Where it is asked for work.
    pub(crate) work: Uri,
    answers: AtomicBool,
}

/// A group of `endpoints.json`.
#[derive(Deserialize)]
struct Group {
    targets: Vec<String>,
}

impl Fleet {
    /// Reads the list again. A list that is not there yet, or cannot be read, changes nothing.
    pub(crate) fn read(&self, endpoints: &Path) {
        if let Some(listed) = std::fs::read(endpoints).ok().and_then(|text| parse(&text)) {
            self.list(listed);
        }
    }

    /// Every listed worker once, beginning with the one whose turn it is.
    pub(crate) fn round(&self) -> Vec<Arc<Worker>> {
        let mut round = self
            .workers
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if !round.is_empty() {
            let first = self.turn.fetch_add(1, Ordering::Relaxed) % round.len();
            round.rotate_left(first);
        }
        round
    }

    /// How many listed workers have answered.
    pub(crate) fn ready(&self) -> u32 {
        let workers = self.workers.read().unwrap_or_else(PoisonError::into_inner);
        let ready = workers
            .iter()
            .filter(|worker| worker.answers.load(Ordering::Relaxed))
            .count();
        u32::try_from(ready).unwrap_or(u32::MAX)
    }

    fn list(&self, listed: Vec<Uri>) {
        let mut workers = self.workers.write().unwrap_or_else(PoisonError::into_inner);
        *workers = (listed.into_iter())
            .map(
                |work| match workers.iter().find(|known| known.work == work) {
                    Some(known) => Arc::clone(known),
                    None => Arc::new(Worker {
                        work,
                        answers: AtomicBool::new(false),
                    }),
                },
            )
            .collect();
    }
}

impl Worker {
    /// It has answered a request.
    pub(crate) fn answered(&self) {
        self.answers.store(true, Ordering::Relaxed);
    }
}

fn parse(text: &[u8]) -> Option<Vec<Uri>> {
    let groups: Vec<Group> = serde_json::from_slice(text).ok()?;
    let targets = groups.into_iter().flat_map(|group| group.targets);
    targets
        .map(|target| format!("http://{target}/work").parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fleet(ports: &[u16]) -> Vec<Uri> {
        let groups: Vec<_> = ports
            .iter()
            .map(|port| serde_json::json!({"targets": [format!("127.0.0.1:{port}")]}))
            .collect();
        parse(serde_json::to_string(&groups).unwrap().as_bytes()).unwrap()
    }

    fn firsts(fleet: &Fleet, rounds: usize) -> Vec<u16> {
        (0..rounds)
            .map(|_| fleet.round()[0].work.port_u16().unwrap())
            .collect()
    }

    #[test]
    fn every_worker_has_its_turn() {
        let workers = Fleet::default();
        assert!(workers.round().is_empty());
        workers.list(fleet(&[1, 2, 3]));
        assert_eq!(firsts(&workers, 6), [1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn who_stays_listed_stays_ready_and_who_is_new_is_not() {
        let workers = Fleet::default();
        workers.list(fleet(&[1]));
        assert_eq!(workers.ready(), 0);
        workers.round()[0].answered();
        workers.list(fleet(&[1, 2]));
        assert_eq!((workers.ready(), workers.round().len()), (1, 2));
        workers.list(fleet(&[2]));
        assert_eq!(workers.ready(), 0);
    }

    #[test]
    fn a_list_that_cannot_be_read_changes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("endpoints.json");
        let workers = Fleet::default();
        workers.list(fleet(&[1]));
        workers.read(&file);
        assert_eq!(workers.round().len(), 1);
        std::fs::write(&file, "[{\"targets\": [").unwrap();
        workers.read(&file);
        assert_eq!(workers.round().len(), 1);
        std::fs::write(&file, "[]").unwrap();
        workers.read(&file);
        assert_eq!(workers.round().len(), 0);
    }
}
