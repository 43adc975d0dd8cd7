//! `callboard-api queues`

use std::time::Duration;

use callboard_shared::jobs::VerifyAddress;
use callboard_tests::installation::Installation;
use serde_json::Value;
use uuid::Uuid;

use super::console::{NO_POSTGRES, NO_REDIS, enqueue, json, run, run_with, said, start_worker};

fn queue<'a>(list: &'a Value, name: &str) -> &'a Value {
    let found = list["items"].as_array().unwrap().iter().find(|it| it["name"] == name);
    found.unwrap_or_else(|| panic!("no {name}: {list}"))
}

#[tokio::test]
async fn a_pause_holds_until_it_is_ended_and_says_who_made_it() {
    let place = Installation::new().await;
    enqueue(&place, &VerifyAddress { user_id: Uuid::now_v7(), token_id: Uuid::now_v7() }).await;
    let text = said(&place, &["queues", "pause", "mail", "--by", "ada"]).await;
    assert!(text.starts_with("Queue mail is paused;") && !text.contains("Nobody"), "{text}");
    let list = json(&place, &["queues", "list"]).await;
    let mail = queue(&list, "mail");
    assert_eq!((&mail["paused_by"], &mail["ready"]["high"]), (&"ada".into(), &1.into()));
    assert!(mail["paused_at"].is_string());

    let text = said(&place, &["queues", "pause", "mail", "--by", "eve"]).await;
    assert!(text.contains("paused already") && text.contains("by ada"), "{text}");
    let table = said(&place, &["queues", "list"]).await;
    assert!(table.lines().any(|it| it.starts_with("mail ") && it.ends_with("by ada")), "{table}");

    assert!(said(&place, &["queues", "resume", "mail"]).await.contains("is resumed"));
    assert!(said(&place, &["queues", "resume", "mail"]).await.contains("was not paused"));
    let resumed = json(&place, &["queues", "list"]).await;
    assert!(queue(&resumed, "mail")["paused_at"].is_null());
}

#[tokio::test]
async fn the_workers_of_a_queue_are_counted() {
    let place = Installation::new().await;
    let worker = start_worker(&place).await;
    let list = json(&place, &["queues", "list"]).await;
    assert_eq!((&queue(&list, "mail")["workers"], &queue(&list, "maintenance")["workers"]), (&1.into(), &1.into()));
    let text = said(&place, &["queues", "pause", "mail"]).await;
    assert!(!text.contains("Nobody serves"), "{text}");
    assert!(worker.terminate(Duration::from_secs(30)).await.success());
}

#[tokio::test]
async fn a_name_that_can_be_none_or_is_nobodys_is_told() {
    let place = Installation::new().await;
    let (code, text) = run(&place, &["queues", "pause", "No Queue"]).await;
    assert_eq!((code, text.starts_with("error: `No Queue` is no name of a queue")), (Some(1), true), "{text}");
    assert_eq!(run(&place, &["queues", "resume", "No Queue"]).await.0, Some(1));
    let text = said(&place, &["queues", "pause", "mial"]).await;
    assert!(text.contains("Nobody serves a queue of this name"), "{text}");
    assert_eq!(run(&place, &["queues", "pause"]).await.0, Some(2));
}

#[tokio::test]
async fn without_redis_queues_are_shown_paused_and_resumed() {
    let place = Installation::new().await;
    let (code, text) = run_with(&place, &NO_REDIS, &["queues", "pause", "mail"]).await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = run_with(&place, &NO_REDIS, &["queues", "list"]).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("error: Redis does not answer") && !text.contains("hunter2"), "{text}");
    let mail = text.lines().find(|it| it.starts_with("mail ")).unwrap();
    assert_eq!(mail.split_whitespace().collect::<Vec<_>>()[1..6], ["0", "?", "?", "?", "?"]);
    let (code, text) = run_with(&place, &NO_REDIS, &["queues", "resume", "mail"]).await;
    assert_eq!((code, text.contains("is resumed")), (Some(0), true), "{text}");

    let (code, text) = run_with(&place, &NO_POSTGRES, &["queues", "list"]).await;
    assert_eq!((code, text.lines().count()), (Some(1), 1), "{text}");
}
