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
