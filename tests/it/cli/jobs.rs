//! `callboard-api jobs`

use std::process::Stdio;

use callboard_queue::{Cause, Job};
use callboard_shared::jobs::VerifyAddress;
use callboard_tests::installation::Installation;
use callboard_tests::jobs::NoOp;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use uuid::Uuid;

use super::console::{NO_POSTGRES, NO_REDIS, each, enqueue, json, queue_of, run, run_with, said};

/// Two jobs with the same key can't live side by side.
#[derive(Debug, Serialize, Deserialize)]
struct Alone {}

impl Job for Alone {
    const KIND: &'static str = "test.alone";

    fn unique(&self) -> Option<callboard_queue::Unique> {
        Some(callboard_queue::Unique::until_finished("alone"))
    }
}

fn a_mail() -> VerifyAddress {
    VerifyAddress { user_id: Uuid::now_v7(), token_id: Uuid::now_v7() }
}

#[tokio::test]
async fn a_list_is_filtered_and_paged_the_newest_first() {
    let place = Installation::new().await;
    assert_eq!(said(&place, &["jobs", "list"]).await, "no such job\n");
    let mut ids = Vec::new();
    for number in 0..3 {
        ids.push(enqueue(&place, &NoOp { number }).await.to_string());
    }
    ids.push(enqueue(&place, &a_mail()).await.to_string());
    ids.reverse();

    let list = json(&place, &["jobs", "list"]).await;
    assert_eq!(each(&list, "id"), ids);
    assert!(list["next_before"].is_null());
    let mail = &list["items"][0];
    assert_eq!((&mail["state"], &mail["status"]), (&"queued".into(), &"queued".into()));
    assert_eq!((&mail["queue"], &mail["priority"]), (&"mail".into(), &"high".into()));
    assert!(mail.get("payload").is_none(), "{mail}");

    for (filter, found) in [
        (&["--kind", "email.verify_address"][..], &ids[..1]),
        (&["--queue", "default,reports"], &ids[1..]),
        (&["--priority", "high"], &ids[..1]),
        (&["--priority", "default", "--priority", "low"], &ids[1..]),
        (&["--state", "running,scheduled"], &[]),
        (&["--state", "queued", "--kind", "test.no_op"], &ids[1..]),
        (&["--owner", "nobody"], &[]),
        (&["--schedule", "none"], &[]),
        (&["--request-id", "none"], &[]),
        (&["--error", "no route"], &[]),
        (&["--status", "started,finished"], &[]),
        (&["--status", "queued"], &ids),
        (&["--created-from", "2026-01-31T09:00:00Z"], &ids),
        (&["--created-before", "2026-01-31T18:00:00+09:00"], &[]),
    ] {
        assert_eq!(each(&json(&place, &[&["jobs", "list"], filter].concat()).await, "id"), found, "{filter:?}");
    }

    let stats = json(&place, &["jobs", "stats"]).await;
    assert_eq!((&stats["queued"], &stats["running"], &stats["scheduled"]), (&4.into(), &0.into(), &0.into()));

    let page = json(&place, &["jobs", "list", "--limit", "3"]).await;
    assert_eq!(each(&page, "id"), ids[..3]);
    let next = page["next_before"].as_str().unwrap();
    assert_eq!(each(&json(&place, &["jobs", "list", "--before", next]).await, "id"), ids[3..]);

    let table = said(&place, &["jobs", "list", "--limit", "1"]).await;
    let lines: Vec<&str> = table.lines().collect();
    let cells: Vec<&str> = lines[1].split_whitespace().collect();
    assert!(lines[0].starts_with("ID ") && lines[0].ends_with("CREATED"), "{table}");
    assert_eq!(cells[..6], [&ids[0], "email.verify_address", "mail", "high", "queued", "0/20"], "{table}");
    assert_eq!(lines[2], format!("older ones: --before {}", ids[0]));
}

