//! The commands of `callboard-api`.

mod create_admin;
mod doctor;
mod healthcheck;
mod jobs;
mod migrate;
mod openapi;
mod operator;
mod plain;
mod queues;
mod refusal;
mod schedules;
mod seed;
mod serve;
mod servers;
mod table;
mod workers;

use std::{
    error::Error,
    io::{self, Write},
    process::ExitCode,
};

use callboard_shared::config::{Check, Findings, Loaded};
use clap::{Parser, Subcommand};

use crate::settings::Settings;

/// What every command returns: an error ends the process with code 1.
type Outcome = Result<ExitCode, Box<dyn Error + Send + Sync>>;

/// Callboard's HTTP API, and the chores around it.
#[derive(Debug, Parser)]
#[command(name = "callboard-api", version)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves the API until it is told to stop.
    Serve(Box<Settings>),
    /// Migrates the database.
    Migrate(migrate::Migrate),
    /// Makes an admin.
    CreateAdmin(create_admin::CreateAdmin),
    /// Fills in a little demo data; what is there already stays.
    Seed(seed::Seed),
    /// Looks for what is wrong with the installation, and says how to heal it.
    Doctor(Box<doctor::Doctor>),
    /// Lists, shows and explains jobs; retries and cancels them.
    Jobs(Box<jobs::Jobs>),
    /// Lists queues; pauses and resumes them.
    Queues(Box<queues::Queues>),
    /// Lists schedules; enables, disables and runs them.
    Schedules(Box<schedules::Schedules>),
    /// Lists workers.
    Workers(Box<workers::Workers>),
    /// Prints the API's OpenAPI description.
    Openapi,
    /// Asks the API on this machine how it is; exit code 0 means well.
    Healthcheck(healthcheck::Healthcheck),
}

#[cfg(test)]
impl Cli {
    pub(crate) fn into_settings(self) -> Option<Settings> {
        match self.command {
            Command::Serve(settings) => Some(*settings),
            _ => None,
        }
    }
}

impl Check for Cli {
    fn check(&self, findings: &mut Findings) {
        match &self.command {
            Command::Serve(settings) => settings.check(findings),
            Command::Doctor(doctor) => doctor.check(findings),
            Command::Jobs(jobs) => jobs.check(findings),
            Command::Queues(queues) => queues.check(findings),
            Command::Schedules(schedules) => schedules.check(findings),
            Command::Workers(workers) => workers.check(findings),
            Command::Migrate(_)
            | Command::CreateAdmin(_)
            | Command::Seed(_)
            | Command::Openapi
            | Command::Healthcheck(_) => {}
        }
    }
}

/// Runs the command.
pub async fn run(loaded: Loaded<Cli>) -> ExitCode {
    let outcome = match loaded.cli.command {
        Command::Serve(settings) => serve::run(*settings, loaded.warnings).await,
        Command::Migrate(migrate) => migrate.run().await,
        Command::CreateAdmin(create) => create.run().await,
        Command::Seed(seed) => seed.run().await,
        Command::Doctor(doctor) => doctor.run().await,
        Command::Jobs(jobs) => Box::pin(jobs.run()).await,
        Command::Queues(queues) => queues.run().await,
        Command::Schedules(schedules) => schedules.run().await,
        Command::Workers(workers) => workers.run().await,
        Command::Openapi => openapi::run(),
        Command::Healthcheck(healthcheck) => healthcheck.run().await,
    };
    outcome.unwrap_or_else(|error| {
        if !is_closed_pipe(&*error) {
            complain(&error.to_string());
        }
        ExitCode::FAILURE
    })
}

/// Whether whoever read the output, as `head`, has seen enough: nobody needs to
/// be told.
fn is_closed_pipe(error: &(dyn Error + Send + Sync + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes one line about what is wrong to the terminal. A closed terminal is no
/// reason to do anything else.
fn complain(error: &str) {
    let _ = writeln!(io::stderr(), "error: {error}");
}

/// Writes one line to the terminal.
fn say(line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{line}")
}
