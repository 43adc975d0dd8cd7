//! `callboard-api jobs`.

mod change;
mod document;
mod list;
mod show;
mod stats;
mod why;

use callboard_shared::config::Findings;
use clap::{Args, Subcommand};
use uuid::Uuid;

use self::{change::Change, list::List};
use super::{Outcome, operator::Operator, servers::Console};

/// Shows jobs, says why they wait, runs them again, cancels them.
#[derive(Debug, Args)]
pub(super) struct Jobs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists jobs, live and ended, the newest first.
    List(Box<List>),
    /// Shows one job with its attempts.
    Show(One),
    /// Says why a job is not running, and what to do.
    Why(One),
    /// Queues jobs again: those that have ended, and those that are due later.
    Retry(Several),
    /// Cancels jobs: at once where they wait; where they run, they are told.
    Cancel(Several),
    /// Counts the jobs that have not ended.
    Stats {
        #[command(flatten)]
        console: Box<Console>,
    },
}

#[derive(Debug, Args)]
struct One {
    /// The job.
    #[arg(value_name = "ID")]
    id: Uuid,
    #[command(flatten)]
    console: Box<Console>,
}

#[derive(Debug, Args)]
struct Several {
    /// The jobs. One that fails does not keep the others back.
    #[arg(value_name = "ID", required = true)]
    ids: Vec<Uuid>,
    #[command(flatten)]
    operator: Operator,
    #[command(flatten)]
    console: Box<Console>,
}

impl Jobs {
    pub(super) fn check(&self, findings: &mut Findings) {
        let console = match &self.command {
            Command::List(list) => list.console(),
            Command::Show(one) | Command::Why(one) => &one.console,
            Command::Retry(several) | Command::Cancel(several) => &several.console,
            Command::Stats { console } => console,
        };
        console.check(findings);
    }

    pub(super) async fn run(self) -> Outcome {
        match self.command {
            Command::List(list) => list.run().await,
            Command::Show(one) => show::run(one.id, &one.console).await,
            Command::Why(one) => why::run(one.id, &one.console).await,
            Command::Retry(several) => Change::Retry.run(&several).await,
            Command::Cancel(several) => Change::Cancel.run(&several).await,
            Command::Stats { console } => stats::run(&console).await,
        }
    }
}
