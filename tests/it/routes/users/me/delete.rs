use callboard_shared::domain::Scope;
use callboard_tests::app::{App, PASSWORD, Send as _};
use serde_json::json;

use super::super::{audited, call, key_of, send};
use super::PATH;

#[tokio::test]
async fn one_goes_with_all_sessions_tokens_and_keys() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let tokens = app.login_tokens("ada").await;
    let key = key_of(&app, &ada, &[Scope::UsersRead]).await;
    let _ = call(&app, "GET", PATH, &key).await.expect(200);
    assert!(call(&app, "DELETE", PATH, &ada).await.expect(204).body.is_empty());

    let other = tokens["access_token"].as_str().unwrap().to_owned();
    for token in [&ada.token, &other, &key.token] {
        let _ = app.get(PATH).bearer_auth(token).answer().await.problem(401, "invalid_token");
    }
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let _ = app.post("/api/v1/auth/refresh", &refresh).answer().await.problem(401, "refresh_token_invalid");
    let login = json!({ "login": "ada", "password": PASSWORD });
    let _ = app.post("/api/v1/auth/login", &login).answer().await.problem(401, "invalid_credentials");
    for table in ["SELECT count(*) FROM users", "SELECT count(*) FROM sessions", "SELECT count(*) FROM api_keys"] {
        assert_eq!(app.count(table).await, 0, "{table}");
    }
    assert_eq!(audited(&app, ada.id).await, [format!("user:{} user.deleted {{\"role\": \"member\"}}", ada.id)]);
    // The name and the address are free again.
    app.register("ada@example.com").await;
}

#[tokio::test]
async fn who_owns_something_stays_and_is_told_what() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for title in ["Studio", "Half a studio"] {
        let item = json!({ "title": title, "price": "1000" });
        let _ = send(&app, "POST", "/api/v1/items", &ada, &item).await.expect(201);
    }
    let problem = call(&app, "DELETE", PATH, &ada).await.problem(409, "in_use");
    assert_eq!(problem.0["references"], json!([{ "resource": "items", "field": "owner_id", "count": 2 }]));
    assert!(problem.0["detail"].as_str().unwrap().contains("items (2)"), "{}", problem.0);
    let _ = call(&app, "GET", PATH, &ada).await.expect(200);
    assert!(audited(&app, ada.id).await.is_empty());
}

#[tokio::test]
async fn the_named_version_is_minded() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let delete = |tag: &str| app.request("DELETE", PATH).bearer_auth(&ada.token).header("if-match", tag).answer();
    let _ = delete("\"v99\"").await.problem(412, "precondition_failed");
    let _ = delete("*").await.expect(204);
}
