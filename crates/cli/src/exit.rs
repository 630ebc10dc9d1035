//! Exit codes, as `headroom help` documents them.

use std::process::ExitCode;

/// Something is wrong, and standard error says what.
const ERROR: u8 = 1;

/// Says what went wrong, with every cause, in one line.
pub(crate) fn failed(error: &anyhow::Error) -> ExitCode {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "headroom: {error:#}");
    ExitCode::from(ERROR)
}

/// The code of a command that ran and found something wrong: a difference, damage.
pub(crate) fn found_wrong() -> ExitCode {
    ExitCode::from(ERROR)
}
