//! `callboard-api doctor`

use callboard_queue::Job;
use callboard_shared::jobs::{MAIL_QUEUE, VerifyAddress};
use callboard_tests::installation::Installation;
use callboard_tests::services::Services;
use callboard_tests::wait::{SOON, wait_until};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::console::{enqueue, said, start_worker};

/// A kind of a version that no worker has.
#[derive(Debug, Serialize, Deserialize)]
struct Newer {}

impl Job for Newer {
    const KIND: &'static str = "email.newer";
    const QUEUE: &'static str = MAIL_QUEUE;
}

async fn doctor(place: &Installation, change: &[(&str, &str)]) -> (Option<i32>, String) {
    let program = place.program("callboard-api").argument("doctor");
    let program = change.iter().fold(program, |program, (name, value)| program.variable(*name, *value));
    let (status, said) = program.run().await;
    (status.code(), said)
}

/// The verdict about one thing.
fn verdict<'a>(said: &'a str, what: &str) -> &'a str {
    let line = said.lines().find(|line| line.contains(what)).unwrap_or_else(|| panic!("nothing on {what}: {said}"));
    line.split_whitespace().next().unwrap()
}

#[tokio::test]
async fn a_healthy_installation_is_well() {
    let place = Installation::new().await;
    let (code, said) = doctor(&place, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    for what in ["PostgreSQL", "clocks", "migrations", "Redis  ", "Redis eviction"] {
        assert_eq!(verdict(&said, what), "ok", "{said}");
    }
}

#[tokio::test]
async fn a_pending_migration_is_wrong() {
    let place = Installation::new().await;
    let (status, said) = place.program("callboard-api").argument("migrate").argument("down").run().await;
    assert!(status.success(), "{said}");
    let (code, said) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&said, "migrations")), (Some(1), "WRONG"), "{said}");
    assert!(said.contains("migrate up"), "{said}");
}

#[tokio::test]
async fn servers_that_are_gone_are_wrong_and_no_password_is_told() {
    let place = Installation::new().await;
    let postgres =
        [("DATABASE_URL", "postgres://ada:hunter2@127.0.0.1:1/none"), ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1")];
    let (code, said) = doctor(&place, &postgres).await;
    assert_eq!((code, verdict(&said, "PostgreSQL"), verdict(&said, "Redis  ")), (Some(1), "WRONG", "ok"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");

    let (code, said) = doctor(&place, &[("REDIS_URL", "redis://:hunter2@127.0.0.1:1")]).await;
    assert_eq!((code, verdict(&said, "PostgreSQL"), verdict(&said, "Redis  ")), (Some(1), "ok", "WRONG"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

/// Evicted lists are healed, only later: a risk, and no reason to fail a deployment.
#[tokio::test]
async fn a_redis_that_evicts_is_risky_with_the_way_out() {
    let services = Services::start().await;
    let place = Installation::on(&services).await;
    let (code, said) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&said, "Redis eviction")), (Some(0), "ok"), "{said}");

    let client = redis::Client::open(services.redis_url()).unwrap();
    let mut redis = client.get_multiplexed_async_connection().await.unwrap();
    let mut set = redis::cmd("CONFIG");
    set.arg(&["SET", "maxmemory-policy", "allkeys-lru"]).exec_async(&mut redis).await.unwrap();
    let (code, said) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&said, "Redis eviction")), (Some(0), "risky"), "{said}");
    assert!(said.contains("allkeys-lru") && said.contains("set maxmemory-policy noeviction"), "{said}");
}

async fn execute(place: &Installation, statement: &'static str) {
    sqlx::query(statement).execute(place.pool()).await.unwrap();
}

#[tokio::test]
async fn a_queue_that_somebody_serves_is_well() {
    let place = Installation::new().await;
    let _worker = start_worker(&place).await;
    // The janitor makes the days at its first look.
    wait_until(SOON, "all is well with the queue", || async {
        let (code, said) = doctor(&place, &[]).await;
        let is_ok = |what: &str| said.lines().any(|line| line.starts_with(&format!("ok     {what} ")));
        code == Some(0)
            && ["workers", "duties", "queues", "kinds", "ready lists", "schedules", "history"].into_iter().all(is_ok)
    })
    .await;
}

/// Without a worker nothing is wrong yet; with a job that waits for one it is.
#[tokio::test]
async fn a_job_that_nobody_is_there_for_is_wrong() {
    let place = Installation::new().await;
    let (code, text) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&text, "workers"), verdict(&text, "queues")), (Some(0), "risky", "ok"), "{text}");
    let id = enqueue(&place, &VerifyAddress { user_id: Uuid::now_v7(), token_id: Uuid::now_v7() }).await;
    for change in [&[][..], &[("REDIS_URL", "redis://127.0.0.1:1")]] {
        let (code, text) = doctor(&place, change).await;
        assert_eq!((code, verdict(&text, "mail has jobs and no worker")), (Some(1), "WRONG"), "{text}");
        assert!(text.contains("`--queues mail`"), "{text}");
    }
    // Its element stays on the list until a worker meets it.
    said(&place, &["jobs", "cancel", &id.to_string()]).await;
    let (code, text) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&text, "queues")), (Some(0), "ok"), "{text}");
}

/// Also one that is due later: nobody will be there for it then.
#[tokio::test]
async fn a_delayed_job_that_nobody_is_there_for_is_wrong() {
    let place = Installation::new().await;
    enqueue(&place, &VerifyAddress { user_id: Uuid::now_v7(), token_id: Uuid::now_v7() }).await;
    execute(&place, "UPDATE queue_jobs SET state = 'scheduled', run_at = clock_timestamp() + interval '1 day'").await;
    let (code, text) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&text, "mail has jobs and no worker")), (Some(1), "WRONG"), "{text}");
}

