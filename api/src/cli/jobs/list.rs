//! `callboard-api jobs list`.

use std::process::ExitCode;

use callboard_queue::{JobFilter, JobPage, JobState, Priority};
use chrono::{DateTime, Utc};
use clap::{
    Args,
    builder::{PossibleValuesParser, TypedValueParser},
};
use serde_json::json;
use uuid::Uuid;

use super::document;
use crate::cli::{
    Outcome, plain,
    servers::{Console, ask},
    table::Table,
};

/// Which jobs to list. Several values, with commas between, mean any of them.
#[derive(Debug, Args)]
pub(super) struct List {
    /// In this state.
    #[arg(long, value_delimiter = ',', value_name = "STATE", value_parser = states())]
    state: Vec<JobState>,

    /// In this state, in the API's words for outsiders.
    #[arg(long, value_delimiter = ',', value_name = "STATUS", value_parser = statuses(), conflicts_with = "state")]
    status: Vec<JobState>,

    /// Of this kind, as `email.verify_address`.
    #[arg(long, value_delimiter = ',', value_name = "KIND")]
    kind: Vec<String>,

    /// In this queue.
    #[arg(long, value_delimiter = ',', value_name = "QUEUE")]
    queue: Vec<String>,

    /// Of this priority.
    #[arg(long, value_delimiter = ',', value_name = "PRIORITY", value_parser = priorities())]
    priority: Vec<Priority>,

    /// Caused by this user, by id.
    #[arg(long, value_name = "USER")]
    owner: Option<String>,

    /// Caused by this request, by id.
    #[arg(long, value_name = "REQUEST")]
    request_id: Option<String>,

    /// Enqueued by this schedule.
    #[arg(long, value_name = "SCHEDULE")]
    schedule: Option<String>,

    /// With this text in the message of an error, in capitals or not.
    #[arg(long, value_name = "TEXT")]
    error: Option<String>,

    /// Enqueued at this time or later, as `2026-01-31T09:00:00Z`.
    #[arg(long, value_name = "TIME")]
    created_from: Option<DateTime<Utc>>,

    /// Enqueued before this time.
    #[arg(long, value_name = "TIME")]
    created_before: Option<DateTime<Utc>>,

    /// At most so many.
    #[arg(long, default_value = "20", value_parser = clap::value_parser!(u16).range(1..=500))]
    limit: u16,

    /// Only jobs older than this one: the next page.
    #[arg(long, value_name = "ID")]
    before: Option<Uuid>,

    #[command(flatten)]
    console: Box<Console>,
}

fn states() -> impl TypedValueParser<Value = JobState> {
    PossibleValuesParser::new(JobState::ALL.map(JobState::as_str)).try_map(|word| word.parse::<JobState>())
}

fn statuses() -> impl TypedValueParser<Value = JobState> {
    let of = |word: String| JobState::ALL.into_iter().find(|it| it.status() == word).ok_or("no status");
    PossibleValuesParser::new(JobState::ALL.map(JobState::status)).try_map(of)
}

fn priorities() -> impl TypedValueParser<Value = Priority> {
    let of = |word: String| Priority::ALL.into_iter().find(|it| it.as_str() == word).unwrap_or_default();
    PossibleValuesParser::new(Priority::ALL.map(Priority::as_str)).map(of)
}

impl List {
    pub(super) fn console(&self) -> &Console {
        &self.console
    }

    pub(super) async fn run(self) -> Outcome {
        let filter = JobFilter {
            states: if self.status.is_empty() { self.state } else { self.status },
            kinds: self.kind,
            queues: self.queue,
            priorities: self.priority,
            owner: self.owner,
            request_id: self.request_id,
            schedule: self.schedule,
            error: self.error,
            created_from: self.created_from,
            created_before: self.created_before,
        };
        let queue = self.console.queue()?;
        let page = ask(queue.jobs(&filter, self.before, self.limit.into())).await?;
        let items = page.jobs.iter().map(document::of).collect::<Result<Vec<_>, _>>()?;
        self.console.print(&json!({ "items": items, "next_before": page.next }), text(&page))?;
        Ok(ExitCode::SUCCESS)
    }
}

fn text(page: &JobPage) -> String {
    let head = ["ID", "KIND", "QUEUE", "PRIORITY", "STATE", "ATTEMPT", "CREATED"];
    let table = Table::new(head).rows(&page.jobs, |job| {
        [
            job.id.to_string(),
            job.kind.clone(),
            job.queue.clone(),
            job.priority.to_string(),
            job.state.to_string(),
            format!("{}/{}", job.attempt, job.max_attempts),
            plain::time(job.created_at),
        ]
    });
    match (page.jobs.is_empty(), page.next) {
        (false, None) => table.to_string(),
        (false, Some(next)) => format!("{table}\nolder ones: --before {next}"),
        (true, None) => "no such job".to_owned(),
        (true, Some(next)) => format!("no such job among the 10,000 looked at; older ones: --before {next}"),
    }
}
