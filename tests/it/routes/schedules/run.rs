use callboard_tests::app::{App, Send as _};
use serde_json::json;
use uuid::Uuid;

const PATH: &str = "/api/v1/schedules/nightly/run";

/// Also while it is disabled.
#[tokio::test]
async fn its_job_is_enqueued_now() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    app.declare_schedule("nightly").await;
    app.state().queue.enable_schedule("nightly", false).await.unwrap();
    let answer = app.request("POST", PATH).bearer_auth(&mia.token).answer().await.expect(202);
    let job = answer.json();
    assert_eq!((&job["kind"], &job["state"]), (&json!("maintenance.prune_tokens"), &json!("queued")));
    let shown = app.get(answer.header("location")).bearer_auth(&mia.token).answer().await.expect(200).json();
    assert_eq!(shown["id"], job["id"]);
    assert_eq!((&shown["owner"], &shown["request_id"]), (&json!(mia.id), &json!(answer.header("x-request-id"))));
    let id: Uuid = job["id"].as_str().unwrap().parse().unwrap();
    let line = (format!("user:{}", mia.id), Some(id), json!({ "schedule": "nightly" }));
    assert_eq!(app.audited("schedule.run").await, [line]);
}

#[tokio::test]
async fn under_one_key_it_is_run_once() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    app.declare_schedule("nightly").await;
    let send =
        |key: &'static str| app.request("POST", PATH).bearer_auth(&mia.token).header("idempotency-key", key).answer();
    let (first, again) = (send("k-1").await.expect(202), send("k-1").await.expect(202));
    assert_eq!(again.header("idempotent-replayed"), "true");
    assert_eq!((again.json(), again.header("location")), (first.json(), first.header("location")));
    let other = send("k-2").await.expect(202);
    assert_ne!(other.json()["id"], first.json()["id"]);
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs WHERE kind = 'maintenance.prune_tokens'").await, 2);
    let _ = send("not a key").await.problem(400, "invalid_idempotency_key");
}

#[tokio::test]
async fn one_whose_key_is_held_is_told_from_a_new_one_and_nothing_is_audited() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    app.declare_schedule("nightly").await;
    sqlx::query(r#"UPDATE queue_schedules SET job = job || '{"unique": {"key": "all", "scope": "UntilStarted"}}'"#)
        .execute(app.pool())
        .await
        .unwrap();
    let send = || app.request("POST", PATH).bearer_auth(&mia.token).answer();
    let (first, again) = (send().await.expect(202), send().await.expect(200));
    assert_eq!(again.json()["id"], first.json()["id"]);
    assert_eq!(app.audited("schedule.run").await.len(), 1);
}

#[tokio::test]
async fn what_nobody_declares_can_not_be_run() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    for name in ["weekly", "%00"] {
        let path = format!("/api/v1/schedules/{name}/run");
        let _ = app.request("POST", &path).bearer_auth(&mia.token).answer().await.problem(404, "not_found");
    }
}

/// They come at the same moment: one is done, the others are told so.
#[tokio::test]
async fn of_many_at_once_under_one_key_one_is_done() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    app.declare_schedule("nightly").await;
    let send = || app.request("POST", PATH).bearer_auth(&mia.token).header("idempotency-key", "k-1").answer();
    let answers = futures::future::join_all((0..8).map(|_| send())).await;
    let ids: Vec<_> =
        answers.iter().filter(|answer| answer.status == 202).map(|answer| answer.json()["id"].clone()).collect();
    assert!(!ids.is_empty() && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    for answer in answers.into_iter().filter(|answer| answer.status != 202) {
        let _ = answer.problem(409, "idempotency_in_flight");
    }
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs WHERE kind = 'maintenance.prune_tokens'").await, 1);
    assert_eq!(app.audited("schedule.run").await.len(), 1);
}
