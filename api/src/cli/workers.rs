//! `callboard-api workers`.

use std::process::ExitCode;

use callboard_shared::config::Findings;
use chrono::Utc;
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Outcome, plain,
    servers::{Console, ask},
    table::Table,
};

/// Shows the workers.
#[derive(Debug, Args)]
pub(super) struct Workers {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the workers of the last hour, the living first.
    List {
        #[command(flatten)]
        console: Box<Console>,
    },
}

impl Workers {
    pub(super) fn check(&self, findings: &mut Findings) {
        let Command::List { console } = &self.command;
        console.check(findings);
    }

    pub(super) async fn run(self) -> Outcome {
        let Command::List { console } = self.command;
        let workers = ask(console.queue()?.workers()).await?;
        let now = Utc::now();
        let head = ["ID", "NAME", "VERSION", "ALIVE", "BUSY", "QUEUES", "DUTIES", "BEAT", "STARTED"];
        let table = Table::new(head).rows(&workers, |worker| {
            [
                worker.id.to_string(),
                worker.name.clone(),
                worker.version.clone(),
                if worker.alive { "yes" } else { "no" }.to_owned(),
                format!("{}/{}", worker.busy, worker.slots),
                listed(&worker.queues),
                listed(&worker.duties),
                format!("{} ago", plain::span(now - worker.beat_at)),
                plain::time(worker.started_at),
            ]
        });
        console.print(&json!({ "items": workers }), table)?;
        Ok(ExitCode::SUCCESS)
    }
}

fn listed(names: &[String]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(",") }
}
