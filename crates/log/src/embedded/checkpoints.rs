//! Checkpoints: one file each, since they are megabytes and sled would rewrite them with their neighbours.
//!
//! A file is written under another name, flushed and renamed, so that there is a whole checkpoint or none.

use crate::LogError;
use headroom_model::{Checkpoint, Seq, Service};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

const EXTENSION: &str = "checkpoint";
/// The zstd level: a state is written a few times a day, so a little more effort costs nothing.
const LEVEL: i32 = 3;
/// The longest state that is read back; a file that claims more is damaged.
const LONGEST: usize = 1 << 32;

/// The checkpoints of a log.
#[derive(Debug)]
pub(super) struct Checkpoints {
    dir: PathBuf,
    known: Mutex<BTreeMap<Service, Vec<Seq>>>,
}

impl Checkpoints {
    /// Looks at what is there.
    pub(super) fn open(dir: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&dir)?;
        let mut known: BTreeMap<Service, Vec<Seq>> = BTreeMap::new();
        for file in fs::read_dir(&dir)? {
            let path = file?.path();
            match parse(&path) {
                Some((service, through)) => known.entry(service).or_default().push(through),
                None => fs::remove_file(&path)?,
            }
        }
        for throughs in known.values_mut() {
            throughs.sort_unstable();
        }
        Ok(Self {
            dir,
            known: Mutex::new(known),
        })
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<Service, Vec<Seq>>> {
        self.known
            .lock()
            .expect("no holder of this lock runs code that can panic")
    }

    fn path(&self, service: Service, through: Seq) -> PathBuf {
        self.dir
            .join(format!("{service}-{:020}.{EXTENSION}", through.0))
    }

    /// Keeps a checkpoint; it is flushed when this returns.
    pub(super) fn save(&self, checkpoint: &Checkpoint) -> Result<(), LogError> {
        let (service, through) = (checkpoint.service, checkpoint.through);
        let path = self.path(service, through);
        write(&path, checkpoint)
            .map_err(|error| super::storage_error("write the checkpoint", &path, &error))?;
        let mut known = self.known();
        let throughs = known.entry(service).or_default();
        if let Err(place) = throughs.binary_search(&through) {
            throughs.insert(place, through);
        }
        Ok(())
    }

    /// The newest readable one of a machine that is not past `not_after`. A damaged one is passed by, aloud.
    pub(super) fn newest(&self, service: Service, not_after: Seq) -> Option<Checkpoint> {
        let throughs = self.known().get(&service).cloned().unwrap_or_default();
        let candidates = throughs.into_iter().rev().filter(|&at| at <= not_after);
        candidates.into_iter().find_map(|through| {
            let path = self.path(service, through);
            read(&path)
                .inspect_err(|error| {
                    tracing::error!(path = %path.display(), %error, "checkpoint cannot be read; trying an older one");
                })
                .ok()
        })
    }

    /// The position up to which no machine needs the log any more: the oldest of their newest checkpoints. One of those
    /// `at_work` that has none yet needs all of it. `None` when there is no machine at all.
    pub(super) fn not_needed(&self, at_work: impl Iterator<Item = Service>) -> Option<Seq> {
        let known = self.known();
        let newest = |service| known.get(&service).and_then(|throughs| throughs.last());
        known
            .keys()
            .copied()
            .chain(at_work)
            .map(|service| newest(service).copied().unwrap_or(Seq::ZERO))
            .min()
    }

    /// Removes those that lie before the log's `first` position, but never the newest of a machine.
    pub(super) fn forget_before(&self, first: Seq) {
        let mut known = self.known();
        for (&service, throughs) in known.iter_mut() {
            while throughs.len() > 1 && throughs[0].next() < first {
                let path = self.path(service, throughs.remove(0));
                if let Err(error) = fs::remove_file(&path) {
                    tracing::warn!(path = %path.display(), %error, "old checkpoint cannot be removed");
                }
            }
        }
    }
}

fn parse(path: &Path) -> Option<(Service, Seq)> {
    let name = path.file_name()?.to_str()?;
    let (service, through) = name
        .strip_suffix(EXTENSION)?
        .strip_suffix('.')?
        .split_once('-')?;
    Some((service.parse().ok()?, Seq(through.parse().ok()?)))
}

fn write(path: &Path, checkpoint: &Checkpoint) -> io::Result<()> {
    let plain = rmp_serde::to_vec(checkpoint).map_err(io::Error::other)?;
    let packed = zstd::bulk::compress(&plain, LEVEL)?;
    let content = [&(plain.len() as u64).to_le_bytes()[..], &packed].concat();
    let unfinished = path.with_extension("unfinished");
    let mut file = File::create(&unfinished)?;
    file.write_all(&crc32fast::hash(&content).to_le_bytes())?;
    file.write_all(&content)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)?;
    path.parent()
        .map_or(Ok(()), |dir| File::open(dir)?.sync_all())
}

fn read(path: &Path) -> io::Result<Checkpoint> {
    let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let bytes = fs::read(path)?;
    let (checksum, content) = bytes
        .split_first_chunk()
        .ok_or_else(|| damaged("it is cut off"))?;
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return Err(damaged("it fails its checksum"));
    }
    let (length, packed) = content
        .split_first_chunk()
        .ok_or_else(|| damaged("it is cut off"))?;
    let length = usize::try_from(u64::from_le_bytes(*length)).unwrap_or(usize::MAX);
    let plain = zstd::bulk::decompress(packed, length.min(LONGEST))?;
    rmp_serde::from_slice(&plain).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use headroom_model::Timestamp;

    fn checkpoint(service: Service, through: u64) -> Checkpoint {
        Checkpoint {
            service,
            version: 1,
            behaviour: 1,
            through: Seq(through),
            stamp: Timestamp(5),
            state: through.to_be_bytes().repeat(1000),
        }
    }

    #[test]
    fn a_damaged_checkpoint_gives_way_to_an_older_one() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(dir.path().into()).unwrap();
        for through in [10, 20, 30] {
            checkpoints
                .save(&checkpoint(Service::Planner, through))
                .unwrap();
        }
        let path = checkpoints.path(Service::Planner, Seq(30));
        let mut bytes = fs::read(&path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&path, bytes).unwrap();
        fs::write(dir.path().join("planner-1.unfinished"), b"torn").unwrap();
        let checkpoints = Checkpoints::open(dir.path().into()).unwrap();
        let newest = checkpoints.newest(Service::Planner, Seq(99)).unwrap();
        assert_eq!(newest, checkpoint(Service::Planner, 20));
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 3);
    }

    #[test]
    fn the_newest_of_a_machine_stays_whatever_is_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let checkpoints = Checkpoints::open(dir.path().into()).unwrap();
        for (service, through) in [
            (Service::Planner, 10),
            (Service::Planner, 20),
            (Service::Evaluator, 15),
        ] {
            checkpoints.save(&checkpoint(service, through)).unwrap();
        }
        let not_needed = |at_work: &[Service]| checkpoints.not_needed(at_work.iter().copied());
        assert_eq!(not_needed(&[]), Some(Seq(15)));
        assert_eq!(not_needed(&[Service::Planner]), Some(Seq(15)));
        assert_eq!(not_needed(&[Service::Actuator]), Some(Seq::ZERO));
        checkpoints.forget_before(Seq(18));
        assert_eq!(checkpoints.newest(Service::Planner, Seq(19)), None);
        checkpoints.forget_before(Seq(100));
        assert!(checkpoints.newest(Service::Planner, Seq(20)).is_some());
        assert!(checkpoints.newest(Service::Evaluator, Seq(20)).is_some());
    }
}