#[tokio::test]
async fn for_scripts_all_findings_are_one_document() {
    let place = Installation::new().await;
    let document = async || {
        let (status, said) = place.program("callboard-api").argument("doctor").argument("--json").run().await;
        (status.code(), serde_json::from_str::<Value>(&said).unwrap_or_else(|error| panic!("{error}: {said}")))
    };
    let (code, well) = document().await;
    assert_eq!((code, &well["is_well"]), (Some(0), &json!(true)), "{well}");
    let of = |document: &Value, what: &str| {
        let found = document["items"].as_array().unwrap().iter().find(|finding| finding["what"] == what).cloned();
        found.unwrap_or_else(|| panic!("nothing on {what}: {document}"))
    };
    assert_eq!((&of(&well, "PostgreSQL")["verdict"], &of(&well, "PostgreSQL")["heal"]), (&json!("ok"), &json!(null)));
    let workers = of(&well, "workers");
    assert_eq!((&workers["verdict"], &workers["found"]), (&json!("risky"), &json!("none lives")));
    assert!(workers["heal"].as_str().unwrap().starts_with("start `callboard-worker`"), "{workers}");

    enqueue(&place, &VerifyAddress { user_id: Uuid::now_v7(), token_id: Uuid::now_v7() }).await;
    let (code, ill) = document().await;
    assert_eq!(
        (code, &ill["is_well"], &of(&ill, "queue")["verdict"]),
        (Some(1), &json!(false), &json!("wrong")),
        "{ill}"
    );
}

#[tokio::test]
async fn what_operators_have_stopped_is_told_with_the_way_back() {
    let place = Installation::new().await;
    let _worker = start_worker(&place).await;
    said(&place, &["queues", "pause", "mail", "--by", "ada"]).await;
    said(&place, &["schedules", "disable", "maintenance.prune_tokens"]).await;
    let (code, text) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&text, "mail is paused since")), (Some(0), "risky"), "{text}");
    assert_eq!(verdict(&text, "maintenance.prune_tokens is disabled"), "risky", "{text}");
    for way_back in ["by ada", "`callboard-api queues resume mail`", "schedules enable maintenance.prune_tokens`"] {
        assert!(text.contains(way_back), "{way_back}: {text}");
    }
}

#[tokio::test]
async fn a_kind_that_no_worker_knows_is_wrong() {
    let place = Installation::new().await;
    let _worker = start_worker(&place).await;
    enqueue(&place, &Newer {}).await;
    let (code, text) = doctor(&place, &[]).await;
    assert_eq!(
        (code, verdict(&text, "no living worker knows email.newer in queue mail")),
        (Some(1), "WRONG"),
        "{text}"
    );
}

/// A worker that stands still counts as living for 15 s after its last beat.
#[tokio::test]
async fn duties_that_nobody_does_are_told() {
    let place = Installation::new().await;
    let worker = start_worker(&place).await;
    worker.signal("STOP").await;
    execute(&place, "UPDATE queue_workers SET beat_at = clock_timestamp()").await;
    execute(&place, "UPDATE queue_leases SET held_until = '-infinity' WHERE duty IN ('janitor', 'scheduler')").await;
    execute(
        &place,
        "UPDATE queue_schedules SET next_at = clock_timestamp() - interval '5 minutes'
         WHERE name = 'maintenance.prune_tokens'",
    )
    .await;
    let (code, text) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&text, "vacant: janitor, scheduler")), (Some(1), "risky"), "{text}");
    assert_eq!(verdict(&text, "maintenance.prune_tokens is 5 min late"), "WRONG", "{text}");
    worker.signal("CONT").await;
}

/// As the auditor's watermarks, which its lease keeps, tell while it stands still.
#[tokio::test]
async fn jobs_on_no_list_and_an_auditor_that_sees_nothing_are_told() {
    let place = Installation::new().await;
    let worker = start_worker(&place).await;
    wait_until(SOON, "the auditor has looked", || async {
        verdict(&doctor(&place, &[]).await.1, "ready lists") == "ok"
    })
    .await;
    worker.signal("STOP").await;
    let alive = "UPDATE queue_workers SET beat_at = clock_timestamp()";
    execute(&place, alive).await;
    enqueue(&place, &VerifyAddress { user_id: Uuid::now_v7(), token_id: Uuid::now_v7() }).await;
    assert_eq!(verdict(&doctor(&place, &[]).await.1, "no job unaccounted for"), "ok", "one that is young may wait");
    execute(&place, "UPDATE queue_jobs SET queued_at = queued_at - interval '1 hour'").await;
    let (code, text) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&text, "1 job on none of them")), (Some(0), "risky"), "{text}");

    execute(
        &place,
        "UPDATE queue_leases SET note = (SELECT jsonb_object_agg(list, at::timestamptz - interval '2 hours')
                                         FROM jsonb_each_text(note) AS mark (list, at)) WHERE duty = 'auditor'",
    )
    .await;
    execute(&place, alive).await;
    let (code, text) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&text, "the auditor has seen nothing new for 2 h")), (Some(0), "risky"), "{text}");
    worker.signal("CONT").await;
}

#[tokio::test]
async fn days_that_are_missing_or_over_are_told() {
    let place = Installation::new().await;
    execute(
        &place,
        "CREATE TABLE queue_history_20200101 PARTITION OF queue_history FOR VALUES FROM ('2020-01-01') TO ('2020-01-02')",
    )
    .await;
    let (code, text) = doctor(&place, &[]).await;
    assert_eq!((code, verdict(&text, "no partition for")), (Some(0), "risky"), "{text}");
    assert_eq!(verdict(&text, "1 day whose retention is over"), "risky", "{text}");
}
