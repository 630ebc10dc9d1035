//! A disk that becomes full.

use super::skip;
use std::{path::Path, process::Command};
use tempfile::TempDir;

/// A small file system in memory, unmounted when dropped.
#[derive(Debug)]
pub struct SmallDisk {
    dir: TempDir,
}

impl SmallDisk {
    /// Mounts it. Skips and gives `None` when this user may not.
    ///
    /// # Panics
    /// When there is no place for temporary files.
    #[must_use]
    pub fn mount(megabytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().expect("there is a place for temporary files");
        let size = format!("size={megabytes}m,mode=700");
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
            .arg(dir.path());
        match mount.output() {
            Ok(output) if output.status.success() => Some(Self { dir }),
            Ok(output) => {
                let why = String::from_utf8_lossy(&output.stderr);
                skip(&format!(
                    "a full disk: no tmpfs can be mounted, which needs root: {}",
                    why.trim()
                ));
                None
            }
            Err(error) => {
                skip(&format!("a full disk: `mount` cannot be run: {error}"));
                None
            }
        }
    }

    /// Makes it larger.
    ///
    /// # Panics
    /// When that fails.
    pub fn enlarge(&self, megabytes: u32) {
        let size = format!("remount,size={megabytes}m");
        let status = Command::new("mount")
            .args(["-o", &size])
            .arg(self.dir.path())
            .status();
        assert!(
            status.expect("`mount` can be run").success(),
            "a disk of one's own can be made larger"
        );
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.dir.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A process that still ends may have a file open: it is let go of when that is closed.
        let _ = Command::new("umount")
            .arg("-l")
            .arg(self.dir.path())
            .status();
    }
}
