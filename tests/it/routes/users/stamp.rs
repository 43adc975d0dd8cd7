//! What moves a user's version and `ETag`. The columns of names and addresses
//! compare without regard to case; the version may not.

use callboard_tests::app::{App, PASSWORD, Send as _};
use serde_json::json;

use super::{call, path, send};

#[tokio::test]
async fn an_address_in_another_case_is_another_version() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    let before = call(&app, "GET", &path(ada.id), &root).await.expect(200);
    // By SQL: whoever confirms an address is also given the time of it.
    let write_and_get = async |email: &str| {
        let update = sqlx::query("UPDATE users SET email = $2::text::citext WHERE id = $1").bind(ada.id).bind(email);
        assert_eq!(update.execute(app.pool()).await.unwrap().rows_affected(), 1);
        let request = app.get(&path(ada.id)).bearer_auth(&root.token);
        request.header("if-none-match", before.header("etag")).answer().await
    };
    let _ = write_and_get("ada@example.com").await.expect(304);
    let (old, new) = (before.json(), write_and_get("Ada@example.com").await.expect(200).json());
    assert_eq!(new["email"], "Ada@example.com");
    assert_eq!(new["version"].as_i64(), old["version"].as_i64().map(|version| version + 1));
    assert_ne!(new["updated_at"], old["updated_at"]);
    let stale = app.request("PATCH", &path(ada.id)).bearer_auth(&root.token).header("if-match", before.header("etag"));
    let _ = stale.json(&json!({ "full_name": "Ada" })).answer().await.problem(412, "precondition_failed");
}

/// One's own address is not taken, in whatever case it is written.
#[tokio::test]
async fn an_address_is_changed_to_itself_in_another_case() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let before = call(&app, "GET", &path(ada.id), &ada).await.expect(200);
    let change = json!({ "current_password": PASSWORD, "new_email": "Ada@example.com" });
    let _ = send(&app, "POST", "/api/v1/auth/change-email", &ada, &change).await.expect(202);
    let confirm = json!({ "token": app.email_change_token(ada.id).await });
    let _ = app.post("/api/v1/auth/confirm-email", &confirm).answer().await.expect(200);
    let after = call(&app, "GET", &path(ada.id), &ada).await.expect(200);
    assert_eq!(after.json()["email"], "Ada@example.com");
    assert_ne!(after.header("etag"), before.header("etag"));
    app.login("ada@EXAMPLE.com").await;
}

/// Usernames are kept in small letters: another case is the same name.
#[tokio::test]
async fn a_username_in_another_case_changes_nothing() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let before = call(&app, "GET", &path(ada.id), &ada).await.expect(200);
    for (username, moves) in [("ADA", false), ("Ada.L", true)] {
        let after = send(&app, "PATCH", &path(ada.id), &ada, &json!({ "username": username })).await.expect(200);
        assert_eq!(after.json()["username"], username.to_lowercase());
        assert_eq!(after.header("etag") != before.header("etag"), moves, "{username}");
    }
    let capital = sqlx::query("UPDATE users SET username = 'ADA' WHERE id = $1").bind(ada.id);
    let refusal = capital.execute(app.pool()).await.unwrap_err().into_database_error().unwrap();
    assert_eq!(refusal.constraint(), Some("users_username_fits"), "nor by another path");
}
