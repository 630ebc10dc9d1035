//! `headroom completions`: what a shell needs to complete the command line.

use crate::args::Arguments;
use crate::output;
use clap::CommandFactory as _;
use clap_complete::Shell;

pub(super) fn run(shell: Shell) -> anyhow::Result<()> {
    // Not straight to standard output: clap_complete panics when its reader goes away.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Arguments::command(), "headroom", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())
}
