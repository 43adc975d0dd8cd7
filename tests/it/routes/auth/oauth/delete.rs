use callboard_tests::app::Send as _;
use callboard_tests::provider::Provider;

use super::{app_with, log_in};

const PATH: &str = "/api/v1/auth/oauth/google";

#[tokio::test]
async fn gives_up_a_provider() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let ada = app.person("ada", "member").await;
    let _ = app.request("DELETE", PATH).bearer_auth(&ada.token).answer().await.problem(404, "not_found");
    let _ = log_in(&app, "google").await.expect(200);
    let _ = app.request("DELETE", PATH).bearer_auth(&ada.token).answer().await.expect(204);
    assert_eq!(app.count("SELECT count(*) FROM user_identities").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'identity.unlinked'").await, 1);
}

#[tokio::test]
async fn keeps_the_only_way_to_log_in() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let tokens = log_in(&app, "google").await.expect(200).json();
    let delete = async |path: &str| {
        let token = tokens["access_token"].as_str().unwrap();
        app.request("DELETE", path).bearer_auth(token).answer().await
    };
    let _ = delete(PATH).await.problem(409, "last_login_method");
    let _ = log_in(&app, "github").await.expect(200);
    let (one, two) = tokio::join!(delete(PATH), delete("/api/v1/auth/oauth/github"));
    let mut statuses = [one.status, two.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 409], "one of the two stays");
    assert_eq!(app.count("SELECT count(*) FROM user_identities").await, 1);
}

#[tokio::test]
async fn needs_a_session() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let _ = app.request("DELETE", PATH).answer().await.problem(401, "unauthenticated");
}
