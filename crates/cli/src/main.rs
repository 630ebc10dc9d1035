//! The one binary, `headroom`: every service, and everything people say to them.

mod args;
mod commands;
mod config;
mod connect;
mod demo;
mod exit;
mod output;
mod services;
mod time;

use args::Arguments;
use clap::Parser as _;
use headroom_runtime::telemetry::{self, LogFormat};
use mimalloc::MiMalloc;
use std::io::IsTerminal as _;
use std::process::ExitCode;

/// Keeps what is used together close together, in large pages: the state of many workloads is spread over hundreds of
/// megabytes, and waiting for memory is most of what an observation costs.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let format = match arguments.log_format {
        args::LogFormat::Text => LogFormat::Text { colour },
        args::LogFormat::Json => LogFormat::Json,
    };
    telemetry::init(
        arguments
            .log_filter
            .as_deref()
            .unwrap_or(arguments.command.log_filter()),
        format,
    );
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => return exit::failed(&anyhow::Error::new(error).context("cannot start")),
    };
    match runtime.block_on(commands::run(arguments)) {
        Ok(code) => code,
        Err(error) => exit::failed(&error),
    }
}
