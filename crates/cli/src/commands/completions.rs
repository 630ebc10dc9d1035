//! `headroom completions`: what a shell needs to complete the command line.

use crate::args::Arguments;
use clap::CommandFactory as _;
use clap_complete::Shell;

pub(super) fn run(shell: Shell) {
    clap_complete::generate(shell, &mut Arguments::command(), "headroom", &mut std::io::stdout());
}
