//! Small files beside the log that say what log it is.
//!
//! `id` names this log among all others, for as long as the directory is there. `archive` says that it was imported: that
//! it is there to be read, and takes nothing more.

use super::storage_error;
use crate::LogError;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;
use uuid::Uuid;

/// The name of the log in `dir`. A log that has none gets one.
pub(super) fn id(dir: &Path) -> Result<String, LogError> {
    let path = dir.join("id");
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(storage_error("read", &path, &error)),
    }
    let id = Uuid::now_v7().to_string();
    write(dir, "id", &id).map_err(|error| storage_error("write", &path, &error))?;
    Ok(id)
}

/// Says that the log in `dir` is an archive.
pub(super) fn make_archive(dir: &Path) -> Result<(), LogError> {
    let text = "imported, to be read; no service may run on it";
    write(dir, "archive", text).map_err(|error| storage_error("write", dir, &error))
}

/// Whether the log in `dir` is an archive.
pub(super) fn is_archive(dir: &Path) -> Result<bool, LogError> {
    let path = dir.join("archive");
    path.try_exists()
        .map_err(|error| storage_error("read", &path, &error))
}

/// Writes a file that is whole or not there, and survives a power cut.
fn write(dir: &Path, name: &str, text: &str) -> io::Result<()> {
    let new = dir.join(format!("{name}.new"));
    let mut file = File::create(&new)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    fs::rename(&new, dir.join(name))?;
    File::open(dir)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_its_name_and_no_two_share_one() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let name = id(one.path()).unwrap();
        assert_eq!(id(one.path()).unwrap(), name);
        assert_ne!(id(other.path()).unwrap(), name);
    }
}
