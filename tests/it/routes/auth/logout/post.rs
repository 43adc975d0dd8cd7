use callboard_tests::app::{App, Send as _};
use serde_json::json;

const PATH: &str = "/api/v1/auth/logout";

/// Checklist 5.
#[tokio::test]
async fn ends_this_session_and_no_other() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let (here, there) = (app.login_tokens("ada").await, app.login_tokens("ada").await);
    let token = here["access_token"].as_str().unwrap();
    let me = async |token: &str| app.get("/api/v1/auth/me").bearer_auth(token).answer().await;
    // It is remembered now, and must be forgotten at once all the same.
    let _ = me(token).await.expect(200);
    let answer = app.request("POST", PATH).bearer_auth(token).answer().await.expect(204);
    assert!(answer.body.is_empty());
    let _ = me(token).await.problem(401, "invalid_token");
    let _ = app.request("POST", PATH).bearer_auth(token).answer().await.problem(401, "invalid_token");
    let body = json!({ "refresh_token": here["refresh_token"] });
    let _ = app.post("/api/v1/auth/refresh", &body).answer().await.problem(401, "refresh_token_invalid");
    let _ = me(there["access_token"].as_str().unwrap()).await.expect(200);
    let audited =
        "SELECT count(*) FROM audit_log WHERE action = 'session.revoked' AND details ->> 'because' = 'logout'";
    assert_eq!(app.count(audited).await, 1);
}

#[tokio::test]
async fn needs_somebody_who_is_logged_in() {
    let app = App::start().await;
    let _ = app.request("POST", PATH).answer().await.problem(401, "unauthenticated");
}
