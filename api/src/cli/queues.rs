//! `callboard-api queues`.

use std::process::ExitCode;

use callboard_queue::{QueueView, Ready};
use callboard_shared::{config::Findings, db::audit_log::Act};
use chrono::{TimeDelta, Utc};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Outcome, complain,
    operator::Operator,
    plain,
    servers::{Console, ask},
    table::Table,
};

/// What to say where Redis gives no numbers.
pub(super) const REDIS_DOWN: &str = "Redis does not answer, so what is ready can't be counted: start it, and check \
                                     REDIS_URL; until then jobs wait, and none is lost";

/// Shows the queues; pauses and resumes them.
#[derive(Debug, Args)]
pub(super) struct Queues {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the queues that somebody serves, has paused, or has jobs in.
    List {
        #[command(flatten)]
        console: Box<Console>,
    },
    /// Lets no worker start a job of the queue, until it is resumed; what runs goes on.
    Pause {
        /// The queue.
        name: String,
        #[command(flatten)]
        operator: Operator,
        #[command(flatten)]
        console: Box<Console>,
    },
    /// Lets workers start the jobs of the queue again.
    Resume {
        /// The queue.
        name: String,
        #[command(flatten)]
        operator: Operator,
        #[command(flatten)]
        console: Box<Console>,
    },
}

impl Queues {
    pub(super) fn check(&self, findings: &mut Findings) {
        let (Command::List { console } | Command::Pause { console, .. } | Command::Resume { console, .. }) =
            &self.command;
        console.check(findings);
    }

    pub(super) async fn run(self) -> Outcome {
        match self.command {
            Command::List { console } => list(&console).await,
            Command::Pause { name, operator, console } => pause(&console, &operator, &name).await,
            Command::Resume { name, operator, console } => resume(&console, &operator, &name).await,
        }
    }
}

async fn list(console: &Console) -> Outcome {
    let queues = ask(console.queue()?.queues()).await?;
    if queues.iter().any(|queue| queue.ready.is_none()) {
        complain(REDIS_DOWN);
    }
    console.print(&json!({ "items": queues }), table(&queues))?;
    Ok(ExitCode::SUCCESS)
}

/// The queues for people.
pub(super) fn table(queues: &[QueueView]) -> Table<7> {
    Table::new(["QUEUE", "WORKERS", "HIGH", "DEFAULT", "LOW", "OLDEST", "PAUSED"]).rows(queues, |queue| {
        let ready = |of: fn(&Ready) -> String| queue.ready.as_ref().map_or_else(|| "?".to_owned(), of);
        [
            queue.name.clone(),
            queue.workers.to_string(),
            ready(|ready| ready.high.to_string()),
            ready(|ready| ready.default.to_string()),
            ready(|ready| ready.low.to_string()),
            ready(oldest),
            paused(queue),
        ]
    })
}

fn oldest(ready: &Ready) -> String {
    if ready.high + ready.default + ready.low == 0 {
        return "-".to_owned();
    }
    #[expect(clippy::cast_possible_truncation, reason = "a float that is too large becomes the largest integer")]
    plain::span(TimeDelta::try_seconds(ready.oldest_seconds as i64).unwrap_or(TimeDelta::MAX))
}

fn paused(queue: &QueueView) -> String {
    match (queue.paused_at, &queue.paused_by) {
        (Some(at), Some(by)) => format!("since {} by {by}", plain::time_from(at, Utc::now())),
        (Some(at), None) => format!("since {}", plain::time_from(at, Utc::now())),
        (None, _) => "-".to_owned(),
    }
}

async fn pause(console: &Console, operator: &Operator, name: &str) -> Outcome {
    let queue = console.queue()?;
    let is_new = ask(async {
        let mut transaction = operator.begin(&queue).await?;
        let is_new = transaction.pause(name, Some(&operator.by)).await?;
        operator.commit(transaction, is_new.then(|| act("queue.paused", name))).await?;
        Ok(is_new)
    })
    .await?;
    let view = ask(queue.queue(name)).await?;
    let text = if is_new {
        let served = if view.workers > 0 || ask(queue.has_jobs(name)).await? {
            ""
        } else {
            "\nNobody serves a queue of this name, and it has no jobs: is it the one that you mean?"
        };
        format!("Queue {name} is paused; what runs goes on. `callboard-api queues resume {name}` ends it.{served}")
    } else {
        format!("Queue {name} was paused already, {}; nothing was changed.", paused(&view))
    };
    console.print(&view, text)?;
    Ok(ExitCode::SUCCESS)
}

async fn resume(console: &Console, operator: &Operator, name: &str) -> Outcome {
    let queue = console.queue()?;
    let was_paused = ask(async {
        let mut transaction = operator.begin(&queue).await?;
        let was_paused = transaction.resume(name).await?;
        operator.commit(transaction, was_paused.then(|| act("queue.resumed", name))).await?;
        Ok(was_paused)
    })
    .await?;
    let view = ask(queue.queue(name)).await?;
    let text = if was_paused {
        format!("Queue {name} is resumed; its jobs start within a second or so.")
    } else {
        format!("Queue {name} was not paused; nothing was changed.")
    };
    console.print(&view, text)?;
    Ok(ExitCode::SUCCESS)
}

fn act(action: &'static str, name: &str) -> Act {
    Act { action, subject: None, details: json!({ "queue": name }) }
}
