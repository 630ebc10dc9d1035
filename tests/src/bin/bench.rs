//! Measures how fast Headroom is and prints a table: `cargo run --release -p headroom-tests --bin bench -- --help`.

use anyhow::{Result, bail};
use clap::{Parser, ValueEnum};
use headroom_tests::bench::{Extent, Line, Machine, ROWS, measure, resident_of, text};
use mimalloc::MiMalloc;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

/// As in `headroom` itself.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Measures how fast Headroom is. An aim that is missed is no error; what cannot be measured is.
#[derive(Debug, Parser)]
#[command(after_help = rows())]
struct Arguments {
    /// The rows to measure; all unless some are named.
    #[arg(value_name = "ROW")]
    rows: Vec<String>,
    /// Few rounds and small numbers: shows that it runs, not how fast.
    #[arg(long)]
    quick: bool,
    /// Rounds of each row; 5, or 1 with --quick.
    #[arg(long)]
    rounds: Option<usize>,
    /// Where embedded logs are written; the folder for temporary files (TMPDIR) unless set. A tmpfs knows no flush.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// How the figures are printed.
    #[arg(short, long, value_enum, default_value = "table")]
    output: Output,
    /// Holds so many workloads, prints the resident bytes of this process, and ends: what `core` starts for its memory.
    #[arg(long, hide = true, value_name = "WORKLOADS")]
    resident: Option<usize>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Output {
    /// A table.
    Table,
    /// One JSON document.
    Json,
}

fn rows() -> String {
    let rows = ROWS
        .iter()
        .map(|(name, about)| format!("  {name:<10}{about}\n"));
    format!("Rows:\n{}", rows.collect::<String>())
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    if let Some(workloads) = arguments.resident {
        writeln!(std::io::stdout(), "{}", resident_of(workloads)?)?;
        return Ok(ExitCode::SUCCESS);
    }
    let extent = Extent {
        rounds: arguments
            .rounds
            .unwrap_or(if arguments.quick { 1 } else { 5 })
            .max(1),
        quick: arguments.quick,
        dir: arguments.dir.clone().unwrap_or_else(std::env::temp_dir),
    };
    let machine = Machine::here();
    let (lines, failed) = measure_all(&wanted(&arguments.rows)?, &extent).await;
    match arguments.output {
        Output::Table => writeln!(
            std::io::stdout(),
            "{}",
            text(&machine, extent.rounds, &lines)
        )?,
        Output::Json => {
            let document = serde_json::json!({ "machine": machine, "rounds": extent.rounds, "quick": extent.quick, "lines": lines });
            writeln!(std::io::stdout(), "{document:#}")?;
        }
    }
    Ok(if failed {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// The rows to measure, in the order of the table.
fn wanted(named: &[String]) -> Result<Vec<&'static str>> {
    let known = ROWS.iter().map(|(name, _)| *name);
    if let Some(unknown) = named
        .iter()
        .find(|name| !known.clone().any(|row| row == **name))
    {
        bail!("there is no row {unknown:?}; see --help for those there are");
    }
    Ok(known
        .filter(|row| named.is_empty() || named.iter().any(|name| name == row))
        .collect())
}

/// The lines of all rows, and whether one could not be measured.
async fn measure_all(rows: &[&str], extent: &Extent) -> (Vec<Line>, bool) {
    let (mut lines, mut failed) = (Vec::new(), false);
    for row in rows {
        eprintln!("measuring {row}");
        match measure(row, extent).await {
            Ok(measured) => lines.extend(measured),
            Err(error) => {
                eprintln!("{row} could not be measured: {error:#}");
                failed = true;
            }
        }
    }
    (lines, failed)
}
