//! `callboard-api jobs show`.

use std::{fmt::Write, process::ExitCode};

use callboard_queue::{Error, JobState, JobView};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::document;
use crate::cli::{
    Outcome, plain,
    servers::{Console, ask},
};

pub(super) async fn run(id: Uuid, console: &Console) -> Outcome {
    let queue = console.queue()?;
    let job = ask(async { queue.job(id).await?.ok_or(Error::NoSuchJob(id)) }).await?;
    console.print(&document::of(&job)?, text(&job, Utc::now()).trim_end())?;
    Ok(ExitCode::SUCCESS)
}

fn text(job: &JobView, now: DateTime<Utc>) -> String {
    let mut text = String::new();
    for (name, value) in fields(job, now) {
        if let Some(value) = value {
            // Writing into a String can't fail.
            let _ = writeln!(text, "{name:<11}  {}", plain::line(&value));
        }
    }
    let errors = job.errors.as_array().map(Vec::as_slice).unwrap_or_default();
    if !errors.is_empty() {
        text.push_str("errors, the oldest first\n");
    }
    for error in errors {
        let _ = writeln!(text, "  {}", plain::line(&attempt(error)));
    }
    text
}

/// What there is to tell, line by line; `None`: nothing.
fn fields(job: &JobView, now: DateTime<Utc>) -> Vec<(&'static str, Option<String>)> {
    let time = |at| plain::time_from(at, now);
    let has_ended = job.finished_at.is_some();
    let meta = |name: &str| job.meta.get(name).and_then(Value::as_str).map(ToOwned::to_owned);
    vec![
        ("id", Some(job.id.to_string())),
        ("kind", Some(format!("{}, payload version {}", job.kind, job.payload_version))),
        ("queue", Some(format!("{}, priority {}", job.queue, job.priority))),
        ("state", Some(job.state.to_string())),
        ("blocked by", job.blocked_by.clone().filter(|_| job.state == JobState::Blocked)),
        ("cancelling", job.cancel_requested.then(|| "requested".to_owned())),
        ("attempt", Some(format!("{} of {}, {} each at most", job.attempt, job.max_attempts, limit(job.timeout_ms)))),
        ("created", Some(time(job.created_at))),
        ("due", (!has_ended).then(|| time(job.run_at))),
        ("expires", job.expires_at.filter(|_| !has_ended).map(time)),
        ("started", job.started_at.map(time)),
        ("ended", job.finished_at.map(time)),
        ("end reason", job.end_reason.clone()),
        ("progress", job.progress.as_ref().map(progress)),
        ("worker", job.worker_id.map(|id| id.to_string())),
        ("owner", job.owner.clone()),
        ("request", meta("request_id")),
        ("enqueuer", meta("enqueuer")),
        ("schedule", meta("schedule")),
        ("unique key", job.unique_key.clone()),
        ("limit key", job.limit_key.clone()),
        ("result", job.result.as_ref().map(ToString::to_string)),
    ]
}

/// How long an attempt may take.
fn limit(millis: i32) -> String {
    if millis % 1_000 == 0 { plain::span(TimeDelta::milliseconds(millis.into())) } else { format!("{millis} ms") }
}

/// "3 of 10: steps taken".
fn progress(progress: &Value) -> String {
    let done = &progress["done"];
    let total = progress.get("total").filter(|total| !total.is_null()).map(|total| format!(" of {total}"));
    let message = progress["message"].as_str().map(|message| format!(": {message}"));
    format!("{done}{}{}", total.unwrap_or_default(), message.unwrap_or_default())
}

/// "2026-11-21 08:45:54Z  attempt 1  timeout: no end within 60 s".
fn attempt(error: &Value) -> String {
    let text = |name: &str| error[name].as_str().unwrap_or("-");
    let at = text("at").parse().map_or_else(|_| text("at").to_owned(), plain::time);
    format!("{at}  attempt {}  {}: {}", error["attempt"], text("failure"), text("message"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn progress_is_told_with_what_is_known_of_it() {
        assert_eq!(progress(&json!({ "done": 3, "total": 10, "message": "steps" })), "3 of 10: steps");
        assert_eq!(progress(&json!({ "done": 3 })), "3");
        assert_eq!(progress(&json!({ "done": 3, "total": null, "message": null })), "3");
    }

    #[test]
    fn a_failed_attempt_is_one_line_whatever_is_missing() {
        let whole = json!({ "at": "now", "attempt": 2, "failure": "timeout", "message": "no end" });
        assert_eq!(attempt(&whole), "now  attempt 2  timeout: no end");
        assert_eq!(attempt(&json!({})), "-  attempt null  -: -");
    }
}
