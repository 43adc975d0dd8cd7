//! `callboard-api schedules`.

use std::process::ExitCode;

use callboard_queue::{Enqueued, ScheduleView};
use callboard_shared::{config::Findings, db::audit_log::Act};
use clap::{Args, Subcommand};
use serde_json::json;

use super::{
    Outcome,
    operator::Operator,
    plain,
    servers::{Console, ask},
    table::Table,
};

/// Shows what is enqueued by the clock; enables, disables and runs it.
#[derive(Debug, Args)]
pub(super) struct Schedules {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Lists the schedules that workers have declared.
    List {
        #[command(flatten)]
        console: Box<Console>,
    },
    /// Lets a schedule fire again, from its next tick on.
    Enable(Named),
    /// Lets a schedule fire no more, over deploys too, until it is enabled.
    Disable(Named),
    /// Enqueues a schedule's job now, beside its ticks, also while it is disabled.
    Run(Named),
}

#[derive(Debug, Args)]
struct Named {
    /// The schedule.
    name: String,
    #[command(flatten)]
    operator: Operator,
    #[command(flatten)]
    console: Box<Console>,
}

impl Schedules {
    pub(super) fn check(&self, findings: &mut Findings) {
        let (Command::List { console }
        | Command::Enable(Named { console, .. })
        | Command::Disable(Named { console, .. })
        | Command::Run(Named { console, .. })) = &self.command;
        console.check(findings);
    }

    pub(super) async fn run(self) -> Outcome {
        match self.command {
            Command::List { console } => list(&console).await,
            Command::Enable(named) => enable(&named, true).await,
            Command::Disable(named) => enable(&named, false).await,
            Command::Run(named) => run_now(&named).await,
        }
    }
}

async fn list(console: &Console) -> Outcome {
    let schedules = ask(console.queue()?.schedules()).await?;
    let head = ["SCHEDULE", "CRON", "ZONE", "STATE", "NEXT", "LAST", "LAST JOB"];
    let table = Table::new(head).rows(&schedules, |schedule| {
        [
            schedule.name.clone(),
            schedule.cron.clone(),
            schedule.time_zone.clone(),
            state(schedule).to_owned(),
            plain::maybe_time(schedule.next_at),
            plain::maybe_time(schedule.last_tick_at),
            schedule.last_job_id.map_or_else(|| "-".to_owned(), |id| id.to_string()),
        ]
    });
    console.print(&json!({ "items": schedules }), table)?;
    Ok(ExitCode::SUCCESS)
}

/// `undeclared`: no living worker declares it, so that it does not fire.
const fn state(schedule: &ScheduleView) -> &'static str {
    match (schedule.enabled, schedule.declared) {
        (true, true) => "enabled",
        (true, false) => "undeclared",
        (false, _) => "disabled",
    }
}

async fn enable(named: &Named, enabled: bool) -> Outcome {
    let Named { name, operator, console } = named;
    let queue = console.queue()?;
    let (was_so, after) = ask(async {
        let mut transaction = operator.begin(&queue).await?;
        let before = transaction.lock_schedule(name).await?;
        if before.enabled == enabled {
            return Ok((true, before));
        }
        transaction.enable_schedule(name, enabled).await?;
        let after = transaction.lock_schedule(name).await?;
        let details = json!({ "schedule": name, "enabled": enabled });
        operator.commit(transaction, Some(Act { action: "schedule.changed", subject: None, details })).await?;
        Ok((false, after))
    })
    .await?;
    let text = match (enabled, was_so) {
        (true, true) => format!("Schedule {name} was enabled already; nothing was changed."),
        (false, true) => format!("Schedule {name} was disabled already; nothing was changed."),
        (true, false) if after.declared => {
            format!("Schedule {name} is enabled; the ticks that came meanwhile are not made up for.")
        }
        (true, false) => format!(
            "Schedule {name} is enabled, but no living worker declares it: it fires once a worker of a version that \
             has it is started."
        ),
        (false, false) => format!(
            "Schedule {name} is disabled within 5 s, over deploys too; `callboard-api schedules enable {name}` ends it."
        ),
    };
    console.print(&after, text)?;
    Ok(ExitCode::SUCCESS)
}

async fn run_now(named: &Named) -> Outcome {
    let Named { name, operator, console } = named;
    let queue = console.queue()?;
    let Enqueued { id, existing } = ask(async {
        let mut transaction = operator.begin(&queue).await?;
        let enqueued = transaction.run_schedule(name).await?;
        if !enqueued.existing {
            let (subject, details) = (Some(("job", enqueued.id)), json!({ "schedule": name }));
            operator.commit(transaction, Some(Act { action: "schedule.run", subject, details })).await?;
        }
        Ok(enqueued)
    })
    .await?;
    let text = if existing {
        format!(
            "Nothing was enqueued: job {id} holds its unique key; `callboard-api jobs show {id}` tells how far that is."
        )
    } else {
        format!("Job {id} is enqueued; `callboard-api jobs show {id}` tells how far it is.")
    };
    console.print(&json!({ "schedule": name, "job_id": id, "existing": existing }), text)?;
    Ok(ExitCode::SUCCESS)
}
