//! The table as people read it.

use super::{Figure, Line, Spread, Unit};
use comfy_table::{Cell, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

/// What the figures were taken on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// How many cores this process may use.
    pub cores: usize,
    /// The processor, as the system names it.
    pub processor: String,
    /// The memory, in bytes.
    pub memory_bytes: u64,
    /// The load average of the last minute when measuring began: above 0.5 or so, others were at work.
    pub load: f64,
}

impl Machine {
    /// This one, as far as the system tells.
    #[must_use]
    pub fn here() -> Self {
        let field = |file: &str, name: &str| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let line = text.lines().find(|line| line.starts_with(name));
            line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned()))
        };
        let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
        let kilobytes: u64 = memory.trim_end_matches(" kB").parse().unwrap_or_default();
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            processor: field("/proc/cpuinfo", "model name").unwrap_or_else(|| "unknown".into()),
            memory_bytes: kilobytes * 1024,
            load: load
                .split(' ')
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or_default(),
        }
    }
}

/// The table.
#[must_use]
pub fn text(machine: &Machine, rounds: usize, lines: &[Line]) -> String {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(["what", "median", "min..max", "aim", "", "beside"]);
    for line in lines {
        let aim = line.aim.map_or_else(String::new, |aim| aim.show(line.unit));
        let met = match line.met {
            Some(true) => "met",
            Some(false) => "missed",
            None => "",
        };
        table.add_row([
            Cell::new(&line.what),
            Cell::new(line.unit.show(line.figure.median)),
            Cell::new(range(line.unit, &line.figure)),
            Cell::new(aim),
            Cell::new(met),
            Cell::new(beside(&line.beside)),
        ]);
    }
    format!(
        "{} cores of {}, {}; load {} at the start; medians of {rounds} rounds\n{table}",
        machine.cores,
        machine.processor,
        Unit::Bytes.show(machine.memory_bytes as f64),
        machine.load,
    )
}

fn range(unit: Unit, spread: &Spread) -> String {
    format!("{}..{}", unit.show(spread.min), unit.show(spread.max))
}

fn beside(figures: &[Figure]) -> String {
    let show =
        |figure: &Figure| format!("{} {}", figure.name, figure.unit.show(figure.value.median));
    figures.iter().map(show).collect::<Vec<_>>().join("\n")
}
