use callboard_tests::answer::Answer;
use callboard_tests::app::{App, Person, Send as _};
use serde_json::json;
use uuid::Uuid;

async fn cancel(app: &App, by: &Person, job: Uuid) -> Answer {
    app.request("POST", &format!("/api/v1/jobs/{job}/cancel")).bearer_auth(&by.token).answer().await
}

#[tokio::test]
async fn a_waiting_job_has_ended_in_the_answer() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let (mia, job) = (app.person("mia", "manager").await, app.job_of(ada).await);
    let shown = cancel(&app, &mia, job).await.expect(200).json();
    assert_eq!((&shown["id"], &shown["state"]), (&json!(job), &json!("cancelled")));
    assert_eq!(shown["end_reason"], "cancelled on request");
    app.job_in_state(job, "cancelled").await;
    assert_eq!(app.audited("job.cancelled").await, [(format!("user:{}", mia.id), Some(job), json!({}))]);
}

#[tokio::test]
async fn a_running_job_is_told_to_stop() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let job = app.job_of(mia.id).await;
    super::begin(&app, job).await;
    // Asking twice is the same as asking once.
    for _ in 0..2 {
        let shown = cancel(&app, &mia, job).await.expect(200).json();
        assert_eq!((&shown["state"], &shown["cancel_requested"]), (&json!("running"), &json!(true)));
    }
    let line = (format!("user:{}", mia.id), Some(job), json!({ "requested": true }));
    assert_eq!(app.audited("job.cancelled").await, [line], "it may complete all the same");
}

#[tokio::test]
async fn what_has_ended_or_is_not_there_can_not_be_cancelled() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let job = app.job_of(mia.id).await;
    let _ = cancel(&app, &mia, job).await.expect(200);
    let problem = cancel(&app, &mia, job).await.problem(409, "job_wrong_state");
    assert_eq!(problem.0["detail"], "The job is cancelled.");
    let _ = cancel(&app, &mia, Uuid::now_v7()).await.problem(404, "not_found");
    assert_eq!(app.audited("job.cancelled").await.len(), 1);
}

#[tokio::test]
async fn under_one_key_it_is_done_once() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let job = app.job_of(mia.id).await;
    let send = || {
        let request = app.request("POST", &format!("/api/v1/jobs/{job}/cancel")).bearer_auth(&mia.token);
        request.header("idempotency-key", "k-1").answer()
    };
    let (first, again) = (send().await.expect(200), send().await.expect(200));
    assert_eq!((first.header("idempotent-replayed"), again.header("idempotent-replayed")), ("", "true"));
    assert_eq!(first.json(), again.json());
    assert_eq!(app.audited("job.cancelled").await.len(), 1);
}

/// What it says would be ignored.
#[tokio::test]
async fn a_body_that_says_anything_is_refused() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let job = app.job_of(mia.id).await;
    let send = |kind: &'static str, body: &'static str| {
        let request = app.request("POST", &format!("/api/v1/jobs/{job}/cancel")).bearer_auth(&mia.token);
        request.header("content-type", kind).header("idempotency-key", "k-1").body(body).answer()
    };
    let problem = send("application/json", r#"{"reason": "a mistake"}"#).await.problem(422, "validation_failed");
    assert_eq!(problem.errors(), ["#/reason unknown_field"]);
    let _ = send("application/json", "[]").await.problem(422, "validation_failed");
    let _ = send("application/json", "{").await.problem(400, "malformed_json");
    let _ = send("text/plain", "stop it").await.problem(415, "unsupported_media_type");
    app.job_in_state(job, "queued").await;
    for (kind, body) in [("application/json", " {} "), ("application/x-www-form-urlencoded", ""), ("text/plain", "\n")]
    {
        let _ = send(kind, body).await.expect(200);
    }
    assert_eq!(app.audited("job.cancelled").await.len(), 1);
    // A key is for one body: another one is refused whatever was answered before.
    let _ = send("application/json", r#"{"reason": "a mistake"}"#).await.problem(422, "validation_failed");
}

#[tokio::test]
async fn its_owner_may_not() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let job = app.job_of(ada.id).await;
    let _ = cancel(&app, &ada, job).await.problem(403, "forbidden");
    app.job_in_state(job, "queued").await;
}

/// Nothing is done that the audit log does not have.
#[tokio::test]
async fn without_its_line_in_the_audit_log_it_is_not_done() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let job = app.job_of(mia.id).await;
    for (statement, status) in [
        ("ALTER TABLE audit_log RENAME TO audit_log_gone", 500),
        ("ALTER TABLE audit_log_gone RENAME TO audit_log", 200),
    ] {
        sqlx::query(statement).execute(app.pool()).await.unwrap();
        app.job_in_state(job, "queued").await;
        let _ = cancel(&app, &mia, job).await.expect(status);
    }
    app.job_in_state(job, "cancelled").await;
}
