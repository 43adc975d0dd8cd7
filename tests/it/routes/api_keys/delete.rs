use callboard_tests::app::{App, Send as _};

use super::{PATH, key_of, make};

#[tokio::test]
async fn a_deleted_key_ends_at_once() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = make(&app, &ada, &["users:read"]).await;
    let me = async || app.get("/api/v1/users/me/permissions").bearer_auth(key_of(&made)).answer().await;
    let _ = me().await.expect(200);
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    let _ = app.request("DELETE", &path).bearer_auth(&ada.token).answer().await.expect(204);
    let answer = me().await;
    let _ = answer.problem(401, "invalid_token");
    assert_eq!(answer.header("www-authenticate"), r#"Bearer error="invalid_token""#);
    let _ = app.request("DELETE", &path).bearer_auth(&ada.token).answer().await.problem(404, "not_found");
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'api_key.deleted'").await, 1);
}
