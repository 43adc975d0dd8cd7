//! `callboard-api jobs retry` and `jobs cancel`.

use std::process::ExitCode;

use callboard_queue::{Cancellation, Error, JobState, Queue};
use callboard_shared::db::audit_log::Act;
use serde::Serialize;
use serde_json::json;
use uuid::Uuid;

use super::Several;
use crate::cli::{Outcome, complain, operator::Operator, refusal, say, servers::ask_or};

/// What is to be done to jobs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Retry,
    Cancel,
}

/// What was done to one job.
#[derive(Debug, Serialize)]
struct Changed {
    id: Uuid,
    /// `queued` or `blocked`; `cancelled` or `cancel_requested`; or `failed`.
    outcome: &'static str,
    /// Why it failed.
    error: Option<String>,
}

impl Change {
    /// Does it to each job, also after one has failed or nobody reads on.
    pub(super) async fn run(self, Several { ids, operator, console }: &Several) -> Outcome {
        let queue = console.queue()?;
        let mut items = Vec::with_capacity(ids.len());
        let mut said = Ok(());
        for &id in ids {
            let item = match self.one(&queue, operator, id).await {
                Ok(outcome) => Changed { id, outcome, error: None },
                Err(error) => Changed { id, outcome: "failed", error: Some(error) },
            };
            match &item.error {
                Some(error) => complain(error),
                None if console.json => {}
                None => said = said.and(say(&sentence(id, item.outcome))),
            }
            items.push(item);
        }
        said?;
        let all_done = items.iter().all(|item| item.error.is_none());
        if console.json {
            say(&serde_json::to_string_pretty(&json!({ "items": items }))?)?;
        }
        Ok(if all_done { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    async fn one(self, queue: &Queue, operator: &Operator, id: Uuid) -> Result<&'static str, String> {
        let done = async {
            let mut transaction = operator.begin(queue).await?;
            let act = |action, details| Some(Act { action, subject: Some(("job", id)), details });
            let (outcome, act) = match self {
                Self::Retry => (transaction.retry(id).await?.as_str(), act("job.retried", json!({}))),
                Self::Cancel => match transaction.cancel(id).await? {
                    Cancellation::Ended => ("cancelled", act("job.cancelled", json!({}))),
                    Cancellation::Requested => ("cancel_requested", act("job.cancelled", json!({ "requested": true }))),
                    // Whoever asked first is in the log.
                    Cancellation::AlreadyRequested => ("cancel_requested", None),
                },
            };
            operator.commit(transaction, act).await?;
            Ok(outcome)
        };
        ask_or(done, |error| self.refused(error)).await
    }

    fn refused(self, error: &Error) -> String {
        let Error::WrongState { id, state } = error else { return refusal::sentence(error) };
        match (self, state) {
            (Self::Cancel, _) => format!("job {id} is {state}: it has ended, so there is nothing to cancel"),
            (Self::Retry, JobState::Running) => {
                format!("job {id} is running: wait for its end, or cancel it, then retry it")
            }
            (Self::Retry, _) => format!(
                "job {id} is {state}: it will run without that; `callboard-api jobs why {id}` says what it waits for"
            ),
        }
    }
}

fn sentence(id: Uuid, outcome: &str) -> String {
    match outcome {
        "queued" => format!("Job {id} is queued."),
        "blocked" => format!("Job {id} is blocked by its limit key; it starts by itself once a slot of it is free."),
        "cancelled" => format!("Job {id} is cancelled."),
        _ => format!("Job {id} runs and is told to stop; it ends as cancelled, unless it completes first."),
    }
}
