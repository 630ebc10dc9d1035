//! `headroom schema`: the public interfaces, as documents.

use crate::args::Schema;
use crate::output;
use anyhow::Context as _;
use std::fs;

/// Writes every document, and says where.
pub(super) fn run(args: &Schema) -> anyhow::Result<()> {
    for file in headroom_schema::files() {
        let path = args.folder.join(&file.path);
        let folder = path.parent().unwrap_or(&args.folder);
        fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        fs::write(&path, file.text).with_context(|| format!("cannot write {}", path.display()))?;
        output::line(&path.display().to_string())?;
    }
    Ok(())
}
