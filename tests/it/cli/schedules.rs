//! `callboard-api schedules`

use std::time::Duration;

use callboard_tests::installation::Installation;
use serde_json::Value;

use super::console::{NO_POSTGRES, NO_REDIS, each, json, run, run_with, said, start_worker};

const NAME: &str = "maintenance.prune_sessions";

async fn schedule(place: &Installation) -> Value {
    let list = json(place, &["schedules", "list"]).await;
    list["items"].as_array().unwrap().iter().find(|it| it["name"] == NAME).unwrap().clone()
}

#[tokio::test]
async fn what_a_worker_declares_is_listed_disabled_enabled_and_run() {
    let place = Installation::new().await;
    assert_eq!(each(&json(&place, &["schedules", "list"]).await, "name"), [""; 0]);
    let worker = start_worker(&place).await;
    let declared = schedule(&place).await;
    assert_eq!((&declared["enabled"], &declared["declared"]), (&true.into(), &true.into()));
    assert!(declared["next_at"].is_string(), "{declared}");

    let text = said(&place, &["schedules", "disable", NAME]).await;
    assert!(text.contains(&format!("`callboard-api schedules enable {NAME}` ends it")), "{text}");
    assert!(said(&place, &["schedules", "disable", NAME]).await.contains("disabled already"));
    let disabled = schedule(&place).await;
    assert!(disabled["enabled"] == false && disabled["next_at"].is_null(), "{disabled}");
    let table = said(&place, &["schedules", "list"]).await;
    assert!(table.lines().any(|it| it.starts_with(NAME) && it.contains(" disabled ")), "{table}");

    // Its key is held until it starts: with the queue paused, it doesn't.
    said(&place, &["queues", "pause", "maintenance"]).await;
    let run = json(&place, &["schedules", "run", NAME]).await;
    let id = run["job_id"].as_str().unwrap();
    assert_eq!(run["existing"], false);
    let text = said(&place, &["schedules", "run", NAME]).await;
    assert!(
        text.starts_with("Nothing was enqueued") && text.contains(&format!("`callboard-api jobs show {id}`")),
        "{text}"
    );
    said(&place, &["queues", "resume", "maintenance"]).await;
    assert_eq!(each(&json(&place, &["jobs", "list", "--schedule", NAME]).await, "id"), [id]);
    assert_eq!(json(&place, &["jobs", "show", id]).await["kind"], NAME);
    let text = said(&place, &["jobs", "show", id]).await;
    assert!(text.lines().any(|it| it.starts_with("enqueuer ") && it.contains(" callboard-api ")), "{text}");

    assert!(said(&place, &["schedules", "enable", NAME]).await.contains("is enabled; the ticks"));
    assert!(said(&place, &["schedules", "enable", NAME]).await.contains("enabled already"));
    assert!(worker.terminate(Duration::from_secs(30)).await.success());

    let table = said(&place, &["schedules", "list"]).await;
    assert!(table.lines().any(|it| it.starts_with(NAME) && it.contains(" undeclared ")), "{table}");
    said(&place, &["schedules", "disable", NAME]).await;
    assert!(said(&place, &["schedules", "enable", NAME]).await.contains("no living worker declares it"));
}

#[tokio::test]
async fn one_that_nobody_has_declared_is_told() {
    let place = Installation::new().await;
    for command in ["enable", "disable", "run"] {
        let (code, text) = run(&place, &["schedules", command, "none"]).await;
        assert_eq!(code, Some(1), "{text}");
        assert!(text.starts_with("error: there is no schedule `none`") && text.contains("schedules list"), "{text}");
    }
    assert_eq!(run(&place, &["schedules", "run"]).await.0, Some(2));
    let (code, text) = run_with(&place, &NO_POSTGRES, &["schedules", "list"]).await;
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
    assert_eq!(run_with(&place, &NO_REDIS, &["schedules", "list"]).await.0, Some(0));
}
