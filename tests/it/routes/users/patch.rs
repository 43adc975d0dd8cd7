use callboard_shared::domain::Scope;
use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::wait::{SOON, wait_for};
use serde_json::json;

use super::{audited, call, key_of, path, send};

/// Checklist 8. Sessions end for good; keys wait for the user to come back.
#[tokio::test]
async fn who_is_disabled_is_out_at_once() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    let tokens = app.login_tokens("ada").await;
    let key = key_of(&app, &ada, &[Scope::UsersRead]).await;
    for by in [&ada, &key] {
        let _ = call(&app, "GET", "/api/v1/users/me", by).await.expect(200);
    }
    let changed = send(&app, "PATCH", &path(ada.id), &root, &json!({ "is_active": false })).await.expect(200);
    assert_eq!(changed.json()["is_active"], false);

    for by in [&ada, &key] {
        let _ = call(&app, "GET", "/api/v1/users/me", by).await.problem(401, "invalid_token");
    }
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let _ = app.post("/api/v1/auth/refresh", &refresh).answer().await.problem(401, "refresh_token_invalid");
    let login = json!({ "login": "ada", "password": PASSWORD });
    let _ = app.post("/api/v1/auth/login", &login).answer().await.problem(401, "invalid_credentials");

    let _ = send(&app, "PATCH", &path(ada.id), &root, &json!({ "is_active": true })).await.expect(200);
    let _ = call(&app, "GET", "/api/v1/users/me", &ada).await.problem(401, "invalid_token");
    // That the key was no good is remembered for a moment.
    let works = || async { (call(&app, "GET", "/api/v1/users/me", &key).await.status == 200).then_some(()) };
    wait_for(SOON, "the key works again", works).await;
    app.login("ada").await;
    let by = format!("user:{}", root.id);
    assert_eq!(audited(&app, ada.id).await, [format!("{by} user.disabled {{}}"), format!("{by} user.enabled {{}}")]);
}

#[tokio::test]
async fn a_role_that_is_taken_away_is_gone_at_once() {
    let app = App::start().await;
    let (boss, root) = (app.person("boss", "admin").await, app.person("root", "admin").await);
    let _ = call(&app, "GET", "/api/v1/users", &boss).await.expect(200);
    let _ = send(&app, "PATCH", &path(boss.id), &root, &json!({ "role": "member" })).await.expect(200);
    let _ = call(&app, "GET", "/api/v1/users", &boss).await.problem(403, "forbidden");
    let _ = call(&app, "GET", &path(root.id), &boss).await.problem(404, "not_found");
}

#[tokio::test]
async fn of_two_changes_of_one_version_one_wins() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    let etag = call(&app, "GET", &path(ada.id), &root).await.header("etag").to_owned();
    let patch = async |name: &str| {
        let request = app.request("PATCH", &path(ada.id)).bearer_auth(&root.token).header("if-match", &etag);
        request.json(&json!({ "full_name": name })).answer().await.status
    };
    let mut statuses = [tokio::join!(patch("Ada"), patch("Eve"))].map(|(one, other)| [one, other])[0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
}

#[tokio::test]
async fn values_at_fault_are_named() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    for (body, errors) in [
        (json!({ "role": "king" }), ["#/role unknown_value"]),
        (json!({ "is_active": "no" }), ["#/is_active wrong_type"]),
        (json!({ "phone": "015-1234-5678" }), ["#/phone invalid_mobile_number"]),
        (json!({ "rolle": "admin" }), ["#/rolle unknown_field"]),
    ] {
        let answer = send(&app, "PATCH", &path(ada.id), &root, &body).await;
        assert_eq!(answer.problem(422, "validation_failed").errors(), errors);
    }
}
