//! The program under test.

use anyhow::{Context as _, Result, ensure};
use std::{
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

/// The `headroom` program, of the same profile as the tests: built on the first call, so that it is never an old one.
/// Where the environment has `HEADROOM_BIN`, that program is taken as it is.
///
/// # Errors
/// When it does not build.
pub fn headroom_bin() -> Result<PathBuf> {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    if let Some(program) = std::env::var_os("HEADROOM_BIN") {
        return Ok(program.into());
    }
    if let Some(program) = BUILT.get() {
        return Ok(program.clone());
    }
    let program = build()?;
    Ok(BUILT.get_or_init(|| program).clone())
}

fn build() -> Result<PathBuf> {
    let mut build = Command::new(env!("CARGO"));
    build.args(["build", "--quiet", "--package", "headroom"]);
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    ensure!(
        build.current_dir(repository).status()?.success(),
        "the program does not build"
    );
    let test = std::env::current_exe()?;
    let profile = test
        .parent()
        .and_then(Path::parent)
        .context("tests are in target/<profile>/deps")?;
    Ok(profile.join("headroom"))
}
