//! The directory of a pool: `pool.json`, `endpoints.json`, the lock and the logs.

use super::{
    pool::{Pool, VERSION},
    procfs,
};
use crate::error::Fault;
use serde_json::json;
use std::{
    fs::{self, File, TryLockError},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// How often a lock that another driver holds is tried again.
const LOCK_POLL: Duration = Duration::from_millis(10);

/// Where a pool is kept.
#[derive(Clone, Debug)]
pub(super) struct Directory(PathBuf);

impl Directory {
    /// The directory, which need not be there yet.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The directory itself.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// What children are marked with: the same for every driver of this pool, and for no other pool.
    pub(super) fn mark(&self) -> Result<String, Fault> {
        let path = fs::canonicalize(&self.0).map_err(|error| {
            Fault::io(format!("{} cannot be resolved", self.0.display()), error)
        })?;
        Ok(path.to_string_lossy().into_owned())
    }

    /// The log of a child.
    pub(super) fn log(&self, replica: &str) -> PathBuf {
        self.0.join("logs").join(format!("{replica}.log"))
    }

    /// Where children listen, for scrapers and load generators.
    pub(super) fn endpoints(&self) -> PathBuf {
        self.0.join("endpoints.json")
    }

    fn pool(&self) -> PathBuf {
        self.0.join("pool.json")
    }

    /// Makes the directory where it is missing.
    fn create(&self) -> Result<(), Fault> {
        fs::create_dir_all(self.0.join("logs")).map_err(|error| {
            let path = self.0.display();
            Fault::io(
                format!("{path} cannot be made; see that state_directory may be written to"),
                error,
            )
        })
    }

    /// What is remembered. A pool that was never ordered, or whose file was taken away, is a new one.
    pub(super) fn load(&self) -> Result<Pool, Fault> {
        let path = self.pool();
        let boot = procfs::boot_id()
            .map_err(|error| Fault::io("/proc cannot be read; is it mounted", error))?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Pool::new(boot)),
            Err(error) => {
                return Err(Fault::io(
                    format!("{} cannot be read", path.display()),
                    error,
                ));
            }
        };
        let mut pool: Pool = serde_json::from_slice(&bytes).map_err(|error| {
            Fault::lasting(format!(
                "{} is damaged ({error}); move it away: children are found again, the generation is not",
                path.display()
            ))
        })?;
        if !(1..=VERSION).contains(&pool.version) {
            return Err(Fault::lasting(format!(
                "{} has version {}, and this build reads versions up to {VERSION}; use the build that wrote it",
                path.display(),
                pool.version
            )));
        }
        pool.version = VERSION;
        if pool.boot != boot {
            // The machine was started anew, and no process outlives that.
            pool.children.clear();
            pool.boot = boot;
        }
        Ok(pool)
    }
}

/// A pool whose lock is held. Dropping it gives the lock up, and so does the end of this process.
#[derive(Debug)]
pub(super) struct Held {
    /// Its directory.
    pub(super) directory: Directory,
    /// What is remembered of it.
    pub(super) pool: Pool,
    /// Children inherit the locked file until they run their program. So whoever gets the lock after a crash sees the mark
    /// of even the last child that was started.
    _lock: File,
}

impl Held {
    /// Waits for the lock, at most for `patience`; `None` when it is still held then.
    pub(super) async fn acquire(
        directory: Directory,
        patience: Duration,
    ) -> Result<Option<Self>, Fault> {
        directory.create()?;
        let path = directory.path().join("lock");
        let cannot = |error| Fault::io(format!("{} cannot be locked", path.display()), error);
        let lock = File::options()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(cannot)?;
        let deadline = Instant::now() + patience;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    sleep(LOCK_POLL).await
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(error)) => return Err(cannot(error)),
            }
        }
        let pool = directory.load()?;
        Ok(Some(Self {
            directory,
            pool,
            _lock: lock,
        }))
    }

    /// Does work that blocks, away from the runtime's threads. The lock goes with it: if the caller is dropped, it is held
    /// until the work has ended.
    pub(super) async fn step<T: Send + 'static>(
        mut self,
        work: impl FnOnce(&mut Self) -> Result<T, Fault> + Send + 'static,
    ) -> Result<(Self, T), Fault> {
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&mut self)?;
            Ok((self, result))
        });
        match done.await {
            Ok(result) => result,
            Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Err(_) => Err(Fault::passing("the actuator is shutting down")),
        }
    }

    /// Writes `pool.json` so that it survives a power cut: needed where the generation or the wanted count changed.
    pub(super) fn save_durably(&self) -> Result<(), Fault> {
        self.save(Sync::Disk)
    }

    /// Writes `pool.json` so that it survives the end of this process: enough for children, who do not survive a power cut.
    pub(super) fn save_children(&self) -> Result<(), Fault> {
        self.save(Sync::Kernel)
    }

    fn save(&self, sync: Sync) -> Result<(), Fault> {
        let mut text =
            serde_json::to_vec_pretty(&self.pool).expect("a pool holds only numbers and strings");
        text.push(b'\n');
        replace(&self.directory.pool(), &text, sync)
    }

    /// Writes where children listen, in the format of Prometheus' `file_sd`, if that has changed. Those without a port are
    /// not listed.
    pub(super) fn save_endpoints(&self, listening: &[(String, u16)]) -> Result<(), Fault> {
        let entries: Vec<_> = (listening.iter())
            .map(|(replica, port)| json!({"targets": [format!("127.0.0.1:{port}")], "labels": {"replica": replica}}))
            .collect();
        let mut text = serde_json::to_vec_pretty(&entries).expect("endpoints are strings");
        text.push(b'\n');
        let path = self.directory.endpoints();
        if fs::read(&path).is_ok_and(|before| before == text) {
            return Ok(());
        }
        replace(&path, &text, Sync::Kernel)
    }
}

/// What a write must survive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sync {
    /// The end of this process.
    Kernel,
    /// A power cut.
    Disk,
}

/// Puts `bytes` in the place of a file in one step: readers see the old or the new ones, never a part.
fn replace(path: &Path, bytes: &[u8], sync: Sync) -> Result<(), Fault> {
    let written = || -> io::Result<()> {
        let new = path.with_extension("json.new");
        let mut file = File::create(&new)?;
        file.write_all(bytes)?;
        if sync == Sync::Disk {
            file.sync_all()?;
        }
        fs::rename(&new, path)?;
        if let (Sync::Disk, Some(parent)) = (sync, path.parent()) {
            File::open(parent)?.sync_all()?;
        }
        Ok(())
    };
    written().map_err(|error| {
        Fault::io(
            format!(
                "{} cannot be written; see that the disk has room",
                path.display()
            ),
            error,
        )
    })
}
