//! Runs the peers' own vectors: `cargo run --release -p headroom-tests --bin conformance -- hpa DIR`.

use anyhow::Result;
use clap::{Parser, builder::PossibleValuesParser};
use headroom_tests::conformance::{self, PEERS};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// Runs vectors of the peers' own tests through the code that production runs, and says what differs.
#[derive(Debug, Parser)]
#[command(after_help = "Exit codes:\n  0  nothing failed\n  1  a vector failed, or there are none")]
struct Arguments {
    /// Whose vectors they are.
    #[arg(value_parser = PossibleValuesParser::new(PEERS))]
    peer: String,
    /// The folder of the vector files; every *.json in it is run.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let tally = conformance::run(&arguments.peer, &arguments.folder)?;
    let mut out = std::io::stdout().lock();
    for failed in &tally.failed {
        writeln!(out, "FAILED {failed}")?;
    }
    for path in &tally.others {
        writeln!(out, "skipped {}: it is of another schema", path.display())?;
    }
    for ((kind, why), count) in &tally.skipped {
        writeln!(out, "skipped {count} of kind {kind}: {why}")?;
    }
    for (expectation, count) in &tally.left_out {
        writeln!(out, "not compared: {expectation} of {count} that passed")?;
    }
    writeln!(out, "{}", tally.line())?;
    Ok(ExitCode::from(u8::from(!tally.failed.is_empty())))
}
