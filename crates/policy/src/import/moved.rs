//! Where the fields of a translated document stood before.

use crate::path::Path;

/// New places and old ones.
#[derive(Debug, Default)]
pub(super) struct Moved(Vec<(Path, Path)>);

impl Moved {
    /// What is now at or below `new` was at or below `old`.
    pub(super) fn note(&mut self, new: Path, old: Path) {
        self.0.push((new, old));
    }

    /// Where something was before; the longest way that is known counts.
    pub(super) fn back(&self, path: &Path) -> Path {
        let ways = self.0.iter().filter(|(new, _)| new.covers(path));
        let way = ways.max_by_key(|(new, _)| new.steps().len());
        let old = way.and_then(|(new, old)| path.moved(new, old));
        old.unwrap_or_else(|| path.clone())
    }
}
