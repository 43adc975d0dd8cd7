use callboard_tests::answer::Answer;
use callboard_tests::app::{App, Person, Send as _};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/schedules/nightly";

async fn patch(app: &App, by: &Person, path: &str, body: &Value) -> Answer {
    app.request("PATCH", path).bearer_auth(&by.token).json(body).answer().await
}

/// What changes nothing leaves no line in the audit log.
#[tokio::test]
async fn it_is_disabled_and_enabled() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    app.declare_schedule("nightly").await;
    for (body, enabled) in [
        (json!({}), true),
        (json!({ "enabled": true }), true),
        (json!({ "enabled": false }), false),
        (json!({ "enabled": false }), false),
        (json!({ "enabled": true }), true),
    ] {
        let shown = patch(&app, &mia, PATH, &body).await.expect(200).json();
        assert_eq!((&shown["name"], &shown["enabled"]), (&json!("nightly"), &json!(enabled)), "{body}");
        let is: bool = sqlx::query_scalar("SELECT enabled FROM queue_schedules").fetch_one(app.pool()).await.unwrap();
        assert_eq!(is, enabled, "{body}");
    }
    let line = |enabled| (format!("user:{}", mia.id), None, json!({ "schedule": "nightly", "enabled": enabled }));
    assert_eq!(app.audited("schedule.changed").await, [line(false), line(true)]);
}

/// Its version is what it is, not when it ticked last.
#[tokio::test]
async fn a_change_of_a_version_that_is_over_is_refused() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    app.declare_schedule("nightly").await;
    let shown = async || app.get(PATH).bearer_auth(&mia.token).answer().await.expect(200);
    let disable = async |tag: &str| {
        let request = app.request("PATCH", PATH).bearer_auth(&mia.token).header("if-match", tag);
        request.json(&json!({ "enabled": false })).answer().await
    };
    let before = shown().await;
    let first = before.header("etag");
    assert!(first.starts_with("\"v") && before.header("cache-control") == "no-store", "{first}");
    sqlx::query("UPDATE queue_schedules SET next_at = clock_timestamp()").execute(app.pool()).await.unwrap();
    assert_eq!(shown().await.header("etag"), first);
    let _ = disable("\"v0\"").await.problem(412, "precondition_failed");

    let disabled = disable(first).await.expect(200);
    assert_eq!(disabled.json()["enabled"], false);
    assert_ne!(disabled.header("etag"), first);
    let _ = disable(first).await.problem(412, "precondition_failed");
    assert_eq!(disable(disabled.header("etag")).await.expect(200).header("etag"), disabled.header("etag"));
    sqlx::query("UPDATE queue_schedules SET cron = '0 1 * * *'").execute(app.pool()).await.unwrap();
    let _ = disable(disabled.header("etag")).await.problem(412, "precondition_failed");
    let _ = disable("*").await.expect(200);
    let _ = disable("v1").await.problem(400, "malformed_request");
    assert_eq!(app.audited("schedule.changed").await.len(), 1);
}

#[tokio::test]
async fn nothing_else_can_be_changed() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    app.declare_schedule("nightly").await;
    for (body, error) in [
        (json!({ "enabled": "no" }), "#/enabled wrong_type"),
        (json!({ "enabled": null }), "#/enabled required"),
        (json!({ "cron": "* * * * *" }), "#/cron unknown_field"),
        (json!({ "name": null }), "#/name unknown_field"),
    ] {
        let problem = patch(&app, &mia, PATH, &body).await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error], "{body}");
    }
    for name in ["weekly", "%00"] {
        let path = format!("/api/v1/schedules/{name}");
        let _ = patch(&app, &mia, &path, &json!({ "enabled": false })).await.problem(404, "not_found");
    }
    assert!(app.audited("schedule.changed").await.is_empty());
}

#[tokio::test]
async fn of_many_at_once_for_one_version_one_is_done() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    app.declare_schedule("nightly").await;
    let shown = app.get(PATH).bearer_auth(&mia.token).answer().await.expect(200);
    let disable = || {
        let request = app.request("PATCH", PATH).bearer_auth(&mia.token).header("if-match", shown.header("etag"));
        request.json(&json!({ "enabled": false })).answer()
    };
    let answers = futures::future::join_all((0..8).map(|_| disable())).await;
    let (done, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status == 200);
    assert_eq!(done.len(), 1);
    for answer in refused {
        let _ = answer.problem(412, "precondition_failed");
    }
    assert_eq!(app.audited("schedule.changed").await.len(), 1);
}
