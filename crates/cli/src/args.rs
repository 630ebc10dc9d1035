//! The command line.

mod hpa;
mod push;

pub(crate) use hpa::{Autoscale, Controller, Import};
pub(crate) use push::Push;

use crate::time;
use clap::{Args, Parser, Subcommand, ValueEnum};
use headroom_model::body::PauseDirection;
use headroom_model::{Span, WorkloadId};
use headroom_replay::moment::{Edge, Moment};
use std::net::SocketAddr;
use std::path::PathBuf;

const AFTER_HELP: &str = "\
Examples:
  headroom demo                               see it work: real processes, real load, two minutes
  headroom up                                 every service in one process, log in ./headroom-data
  headroom apply -f shop.yaml                 set policies
  headroom watch                              live decisions
  headroom explain shop/checkout --at 5m      why this number, five minutes ago

Exit codes:
  0  done
  1  an error, or something wrong was found (a replay that differs, a damaged log)
  2  the command line cannot be understood";

/// An event-sourced scaling brain: every sample and decision in one replayable log.
#[derive(Debug, Parser)]
#[command(name = "headroom", version, after_help = AFTER_HELP, propagate_version = true)]
pub(crate) struct Arguments {
    /// The configuration file; ./headroom.yaml if it is there, else the log is embedded, in ./headroom-data
    #[arg(long, global = true, env = "HEADROOM_CONFIG", value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// How log lines on standard error look
    #[arg(
        long,
        global = true,
        env = "HEADROOM_LOG_FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub(crate) log_format: LogFormat,
    /// Which log lines are shown, in the syntax of RUST_LOG [default: info for services, warn for others]
    #[arg(long, global = true, env = "HEADROOM_LOG", value_name = "FILTER")]
    pub(crate) log_filter: Option<String>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// For programs; field names are stable.
    Json,
}

/// The form of a result.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Output {
    /// How the result is printed
    #[arg(short, long, value_enum, default_value = "table")]
    pub(crate) output: Format,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// See it work: real workers, a surge of real requests, live decisions, and a verified replay
    Demo(Demo),
    /// Run every service in one process; its log is served to the other commands on a Unix socket
    Up(Serve),
    /// Run only the collector: reads sources into the log
    Collector(Serve),
    /// Run only the evaluator: observations to recommendations
    Evaluator(Serve),
    /// Run only the planner: recommendations to decisions
    Planner(Serve),
    /// Run only the actuator: decisions to targets
    Actuator(Serve),
    /// Run only the clock: one tick a second
    Clock(Serve),
    /// Set the policies of files
    Apply(Files),
    /// Set a policy by processor use, as kubectl autoscale does
    Autoscale(Autoscale),
    /// Turn HorizontalPodAutoscalers into policies that mean the same
    Import(Import),
    /// Remove policies; their targets stay as they are
    Delete(Delete),
    /// List workloads with their newest decision
    Get(Get),
    /// Check the policies of files without a log
    Validate(Validate),
    /// Stop changes of a workload
    Pause(Pause),
    /// End a pause
    Resume(Resume),
    /// Set, clear and list overrides
    #[command(subcommand)]
    Override(Override),
    /// Show decisions as they are made
    Watch(Watch),
    /// Say why a workload has the count it has, and why not another
    Explain(Explain),
    /// List what happened to a workload
    History(History),
    /// Replay the log through the machines
    Replay(Replay),
    /// Export, import and check the log
    #[command(subcommand)]
    Log(LogCommand),
    /// Hand in one reading: into an embedded log, or to a running collector on NATS
    Push(Push),
    /// Write the schemas of events, policies and NATS subjects into a folder, for editors and subscribers
    Schema(Schema),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Which log lines are shown unless said otherwise.
    pub(crate) fn log_filter(&self) -> &'static str {
        match self {
            Self::Up(_)
            | Self::Collector(_)
            | Self::Evaluator(_)
            | Self::Planner(_)
            | Self::Actuator(_)
            | Self::Clock(_) => "info",
            // It draws on the terminal, and says itself what goes wrong.
            Self::Demo(_) => "error",
            _ => "warn",
        }
    }
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Serve {
    /// Where /healthz, /readyz and /metrics are; port 0 chooses a free one [default: 127.0.0.1:9464, or `listen` of the configuration]
    #[arg(long, env = "HEADROOM_LISTEN", value_name = "ADDRESS:PORT")]
    pub(crate) listen: Option<SocketAddr>,
    /// The name of this process, unique among those that live at the same time [default: host, process id and a random suffix]
    #[arg(long, env = "HEADROOM_INSTANCE", value_name = "NAME")]
    pub(crate) instance: Option<String>,
}

