//! `callboard-api jobs why`.

use std::process::ExitCode;

use callboard_queue::{Explanation, JobState, Reason};
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::cli::{
    Outcome, plain,
    servers::{Console, ask},
};

/// Jobs that a sentence names.
const NAMED: usize = 3;

pub(super) async fn run(id: Uuid, console: &Console) -> Outcome {
    let queue = console.queue()?;
    let explanation = ask(queue.why(id)).await?;
    let document = json!({ "id": id, "state": explanation.job.state, "status": explanation.job.status(), "reasons": explanation.reasons });
    console.print(&document, text(&explanation, Utc::now()))?;
    Ok(ExitCode::SUCCESS)
}

fn text(explanation: &Explanation, now: DateTime<Utc>) -> String {
    let job = &explanation.job;
    let sentences = explanation.reasons.iter().map(|reason| plain::line(&sentence(reason, job.id, &job.queue, now)));
    let head = format!("Job {} ({}) is {}.", job.id, job.kind, job.state);
    [head].into_iter().chain(sentences.map(|sentence| format!("- {sentence}"))).collect::<Vec<_>>().join("\n")
}

/// What the reason means, and what to do.
fn sentence(reason: &Reason, id: Uuid, queue: &str, now: DateTime<Utc>) -> String {
    let time = |at: DateTime<Utc>| plain::time_from(at, now);
    match reason {
        Reason::Ended { state, end_reason } => ended(*state, end_reason.as_deref(), id),
        Reason::Running { worker_id, since, cancel_requested } => {
            let at = worker_id.map(|worker| format!(" at worker {worker}")).unwrap_or_default();
            let since = since.map(|since| format!(" since {}", time(since))).unwrap_or_default();
            let what = if *cancel_requested {
                "It has been told to stop and ends as cancelled, unless it completes first: wait some seconds."
                    .to_owned()
            } else {
                format!("There is nothing to do; `callboard-api jobs cancel {id}` stops it.")
            };
            format!("It runs{at}{since}. {what}")
        }
        Reason::DueLater { run_at, failed_attempts: 0 } => format!(
            "It is not due before {}. Wait, or make it due now: `callboard-api jobs retry {id}`.",
            time(*run_at)
        ),
        Reason::DueLater { run_at, failed_attempts } => format!(
            "{} failed; the next is due at {}. `callboard-api jobs show {id}` shows the errors; once their cause is \
             gone, `callboard-api jobs retry {id}` makes it due now.",
            plain::count(*failed_attempts as u64, "attempt"),
            time(*run_at)
        ),
        Reason::QueuePaused { since, by } => {
            let by = by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
            format!(
                "Its queue {queue} is paused since {}{by}. End the pause: `callboard-api queues resume {queue}`.",
                time(*since)
            )
        }
        Reason::NobodyServesQueue { queue } => format!(
            "No living worker serves its queue {queue}. Start one: `callboard-worker` serves all queues, \
             `callboard-worker --queues {queue}` this one."
        ),
        Reason::NobodyKnowsKind { kind, version } => format!(
            "No living worker that serves its queue knows its kind {kind} with version {version} of its payload. Start \
             workers of a release that does; until then it waits, and no attempt is counted."
        ),
        Reason::LimitReached { key, allowed, admitted, reserved_to } => {
            let reserved =
                reserved_to.map(|at| format!("; starts are reserved until {}", time(at))).unwrap_or_default();
            format!(
                "Its limit key {key} lets {allowed} jobs go at a time, and {admitted} are under way{reserved}. Wait: \
                 whenever one of them ends, the next starts by itself."
            )
        }
        Reason::StartReserved { key, run_at } => format!(
            "Its limit key {key} has a rate, which has reserved its start for {}. Wait: it starts by itself.",
            time(*run_at)
        ),
        Reason::WaitingForJobs { jobs } => waiting_for(jobs),
        Reason::Behind { jobs, at_least } => {
            let least = if *at_least { " or more" } else { "" };
            format!(
                "It is behind {}{least} on the same list. Wait, or start more workers for its queue {queue}.",
                plain::count(*jobs, "job")
            )
        }
        Reason::Next => "It is the next of its list: a worker takes it when a slot is free.".to_owned(),
        Reason::Lost { healed_within_seconds } => format!(
            "It is on no list: a worker has just taken it, or a push was lost. Wait: as long as a worker lives, it \
             is put on its list again within {healed_within_seconds} s or so."
        ),
        Reason::RedisDown => "Redis does not answer. Start it, and check REDIS_URL; then jobs start again, and none \
                              is lost."
            .to_owned(),
        Reason::Expired { at } => format!(
            "Its time to start was over at {}: it will be cancelled instead of run. If it is still wanted, run \
             `callboard-api jobs retry {id}` once it is cancelled.",
            time(*at)
        ),
    }
}

