use callboard_tests::app::{App, Person, Send as _};
use serde_json::{Value, json};

async fn post(app: &App, by: &Person, path: &str) -> Value {
    app.request("POST", &format!("/api/v1/queues/{path}")).bearer_auth(&by.token).answer().await.expect(200).json()
}

/// What changes nothing leaves no line in the audit log.
#[tokio::test]
async fn a_queue_is_paused_and_resumed_by_somebody() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let who = format!("user:{}", mia.id);
    let paused = post(&app, &mia, "mail/pause").await;
    assert_eq!((&paused["name"], &paused["paused_by"]), (&json!("mail"), &json!(who)));
    assert!(paused["paused_at"].is_string(), "{paused}");
    assert_eq!(post(&app, &mia, "mail/pause").await["paused_at"], paused["paused_at"]);
    for _ in 0..2 {
        let resumed = post(&app, &mia, "mail/resume").await;
        assert_eq!((&resumed["paused_at"], &resumed["paused_by"]), (&json!(null), &json!(null)));
    }
    for action in ["queue.paused", "queue.resumed"] {
        assert_eq!(app.audited(action).await, [(who.clone(), None, json!({ "queue": "mail" }))], "{action}");
    }
}

#[tokio::test]
async fn what_can_be_no_queue_can_not_be_paused() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    for path in ["Mail/pause", "Mail/resume", "%00/pause"] {
        let path = format!("/api/v1/queues/{path}");
        let _ = app.request("POST", &path).bearer_auth(&mia.token).answer().await.problem(404, "not_found");
    }
    assert!(app.audited("queue.paused").await.is_empty());
}

#[tokio::test]
async fn members_and_keys_without_the_scope_may_not() {
    let app = App::start().await;
    let (ada, mia) = (app.person("ada", "member").await, app.person("mia", "manager").await);
    let path = "/api/v1/queues/mail/pause";
    let _ = app.request("POST", path).bearer_auth(&ada.token).answer().await.problem(403, "forbidden");
    let body = json!({ "name": "A dashboard", "scopes": ["jobs:read"] });
    let made = app.post("/api/v1/api-keys", &body).bearer_auth(&mia.token).answer().await.expect(201).json();
    let key = made["key"].as_str().unwrap();
    let _ = app.get("/api/v1/queues").bearer_auth(key).answer().await.expect(200);
    let _ = app.request("POST", path).bearer_auth(key).answer().await.problem(403, "insufficient_scope");
}