/// A demonstration.
#[derive(Clone, Debug, Args)]
pub(crate) struct Demo {
    /// How long the surge and its decline take together, in seconds
    #[arg(long, default_value_t = 60, value_name = "SECONDS")]
    pub(crate) seconds: u64,
    /// Keep the demonstration's log and files here instead of a temporary directory
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
    /// Play the part of a worker (the demonstration starts these itself)
    #[arg(long, hide = true, value_name = "PORT")]
    pub(crate) worker: Option<u16>,
    /// The worker ends when this is no longer its parent
    #[arg(long, hide = true, requires = "worker", value_name = "PID")]
    pub(crate) parent: Option<u32>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Files {
    /// Policy files, or - for standard input
    #[arg(short, long = "filename", required = true, value_name = "FILE")]
    pub(crate) filename: Vec<PathBuf>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write policies that are in force already once more: after a part of the log was lost
    #[arg(long)]
    pub(crate) again: bool,
    #[command(flatten)]
    pub(crate) who: Who,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Validate {
    /// Policy files, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Delete {
    /// Workloads as namespace/name
    #[arg(value_name = "WORKLOAD", required_unless_present = "filename")]
    pub(crate) workloads: Vec<WorkloadId>,
    /// Remove the policies of these files
    #[arg(short, long, value_name = "FILE")]
    pub(crate) filename: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Get {
    /// Only this workload, as namespace/name
    #[arg(value_name = "WORKLOAD")]
    pub(crate) workload: Option<WorkloadId>,
    /// Only this namespace
    #[arg(short, long, value_name = "NAMESPACE")]
    pub(crate) namespace: Option<String>,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// Who says so.
#[derive(Clone, Debug, Args)]
pub(crate) struct Who {
    /// Who does this; it is kept in the log
    #[arg(
        long,
        env = "USER",
        default_value = "unknown",
        hide_env_values = true,
        value_name = "NAME"
    )]
    pub(crate) owner: String,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Pause {
    /// The workload as namespace/name
    pub(crate) workload: WorkloadId,
    /// Which changes are stopped
    #[arg(long, value_enum, default_value = "both")]
    pub(crate) direction: Stopped,
    #[command(flatten)]
    pub(crate) terms: Terms,
}

/// Which changes a pause stops.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Stopped {
    /// All.
    Both,
    /// More replicas.
    Up,
    /// Fewer replicas.
    Down,
}

impl From<Stopped> for PauseDirection {
    fn from(stopped: Stopped) -> Self {
        match stopped {
            Stopped::Both => Self::Both,
            Stopped::Up => Self::Up,
            Stopped::Down => Self::Down,
        }
    }
}

/// The terms of an override.
#[derive(Clone, Debug, Args)]
pub(crate) struct Terms {
    /// Ends by itself after this long, as 30m or 2h [default: when it is ended]
    #[arg(long = "for", value_parser = time::span, value_name = "SPAN")]
    pub(crate) lasts: Option<Span>,
    /// Why; it is kept in the log and shown with each decision
    #[arg(long, default_value = "no reason given", value_name = "TEXT")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Resume {
    /// The workload as namespace/name
    pub(crate) workload: WorkloadId,
    #[command(flatten)]
    pub(crate) who: Who,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Override {
    /// Pin a workload to a count, even while it is paused; its minimum and maximum still hold
    Set {
        /// The workload as namespace/name
        workload: WorkloadId,
        /// The count
        replicas: u32,
        #[command(flatten)]
        terms: Terms,
    },
    /// End a pin
    Clear {
        /// The workload as namespace/name
        workload: WorkloadId,
        #[command(flatten)]
        who: Who,
    },
    /// List pins and pauses
    List(Output),
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Watch {
    /// Only this workload, as namespace/name
    pub(crate) workload: Option<WorkloadId>,
    /// Begin at this position of the log [default: now]
    #[arg(long, value_name = "SEQ")]
    pub(crate) from: Option<u64>,
    /// Stop at the end of the log instead of waiting for more
    #[arg(long)]
    pub(crate) no_follow: bool,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Explain {
    /// The workload as namespace/name
    pub(crate) workload: WorkloadId,
    /// The moment: RFC 3339, HH:MM:SS (UTC), or a span such as 5m before the end of the log [default: the end]
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<Moment>,
    /// The decision at this position of the log
    #[arg(long, value_name = "SEQ", conflicts_with = "at")]
    pub(crate) seq: Option<u64>,
    #[command(flatten)]
    pub(crate) from: FromFile,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct History {
    /// The workload as namespace/name
    pub(crate) workload: WorkloadId,
    /// Only what happened since: RFC 3339, HH:MM:SS (UTC), or a span such as 1h before the end of the log
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<Moment>,
    /// At most so many, the newest
    #[arg(long, default_value_t = 50, value_name = "N")]
    pub(crate) limit: usize,
    #[command(flatten)]
    pub(crate) from: FromFile,
    #[command(flatten)]
    pub(crate) output: Output,
}

/// A file in place of the log.
#[derive(Clone, Debug, Args)]
pub(crate) struct FromFile {
    /// Read a file that `log export` wrote, without any server
    #[arg(long = "log-file", value_name = "FILE")]
    pub(crate) log_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Replay {
    /// Compare every answer with the record, byte for byte
    #[arg(long, required = true)]
    pub(crate) verify: bool,
    /// A file that `log export` wrote [default: the log itself]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) output: Output,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LogCommand {
    /// Write the log, or a part of it, to a file that can be carried away
    Export {
        /// The file
        file: PathBuf,
        /// From this position or moment: 1200, RFC 3339, HH:MM:SS (UTC), or 5m before the end [default: the beginning]
        #[arg(long, value_name = "SEQ|TIME")]
        from: Option<Edge>,
        /// Up to this position or moment [default: the end]
        #[arg(long, value_name = "SEQ|TIME")]
        to: Option<Edge>,
    },
    /// Read an exported file into the empty log that the configuration names
    Import {
        /// The file
        file: PathBuf,
    },
    /// Read everything, and name what is damaged, missing or out of order
    Check {
        /// A file that `log export` wrote [default: the log itself]
        file: Option<PathBuf>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Clone, Debug, Args)]
pub(crate) struct Schema {
    /// The folder; it is made if it is not there
    #[arg(default_value = "schemas", value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_command_line_is_well_formed() {
        Arguments::command().debug_assert();
    }
}
