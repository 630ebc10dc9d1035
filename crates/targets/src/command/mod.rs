//! Targets of kind `command`: a program of the user's is told the count; Ansible, a script, anything.

mod answer;
mod capture;
mod run;
mod settings;

pub use settings::{CommandSettings, ReadSettings};

use crate::{
    Found, Guarantee, Order, Target, TargetError, TargetName,
    error::{Fault, Said},
};
use async_trait::async_trait;
use headroom_model::{Generation, Replicas};
use run::{Ended, Ran};
use settings::{Checked, Program};
use std::os::unix::process::ExitStatusExt as _;
use tokio::{process::Command, sync::Mutex};

/// Exit code: the target has the count.
pub const EXIT_DONE: u8 = 0;
/// Exit code: not now, the same order may succeed later (`EX_TEMPFAIL`). `retry_exit_codes` replaces it.
pub const EXIT_TRY_AGAIN: u8 = 75;
/// Exit code: a newer order was carried out before, and nothing was changed (the number of `ESTALE` on Linux).
pub const EXIT_OLDER_GENERATION: u8 = 116;

/// A program that is told the count. One order at a time; an order older than one that this driver has begun is refused
/// without starting the program.
#[derive(Debug)]
pub struct CommandTarget {
    settings: Checked,
    /// The log whose plans are carried out.
    log: Option<String>,
    /// The newest generation that was begun here. Held while the program runs.
    newest: Mutex<Option<Generation>>,
}

impl CommandTarget {
    /// Checks the settings. Starts nothing.
    ///
    /// # Errors
    /// Names the field that is wrong and how to mend it.
    pub fn new(settings: &CommandSettings) -> Result<Self, String> {
        Ok(Self {
            settings: settings.check()?,
            log: None,
            newest: Mutex::new(None),
        })
    }

    /// Tells the program that generations are those of the log with this name.
    #[must_use]
    pub fn of_log(mut self, log: Option<&str>) -> Self {
        self.log = log.map(str::to_owned);
        self
    }

    /// The program with the environment that both programs get.
    fn command(
        &self,
        program: &Program,
        target: &TargetName,
        value: impl Fn(&str) -> String,
    ) -> Command {
        let mut command = std::process::Command::new(&program.program);
        command.args(program.args.iter().map(|arg| arg.fill(&value)));
        crate::child_env::withhold_own(&mut command);
        command
            .env("HEADROOM_WORKLOAD", target.to_string())
            .envs(&self.settings.env);
        if let Some(directory) = &self.settings.working_directory {
            command.current_dir(directory);
        }
        command.into()
    }

    fn set_command(&self, order: &Order) -> Command {
        let value = |word: &str| match word {
            "log" => self.log.clone().unwrap_or_default(),
            word => value(order, word),
        };
        let mut command = self.command(&self.settings.set, &order.target, value);
        let variables = [
            ("HEADROOM_REPLICAS", "replicas"),
            ("HEADROOM_GENERATION", "generation"),
            ("HEADROOM_LOG_ID", "log"),
            ("HEADROOM_FROM", "from"),
            ("HEADROOM_ATTEMPT", "attempt"),
            ("HEADROOM_IDEMPOTENCY_KEY", "key"),
        ];
        command.envs(variables.map(|(name, word)| (name, value(word))));
        command
    }

    /// What the exit of the program means for the order.
    fn judge(&self, order: &Order, ended: &Ended) -> Result<Found, TargetError> {
        let program = &self.settings.set.program;
        let code = ended.status.code().and_then(|code| u8::try_from(code).ok());
        let retry = match code {
            Some(EXIT_DONE) => {
                return Ok(Found {
                    replicas: order.to,
                    ready: None,
                    generation: Some(order.generation),
                });
            }
            Some(EXIT_OLDER_GENERATION) => {
                return Err(TargetError::OlderGeneration {
                    target: order.target.clone(),
                    offered: order.generation,
                    known: None,
                });
            }
            Some(code) => self.settings.retry_exit_codes.contains(&code),
            // Killed by a signal: nobody knows how far it got.
            None => self.settings.idempotent,
        };
        let problem = format!("{program} {}; {}", describe(ended), ended.said());
        Err(if retry {
            Fault::passing(problem)
        } else {
            Fault::lasting(problem)
        }
        .at(&order.target))
    }
}

#[async_trait]
impl Target for CommandTarget {
    fn guarantee(&self) -> Guarantee {
        if self.settings.idempotent {
            Guarantee::IdempotentSet
        } else {
            Guarantee::AtLeastOnce
        }
    }

    fn initial(&self) -> Option<Replicas> {
        self.settings.initial
    }

    async fn read(&self, name: &TargetName) -> Result<Found, TargetError> {
        let Some(read) = &self.settings.read else {
            return Err(TargetError::Unsupported {
                target: name.clone(),
            });
        };
        let value = |word: &str| {
            if word == "name" {
                name.name()
            } else {
                name.namespace()
            }
            .to_owned()
        };
        let ended = run(self.command(read, name, value), read, name).await?;
        // Reading changes nothing, so every failure may pass.
        if !ended.status.success() {
            let problem = format!("{} {}; {}", read.program, describe(&ended), ended.said());
            return Err(Fault::passing(problem).at(name));
        }
        answer::parse(&ended.stdout)
            .map_err(|problem| Fault::lasting(format!("{} {problem}", read.program)).at(name))
    }

    async fn set(&self, order: &Order) -> Result<Found, TargetError> {
        let mut newest = self.newest.lock().await;
        if let Some(known) = newest.filter(|known| *known > order.generation) {
            return Err(TargetError::OlderGeneration {
                target: order.target.clone(),
                offered: order.generation,
                known: Some(known),
            });
        }
        *newest = Some(order.generation);
        let ended = run(self.set_command(order), &self.settings.set, &order.target).await?;
        self.judge(order, &ended)
    }
}

async fn run(
    command: Command,
    program: &Program,
    target: &TargetName,
) -> Result<Ended, TargetError> {
    match run::run(command, program.timeout).await {
        Ok(Ran::Ended(ended)) => Ok(ended),
        Ok(Ran::TimedOut { said }) => Err(TargetError::TimedOut {
            target: target.clone(),
            what: program.program.clone(),
            after: program.timeout,
            said: Said(said),
        }),
        Err(error) => Err(Fault::io(
            format!(
                "{} could not be started; see that it is there and executable, and its working_directory too",
                program.program
            ),
            error,
        )
        .at(target)),
    }
}

/// What a placeholder of `args` stands for.
fn value(order: &Order, word: &str) -> String {
    match word {
        "replicas" => order.to.to_string(),
        "generation" => order.generation.to_string(),
        "from" => order.from.to_string(),
        "attempt" => order.attempt.to_string(),
        "key" => order.key.to_string(),
        "namespace" => order.target.namespace().to_owned(),
        _ => order.target.name().to_owned(),
    }
}

fn describe(ended: &Ended) -> String {
    match (ended.status.code(), ended.status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended without an exit code".to_owned(),
    }
}