fn waiting_for(jobs: &[Uuid]) -> String {
    let ids: Vec<String> = jobs.iter().take(NAMED).map(ToString::to_string).collect();
    let more = jobs.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    match ids.first() {
        Some(first) => format!(
            "It waits for the end of {}{more}. Wait for them, or see what keeps them: `callboard-api jobs why {first}`.",
            ids.join(", ")
        ),
        None => "It waited for other jobs, which have ended. Wait: it is let go within seconds, as long as a worker \
                 lives."
            .to_owned(),
    }
}

fn ended(state: JobState, end_reason: Option<&str>, id: Uuid) -> String {
    let because = end_reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
    let retry = format!("`callboard-api jobs retry {id}` runs it again");
    match state {
        JobState::Discarded => format!(
            "It was given up{because}. `callboard-api jobs show {id}` shows the errors; once their cause is gone, {retry}."
        ),
        JobState::Cancelled => format!("It was cancelled{because}. If it is wanted after all, {retry}."),
        _ => format!("It has completed{because}. There is nothing to do; {retry}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each reason's sentence names what it is about and the way out.
    #[test]
    fn every_reason_says_what_to_do() {
        let now: DateTime<Utc> = "2026-11-21T08:00:00Z".parse().unwrap();
        let (id, soon) = (Uuid::nil(), now + chrono::TimeDelta::minutes(5));
        let ended = |state| Reason::Ended { state, end_reason: Some("no such address".to_owned()) };
        let running = |cancel_requested| Reason::Running { worker_id: Some(id), since: Some(now), cancel_requested };
        let limited =
            |reserved_to| Reason::LimitReached { key: "ada".to_owned(), allowed: 2, admitted: 2, reserved_to };
        for (reason, words) in [
            (ended(JobState::Completed), ["has completed", "jobs retry"]),
            (ended(JobState::Discarded), ["given up (no such address)", "jobs show"]),
            (ended(JobState::Cancelled), ["cancelled (no such address)", "jobs retry"]),
            (running(false), ["It runs at worker", "jobs cancel"]),
            (running(true), ["told to stop", "wait"]),
            (Reason::DueLater { run_at: soon, failed_attempts: 0 }, ["08:05:00Z (in 5 min)", "jobs retry"]),
            (Reason::DueLater { run_at: soon, failed_attempts: 1 }, ["1 attempt failed", "jobs show"]),
            (
                Reason::StartReserved { key: "smtp".to_owned(), run_at: soon },
                ["limit key smtp", "08:05:00Z (in 5 min)"],
            ),
            (Reason::QueuePaused { since: now, by: Some("ada".to_owned()) }, ["by ada", "queues resume mail"]),
            (Reason::NobodyServesQueue { queue: "mail".to_owned() }, ["queue mail", "callboard-worker --queues mail"]),
            (
                Reason::NobodyKnowsKind { kind: "a.b".to_owned(), version: 2 },
                ["kind a.b with version 2", "Start workers"],
            ),
            (Reason::WaitingForJobs { jobs: vec![id; 5] }, ["waits for the end of", "and 2 more. Wait"]),
            (Reason::WaitingForJobs { jobs: Vec::new() }, ["which have ended", "Wait"]),
            (limited(None), ["limit key ada lets 2 jobs go at a time", "Wait"]),
            (limited(Some(soon)), ["starts are reserved until 2026-11-21 08:05:00Z", "Wait"]),
            (Reason::Behind { jobs: 2, at_least: false }, ["2 jobs on", "start more workers"]),
            (Reason::Behind { jobs: 10_000, at_least: true }, ["10000 jobs or more on", "start more workers"]),
            (Reason::Next, ["the next of its list", "when a slot is free"]),
            (Reason::Lost { healed_within_seconds: 5 }, ["on no list", "within 5 s"]),
            (Reason::RedisDown, ["Redis does not answer", "REDIS_URL"]),
            (Reason::Expired { at: now }, ["was over at 2026-11-21 08:00:00Z", "jobs retry"]),
        ] {
            let sentence = sentence(&reason, id, "mail", now);
            assert!(words.iter().all(|words| sentence.contains(words)), "{reason:?}: {sentence}");
        }
    }
}
