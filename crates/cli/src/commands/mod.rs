//! One file per command, and the one place that calls them.

mod apply;
mod autoscale;
mod completions;
mod delete;
mod demo;
mod explain;
mod facts;
mod get;
mod history;
mod import;
mod log;
mod overrides;
mod push;
mod replay;
mod schema;
mod serve;
mod validate;
mod watch;

use crate::args::{Arguments, Command};
use crate::config::Config;
use headroom_model::Service;
use std::process::ExitCode;

/// Runs the command.
pub(crate) async fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let config = || Config::load(arguments.config.as_deref());
    match arguments.command {
        Command::Schema(args) => schema::run(&args)?,
        Command::Completions { shell } => completions::run(shell)?,
        Command::Validate(args) => return validate::run(&config()?, &args),
        Command::Up(args) => serve::up(config()?, &args).await?,
        Command::Collector(args) => serve::one(Service::Collector, config()?, &args).await?,
        Command::Evaluator(args) => serve::one(Service::Evaluator, config()?, &args).await?,
        Command::Planner(args) => serve::one(Service::Planner, config()?, &args).await?,
        Command::Actuator(args) => serve::one(Service::Actuator, config()?, &args).await?,
        Command::Clock(args) => serve::one(Service::Clock, config()?, &args).await?,
        Command::Apply(args) => apply::run(&config()?, &args).await?,
        Command::Autoscale(args) => autoscale::run(&config()?, &args).await?,
        Command::Import(args) => import::run(args)?,
        Command::Delete(args) => delete::run(&config()?, &args).await?,
        Command::Get(args) => get::run(&config()?, &args).await?,
        Command::Pause(args) => overrides::pause(&config()?, &args).await?,
        Command::Resume(args) => overrides::resume(&config()?, &args).await?,
        Command::Override(args) => overrides::run(&config()?, args).await?,
        Command::Watch(args) => watch::run(&config()?, &args).await?,
        Command::Explain(args) => return explain::run(&config()?, &args).await,
        Command::History(args) => return history::run(&config()?, &args).await,
        Command::Replay(args) => return replay::run(&config()?, &args).await,
        Command::Log(args) => return log::run(&config()?, args).await,
        Command::Push(args) => push::run(&config()?, args).await?,
        Command::Demo(args) => return demo::run(&args).await,
    }
    Ok(ExitCode::SUCCESS)
}
