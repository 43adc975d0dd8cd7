//! The queue: who serves it, what is paused, what waits in vain, the history.

use callboard_queue::{Queue, QueueView, Retention, Unaccounted, UnknownKind, WorkerView};
use callboard_shared::db::history::{self, History};
use chrono::{DateTime, Days, TimeDelta, Utc};
use tokio::time::timeout;

use super::{Finding, PATIENCE, Verdict, schedules, words, workers};
use crate::cli::{plain, servers::ask};

/// An auditor that has seen nothing new for so long is held up.
const UNSEEN: TimeDelta = TimeDelta::minutes(1);

/// What is found, by PostgreSQL's clock at `now`.
pub(super) async fn look(queue: &Queue, now: DateTime<Utc>) -> Vec<Finding> {
    findings(queue, now).await.unwrap_or_else(|error| {
        let heal = "see what PostgreSQL logs; without its tables the queue can't work";
        vec![Finding::new("queue", Verdict::wrong(heal), error)]
    })
}

async fn findings(queue: &Queue, now: DateTime<Utc>) -> Result<Vec<Finding>, String> {
    let all = ask(queue.workers()).await?;
    let living: Vec<&WorkerView> = all.iter().filter(|worker| worker.alive).collect();
    let mut findings = workers::look(&living);
    findings.extend(queues(queue, &ask(queue.queues()).await?).await?);
    if !living.is_empty() {
        findings.push(kinds(&ask(queue.unknown_kinds()).await?));
        findings.push(audit(ask(queue.unaccounted()).await?, now));
        findings.extend(schedules::look(&ask(queue.schedules()).await?, now));
    }
    findings.extend(days(queue).await?);
    Ok(findings)
}

/// One finding for each queue that is paused, or has jobs and nobody to run them.
async fn queues(queue: &Queue, views: &[QueueView]) -> Result<Vec<Finding>, String> {
    let mut findings = Vec::new();
    for view in views {
        let name = &view.name;
        if let Some(since) = view.paused_at {
            let by = view.paused_by.as_ref().map(|by| format!(" by {}", plain::line(by))).unwrap_or_default();
            let heal = format!("`callboard-api queues resume {name}`, when its jobs are to run again");
            let found = format!("{name} is paused since {}{by}", plain::time(since));
            findings.push(Finding::new("queue", Verdict::risky(heal), found));
        }
        if view.workers == 0 && ask(queue.has_jobs(name)).await? {
            let heal = format!("start `callboard-worker`, or one with `--queues {name}`; the jobs wait until then");
            findings.push(Finding::new("queue", Verdict::wrong(heal), format!("{name} has jobs and no worker")));
        }
    }
    if findings.is_empty() {
        findings
            .push(Finding::good("queues", format!("none paused, none with jobs and no worker, of {}", views.len())));
    }
    Ok(findings)
}

/// Kinds of waiting jobs that no living worker of their queue knows.
fn kinds(unknown: &[UnknownKind]) -> Finding {
    const WHAT: &str = "kinds";
    if unknown.is_empty() {
        return Finding::good(WHAT, "all known, of the jobs that workers have met and of the newest 10,000");
    }
    let heal = "start workers of their queues of a version that has them; the jobs wait until then, and no attempt is \
                counted";
    let unknown: Vec<String> = unknown.iter().map(unknown_kind).collect();
    Finding::new(WHAT, Verdict::wrong(heal), format!("no living worker knows {}", unknown.join(", ")))
}

fn unknown_kind(UnknownKind { kind, version, queue }: &UnknownKind) -> String {
    let version = if *version == 1 { String::new() } else { format!(" with version {version} of its payload") };
    format!("{}{version} in queue {queue}", plain::line(kind))
}

/// Whether the ready lists have what the ledger has, by the auditor's watermarks.
fn audit(unaccounted: Unaccounted, now: DateTime<Utc>) -> Finding {
    const WHAT: &str = "ready lists";
    let Some(seen) = unaccounted.audited_to else {
        return Finding::new(WHAT, Verdict::risky("it does within 5 s of its start"), "the auditor has not looked yet");
    };
    let ago = plain::span(now - seen);
    if unaccounted.jobs > 0 {
        let heal = "the auditor pushes them again within 5 s; if they stay, the log of the worker with that duty \
                    (`callboard-api workers list`) says why";
        let found =
            format!("{} on none of them, as seen {ago} ago", plain::count(unaccounted.jobs.unsigned_abs(), "job"));
        return Finding::new(WHAT, Verdict::risky(heal), found);
    }
    if now - seen > UNSEEN {
        let heal = "the log of the worker with that duty (`callboard-api workers list`) says what holds it up; until \
                    then nothing is found that is on no list, or whose worker is gone";
        return Finding::new(WHAT, Verdict::risky(heal), format!("the auditor has seen nothing new for {ago}"));
    }
    Finding::good(WHAT, format!("no job unaccounted for, as seen {ago} ago"))
}

/// The days of the history: those that jobs which end today go to by the usual
/// retention, and those that are over.
async fn days(queue: &Queue) -> Result<Vec<Finding>, String> {
    const WHAT: &str = "history";
    let history = match timeout(PATIENCE, history::describe(queue.pool())).await {
        Ok(Ok(history)) => history,
        failed => return Err(failed.map_or_else(|_| "no answer".to_owned(), |error| words(error.err()))),
    };
    let mut findings = Vec::new();
    let missing = missing(&history);
    if !missing.is_empty() {
        let heal = "the janitor of a living worker makes them within ten minutes; until then the first job that ends \
                    makes its own";
        findings.push(Finding::new(WHAT, Verdict::risky(heal), format!("no partition for {}", missing.join(", "))));
    }
    // The janitor comes by every ten minutes: a day that has just ended is not late.
    let over = history.days.iter().filter(|day| **day + Days::new(1) < history.today).count();
    if over > 0 {
        let heal = "the janitor of a living worker drops them within ten minutes; if they stay, its log says why";
        let found = format!("{} whose retention is over", plain::count(over as u64, "day"));
        findings.push(Finding::new(WHAT, Verdict::risky(heal), found));
    }
    if findings.is_empty() {
        findings.push(Finding::good(WHAT, format!("{}, none missing", plain::count(history.days.len() as u64, "day"))));
    }
    Ok(findings)
}

fn missing(history: &History) -> Vec<String> {
    let kept = [Retention::DEFAULT.completed_days, Retention::DEFAULT.discarded_days];
    let needed = kept.map(|days| history.today + Days::new(days.into()));
    needed.iter().filter(|day| !history.days.contains(day)).map(ToString::to_string).collect()
}