#[tokio::test]
async fn a_job_is_shown_with_its_cause_and_without_its_payload() {
    let place = Installation::new().await;
    let job = a_mail();
    let cause = Cause { owner: Some("ada".to_owned()), request_id: Some("r-1".to_owned()), ..Cause::default() };
    let mut transaction = queue_of(&place).begin().await.unwrap().caused_by(cause);
    let id = transaction.enqueue(&job).await.unwrap().id.to_string();
    transaction.commit().await.unwrap();
    sqlx::query(r#"UPDATE queue_jobs SET errors = '[{"at": "2026-11-21T08:00:00Z", "attempt": 1, "failure": "error", "message": "no\u001b[31m route"}]'"#)
        .execute(place.pool())
        .await
        .unwrap();

    let text = said(&place, &["jobs", "show", &id]).await;
    for line in [
        &format!("id           {id}"),
        "queue        mail, priority high",
        "attempt      0 of 20, 60 s each at most",
        "owner        ada",
        "request      r-1",
        "  2026-11-21 08:00:00Z  attempt 1  error: no [31m route",
    ] {
        assert!(text.lines().any(|it| it == line), "{line}: {text}");
    }
    assert!(!text.contains(&job.user_id.to_string()), "{text}");
    let document = json(&place, &["jobs", "show", &id]).await;
    assert_eq!((&document["id"], &document["owner"]), (&id.clone().into(), &"ada".into()));
    assert!(document.get("payload").is_none());
    for filter in [["--owner", "ada"], ["--request-id", "r-1"], ["--error", "ROUTE"]] {
        let list = json(&place, &[&["jobs", "list"], &filter[..]].concat()).await;
        assert_eq!(each(&list, "id"), [&id], "{filter:?}");
    }
}

#[tokio::test]
async fn why_names_each_reason_and_the_way_out() {
    let place = Installation::new().await;
    let first = enqueue(&place, &a_mail()).await.to_string();
    let second = enqueue(&place, &a_mail()).await.to_string();
    let text = said(&place, &["jobs", "why", &second]).await;
    assert!(text.starts_with(&format!("Job {second} (email.verify_address) is queued.\n")), "{text}");
    assert!(text.contains("- No living worker serves its queue mail. Start one:"), "{text}");
    assert!(text.contains("- It is behind 1 job on the same list."), "{text}");

    said(&place, &["queues", "pause", "mail", "--by", "ada"]).await;
    let text = said(&place, &["jobs", "why", &first]).await;
    assert!(text.contains("by ada") && text.contains("`callboard-api queues resume mail`"), "{text}");
    let document = json(&place, &["jobs", "why", &first]).await;
    let reasons: Vec<_> =
        document["reasons"].as_array().unwrap().iter().map(|it| it["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["queue_paused", "nobody_serves_queue", "next"]);
}

#[tokio::test]
async fn of_several_jobs_all_are_done_that_can_be() {
    let place = Installation::new().await;
    let (first, second) = (enqueue(&place, &a_mail()).await.to_string(), enqueue(&place, &a_mail()).await.to_string());
    let nobody = Uuid::now_v7().to_string();

    let (code, text) = run(&place, &["jobs", "cancel", &first, &nobody, &second]).await;
    assert_eq!(code, Some(1), "{text}");
    for line in [format!("Job {first} is cancelled."), format!("Job {second} is cancelled.")] {
        assert!(text.lines().any(|it| it == line), "{text}");
    }
    assert!(text.contains(&format!("error: there is no job {nobody}: ")), "{text}");
    assert_eq!(each(&json(&place, &["jobs", "list", "--state", "cancelled"]).await, "id").len(), 2);

    let (code, text) = run(&place, &["jobs", "cancel", &first]).await;
    assert_eq!((code, text.starts_with(&format!("error: job {first} is cancelled: "))), (Some(1), true), "{text}");
    let done = json(&place, &["jobs", "retry", &first, &second]).await;
    assert_eq!((each(&done, "id"), each(&done, "outcome")), (vec![&*first, &*second], vec!["queued", "queued"]));
    let (code, text) = run(&place, &["jobs", "retry", &first]).await;
    assert_eq!(code, Some(1));
    assert!(text.contains("is queued") && text.contains("jobs why"), "{text}");
    assert_eq!(each(&json(&place, &["jobs", "list", "--state", "queued"]).await, "id").len(), 2);
}

#[tokio::test]
async fn what_comes_back_blocked_is_not_called_queued() {
    let place = Installation::new().await;
    let id = enqueue(&place, &a_mail()).await.to_string();
    sqlx::query("UPDATE queue_jobs SET limit_key = 'smtp', limit_concurrency = 1").execute(place.pool()).await.unwrap();
    said(&place, &["jobs", "cancel", &id]).await;
    let text = said(&place, &["jobs", "retry", &id]).await;
    assert!(text.starts_with(&format!("Job {id} is blocked by its limit key;")), "{text}");
    said(&place, &["jobs", "cancel", &id]).await;
    assert_eq!(each(&json(&place, &["jobs", "retry", &id]).await, "outcome"), ["blocked"]);
}

#[tokio::test]
async fn a_key_that_another_job_holds_is_told_with_its_holder() {
    let place = Installation::new().await;
    let ended = enqueue(&place, &Alone {}).await.to_string();
    said(&place, &["jobs", "cancel", &ended]).await;
    let holder = enqueue(&place, &Alone {}).await.to_string();
    let (code, text) = run(&place, &["jobs", "retry", &ended]).await;
    assert_eq!((code, text.starts_with(&format!("error: job {holder} does the same work"))), (Some(1), true), "{text}");
    said(&place, &["jobs", "cancel", &holder]).await;
    said(&place, &["jobs", "retry", &ended]).await;
}

#[tokio::test]
async fn bad_usage_ends_with_2() {
    let place = Installation::new().await;
    for (arguments, told) in [
        (&["jobs"][..], "Usage"),
        (&["jobs", "lst"], "lst"),
        (&["jobs", "show"], "<ID>"),
        (&["jobs", "show", "7"], "<ID>"),
        (&["jobs", "cancel"], "<ID>"),
        (&["jobs", "list", "--state", "done"], "must be one of blocked, scheduled, queued"),
        (&["jobs", "list", "--status", "running"], "must be one of blocked, scheduled, queued, started"),
        (&["jobs", "list", "--status", "queued", "--state", "queued"], "--state"),
        (&["jobs", "list", "--created-from", "yesterday"], "--created-from"),
        (&["jobs", "list", "--limit", "0"], "--limit"),
        (&["jobs", "list", "--colour"], "--colour"),
    ] {
        let (code, text) = run(&place, arguments).await;
        assert_eq!((code, text.contains(told)), (Some(2), true), "{arguments:?}: {text}");
    }
}

#[tokio::test]
async fn servers_that_are_gone_are_told_in_one_line() {
    let place = Installation::new().await;
    let id = enqueue(&place, &a_mail()).await.to_string();
    for arguments in [&["jobs", "list"][..], &["jobs", "stats"], &["jobs", "why", &id], &["jobs", "cancel", &id]] {
        let (code, text) = run_with(&place, &NO_POSTGRES, arguments).await;
        assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
        assert!(text.starts_with("error: PostgreSQL does not answer (") && text.contains("DATABASE_URL"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    let (code, text) = run_with(&place, &NO_REDIS, &["jobs", "list", "--json"]).await;
    assert_eq!((code, text.contains(&id)), (Some(0), true), "{text}");
    let (code, text) = run_with(&place, &NO_REDIS, &["jobs", "stats"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("queued     ?") && text.contains("error: Redis does not answer"), "{text}");
    let (code, text) = run_with(&place, &NO_REDIS, &["jobs", "why", &id]).await;
    assert!(code == Some(0) && text.contains("- Redis does not answer. Start it"), "{text}");
    let (code, text) = run_with(&place, &NO_REDIS, &["jobs", "cancel", &id]).await;
    assert_eq!((code, text), (Some(0), format!("Job {id} is cancelled.\n")));
    let (code, text) = run_with(&place, &NO_REDIS, &["jobs", "retry", &id]).await;
    assert_eq!((code, text), (Some(0), format!("Job {id} is queued.\n")));
}

#[tokio::test]
async fn an_empty_database_is_told_with_the_way_out() {
    let place = Installation::new().await;
    said(&place, &["migrate", "down", "--all"]).await;
    let (code, text) = run(&place, &["jobs", "list"]).await;
    assert_eq!((code, text.contains("callboard-api migrate up")), (Some(1), true), "{text}");
}

/// Rust ignores SIGPIPE, and `println!` panics on what comes of that.
#[tokio::test]
async fn a_reader_that_has_seen_enough_is_no_reason_to_complain() {
    let place = Installation::new().await;
    let id = enqueue(&place, &a_mail()).await.to_string();
    let other = enqueue(&place, &a_mail()).await.to_string();
    for arguments in [&["jobs", "list"][..], &["jobs", "list", "--json"], &["jobs", "cancel", &id, &other]] {
        let program = std::path::PathBuf::from(std::env::var("CALLBOARD_BIN_DIR").unwrap()).join("callboard-api");
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(place.variables.iter()).stdin(Stdio::null());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let ended = child.wait_with_output().await.unwrap();
        assert_eq!(String::from_utf8_lossy(&ended.stderr), "", "{arguments:?}");
        assert_eq!(ended.status.code(), Some(1), "{arguments:?}");
    }
    let cancelled = json(&place, &["jobs", "list", "--state", "cancelled"]).await;
    assert_eq!(each(&cancelled, "id"), [&other, &id], "both, though nobody read on");
}
