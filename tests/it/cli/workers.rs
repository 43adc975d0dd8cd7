//! `callboard-api workers`

use std::time::Duration;

use callboard_tests::installation::Installation;

use super::console::{NO_POSTGRES, NO_REDIS, each, json, run_with, said, start_worker};

#[tokio::test]
async fn who_lives_is_listed_with_what_it_does_and_who_has_drained_is_not() {
    let place = Installation::new().await;
    let worker = start_worker(&place).await;
    let list = json(&place, &["workers", "list"]).await;
    let row = &list["items"][0];
    assert_eq!((list["items"].as_array().unwrap().len(), &row["alive"]), (1, &true.into()));
    let duties: Vec<_> = row["duties"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    assert_eq!(duties, ["auditor", "janitor", "promoter", "scheduler"]);

    let id = row["id"].as_str().unwrap();
    let (code, table) = run_with(&place, &NO_REDIS, &["workers", "list"]).await;
    assert_eq!(code, Some(0), "{table}");
    let line = table.lines().find(|it| it.starts_with(id)).unwrap_or_else(|| panic!("no {id}: {table}"));
    assert!(line.contains("  yes  ") && line.contains("auditor,janitor,promoter,scheduler"), "{table}");

    assert!(worker.terminate(Duration::from_secs(30)).await.success());
    assert_eq!(each(&json(&place, &["workers", "list"]).await, "id"), [""; 0]);
    assert_eq!(said(&place, &["workers", "list"]).await.lines().count(), 1, "the head alone");
    let (code, text) = run_with(&place, &NO_POSTGRES, &["workers", "list"]).await;
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
}

#[tokio::test]
async fn who_was_killed_stays_listed_as_dead() {
    let place = Installation::new().await;
    start_worker(&place).await.kill().await;
    // As long after its last beat as makes it dead.
    let set = "UPDATE queue_workers SET beat_at = beat_at - interval '20 seconds'";
    sqlx::query(set).execute(place.pool()).await.unwrap();
    let list = json(&place, &["workers", "list"]).await;
    assert_eq!(list["items"][0]["alive"], false);
}
