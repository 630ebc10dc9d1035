//! Finds the parts of a file, and what of it is damaged.

use super::frame::{self, HEADER, Header, MAGIC, What};
use super::{About, DamagedPart, FORMAT, FileError};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

/// How much is searched at a time for the next part behind damage.
const WINDOW: usize = 64 << 10;

/// A whole part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    pub(super) offset: u64,
    pub(super) what: What,
    pub(super) header: Header,
}

/// What was found in a file.
#[derive(Debug)]
pub(super) struct Scanned {
    pub(super) about: About,
    pub(super) parts: Vec<Part>,
    pub(super) damaged: Vec<DamagedPart>,
}

/// Reads a file once and checks every part's checksum.
pub(super) fn scan(file: &File, path: &Path) -> Result<Scanned, FileError> {
    let length = file.metadata().map_err(FileError::io("open", path))?.len();
    let (mut parts, mut damaged) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < length {
        match part(file, at, length).map_err(FileError::io("read", path))? {
            Ok(part) => {
                at += HEADER as u64 + u64::from(part.header.packed);
                parts.push(part);
            }
            Err(detail) => {
                damaged.push(DamagedPart { offset: at, detail });
                let next = next_magic(file, at + 1, length);
                at = next.map_err(FileError::io("read", path))?.unwrap_or(length);
            }
        }
    }
    let about = about(file, path, &parts, &damaged)?;
    if !parts.iter().any(|part| part.what == What::End) {
        damaged.push(DamagedPart {
            offset: length,
            detail: "the file ends before its last part: it was cut off, or its writing was"
                .to_owned(),
        });
    }
    Ok(Scanned {
        about,
        parts,
        damaged,
    })
}

fn part(file: &File, offset: u64, length: u64) -> io::Result<Result<Part, String>> {
    let mut head = [0; HEADER];
    if length - offset < HEADER as u64 {
        return Ok(Err("it ends in the middle of a part".to_owned()));
    }
    file.read_exact_at(&mut head, offset)?;
    let Some(header) = Header::read(&head) else {
        return Ok(Err("no part begins here".to_owned()));
    };
    let begin = offset + HEADER as u64;
    if u64::from(header.packed) > length - begin {
        return Ok(Err("it ends in the middle of a part".to_owned()));
    }
    let mut payload = vec![0; header.packed as usize];
    file.read_exact_at(&mut payload, begin)?;
    if !frame::check(&header, &head, &payload) {
        return Ok(Err("a part fails its checksum".to_owned()));
    }
    Ok(match header.what {
        Some(what) => Ok(Part {
            offset,
            what,
            header,
        }),
        None => Err("a part is of a kind that this build does not know".to_owned()),
    })
}

/// Where the next part may begin.
fn next_magic(file: &File, from: u64, length: u64) -> io::Result<Option<u64>> {
    let mut at = from;
    while at + (MAGIC.len() as u64) <= length {
        let size = usize::try_from(length - at).unwrap_or(WINDOW).min(WINDOW);
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, at)?;
        let found = bytes
            .windows(MAGIC.len())
            .position(|window| window == MAGIC);
        if let Some(found) = found {
            return Ok(Some(at + found as u64));
        }
        at += (size - MAGIC.len() + 1) as u64; // the magic may lie across two windows
    }
    Ok(None)
}

fn about(
    file: &File,
    path: &Path,
    parts: &[Part],
    damaged: &[DamagedPart],
) -> Result<About, FileError> {
    let mut detail = damaged
        .first()
        .map_or_else(|| "it is empty".to_owned(), |part| part.detail.clone());
    for part in parts {
        if matches!(part.what, What::About | What::End) {
            match read::<About>(file, part).map_err(FileError::io("read", path))? {
                Ok(about) if about.format > FORMAT => {
                    return Err(FileError::Newer {
                        path: path.to_path_buf(),
                        found: about.format,
                        headroom: about.headroom,
                    });
                }
                Ok(about) => return Ok(about),
                Err(error) => detail = error,
            }
        }
    }
    Err(FileError::NotALog {
        path: path.to_path_buf(),
        detail,
    })
}

/// Reads what a part holds.
pub(super) fn read<T: serde::de::DeserializeOwned>(
    file: &File,
    part: &Part,
) -> io::Result<Result<T, String>> {
    let mut payload = vec![0; part.header.packed as usize];
    file.read_exact_at(&mut payload, part.offset + HEADER as u64)?;
    Ok(frame::open(part.header.unpacked, &payload))
}
