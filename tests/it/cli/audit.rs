//! What commands change, and the lines that this leaves in the audit log.

use callboard_tests::installation::Installation;
use callboard_tests::jobs::NoOp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::console::{enqueue, run, said, start_worker};

const SCHEDULE: &str = "maintenance.prune_sessions";

async fn lines(place: &Installation) -> Vec<(String, String, Option<Uuid>, Value)> {
    sqlx::query_as("SELECT actor, action, resource_id, details FROM audit_log ORDER BY at, id")
        .fetch_all(place.pool())
        .await
        .unwrap()
}

/// What changes nothing leaves none.
#[tokio::test]
async fn every_change_says_who_made_it() {
    let place = Installation::new().await;
    let worker = start_worker(&place).await;
    assert!(worker.terminate(std::time::Duration::from_secs(30)).await.success());
    let id = enqueue(&place, &NoOp::default()).await;
    let job = id.to_string();
    for (command, action, subject, details) in [
        (&["jobs", "cancel", &job][..], "job.cancelled", Some(id), json!({ "by": "ada" })),
        (&["jobs", "retry", &job], "job.retried", Some(id), json!({ "by": "ada" })),
        (&["queues", "pause", "mail"], "queue.paused", None, json!({ "by": "ada", "queue": "mail" })),
        (&["queues", "resume", "mail"], "queue.resumed", None, json!({ "by": "ada", "queue": "mail" })),
        (
            &["schedules", "disable", SCHEDULE],
            "schedule.changed",
            None,
            json!({ "by": "ada", "schedule": SCHEDULE, "enabled": false }),
        ),
        (
            &["schedules", "enable", SCHEDULE],
            "schedule.changed",
            None,
            json!({ "by": "ada", "schedule": SCHEDULE, "enabled": true }),
        ),
    ] {
        let before = lines(&place).await.len();
        said(&place, &[command, &["--by", "ada"]].concat()).await;
        // Once more: there is nothing left to do, or it is refused.
        let _ = run(&place, &[command, &["--by", "eve"]].concat()).await;
        let line = ("system".to_owned(), action.to_owned(), subject, details);
        assert_eq!(lines(&place).await[before..], [line], "{command:?}");
    }

    said(&place, &["queues", "pause", "maintenance", "--by", "ada"]).await;
    let before = lines(&place).await.len();
    let printed = said(&place, &["schedules", "run", SCHEDULE, "--by", "ada", "--json"]).await;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    said(&place, &["schedules", "run", SCHEDULE, "--by", "eve"]).await;
    let lines = lines(&place).await;
    assert_eq!(lines.len(), before + 1, "the second finds the first: {lines:?}");
    let (_, action, subject, details) = &lines[before];
    assert_eq!((action.as_str(), json!(subject)), ("schedule.run", printed["job_id"].clone()));
    assert_eq!(*details, json!({ "by": "ada", "schedule": SCHEDULE }));
}

#[tokio::test]
async fn without_its_line_nothing_is_done() {
    let place = Installation::new().await;
    let id = enqueue(&place, &NoOp::default()).await.to_string();
    sqlx::query("ALTER TABLE audit_log RENAME TO audit_log_gone").execute(place.pool()).await.unwrap();
    for command in [&["jobs", "cancel", &id][..], &["queues", "pause", "mail"]] {
        let (code, text) = run(&place, command).await;
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains("callboard-api migrate up"), "{text}");
    }
    assert!(said(&place, &["jobs", "show", &id]).await.contains("queued"));
    assert!(!said(&place, &["queues", "list"]).await.contains("since"));
}

#[tokio::test]
async fn who_does_it_can_be_read_and_is_no_caller_of_the_api() {
    let place = Installation::new().await;
    for by in ["", "a\nb", "\u{202e}ada", "user:019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11"] {
        let (code, text) = run(&place, &["queues", "pause", "mail", "--by", by]).await;
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("USER="), "{text}");
    }
    assert!(lines(&place).await.is_empty());
    assert!(!said(&place, &["queues", "list"]).await.contains("since"));
}
