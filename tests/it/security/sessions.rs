//! Sessions: stolen, parallel, ended.

use callboard_tests::answer::Answer;
use callboard_tests::app::{App, PASSWORD, Send as _};
use serde_json::{Value, json};

use super::{NEW_PASSWORD, login, me, text};

const SESSIONS: &str = "/api/v1/auth/sessions";

async fn refresh(app: &App, tokens: &Value) -> Answer {
    app.post("/api/v1/auth/refresh", &json!({ "refresh_token": tokens["refresh_token"] })).answer().await
}

/// A thief uses a token that its owner has gone on from.
#[tokio::test]
async fn c06_a_refresh_token_replayed_after_the_grace() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let stolen = app.login_tokens("ada").await;
    let newest = refresh(&app, &stolen).await.expect(200).json();
    sqlx::query("UPDATE refresh_tokens SET used_at = used_at - interval '11 seconds'")
        .execute(app.pool())
        .await
        .unwrap();
    let _ = refresh(&app, &stolen).await.problem(401, "refresh_token_invalid");
    let _ = refresh(&app, &newest).await.problem(401, "refresh_token_invalid");
    for tokens in [&stolen, &newest] {
        let _ = me(&app, text(tokens, "access_token")).await.problem(401, "invalid_token");
    }
}

/// Two tabs, at two processes.
#[tokio::test]
async fn c07_two_parallel_refreshes_of_one_token() {
    let app = App::start().await;
    let beside = app.start_beside(&[]).await;
    let user = app.register("ada@example.com").await;
    let first = app.login_tokens("ada").await;
    let (one, other) = tokio::join!(refresh(&app, &first), refresh(&beside, &first));
    let (one, other) = (one.expect(200).json(), other.expect(200).json());
    assert_eq!(one["refresh_token"], other["refresh_token"]);
    // Both go on, and on again.
    let (again, too) = tokio::join!(refresh(&app, &one), refresh(&beside, &other));
    for tokens in [&one, &other, &again.expect(200).json(), &too.expect(200).json()] {
        let _ = me(&app, text(tokens, "access_token")).await.expect(200);
    }
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_at IS NULL").await, 1);
    assert_eq!(app.notices(user, "refresh_token_reused").await, 0);
}

#[tokio::test]
async fn c09_other_sessions_after_a_password_change() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let thief = app.login_tokens("ada").await;
    let _ = me(&app, text(&thief, "access_token")).await.expect(200);
    let body = json!({ "current_password": PASSWORD, "new_password": NEW_PASSWORD });
    let _ = app.post("/api/v1/auth/change-password", &body).bearer_auth(&ada.token).answer().await.expect(204);
    let _ = me(&app, text(&thief, "access_token")).await.problem(401, "invalid_token");
    let _ = refresh(&app, &thief).await.problem(401, "refresh_token_invalid");
    let _ = me(&app, &ada.token).await.expect(200);
    let _ = login(&app, "ada", PASSWORD).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn c10_sessions_are_listed_and_revoked_by_their_owner_alone() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "admin").await);
    let others = [app.login_tokens("ada").await, app.login_tokens("ada").await];
    let list = async || app.get(SESSIONS).bearer_auth(&ada.token).answer().await.expect(200).json();
    let listed = list().await;
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    for item in items {
        let path = format!("{SESSIONS}/{}", text(item, "id"));
        let _ = app.request("DELETE", &path).bearer_auth(&eve.token).answer().await.problem(404, "not_found");
    }
    let another = items.iter().find(|item| item["is_current"] == false).unwrap();
    let path = format!("{SESSIONS}/{}", text(another, "id"));
    let _ = app.request("DELETE", &path).bearer_auth(&ada.token).answer().await.expect(204);
    let mut alive = 0;
    for tokens in &others {
        alive += u8::from(me(&app, text(tokens, "access_token")).await.status == 200);
    }
    assert_eq!(alive, 1);
    let _ = app.request("DELETE", SESSIONS).bearer_auth(&ada.token).answer().await.expect(204);
    for tokens in &others {
        let _ = me(&app, text(tokens, "access_token")).await.problem(401, "invalid_token");
        let _ = refresh(&app, tokens).await.problem(401, "refresh_token_invalid");
    }
    assert_eq!(list().await["items"].as_array().unwrap().len(), 1);
    let _ = me(&app, &eve.token).await.expect(200);
}

/// Somebody has the access token, and not the password.
#[tokio::test]
async fn c11_a_stolen_session_changes_no_password_and_no_address() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for (path, name, value) in [
        ("/api/v1/auth/change-password", "new_password", NEW_PASSWORD),
        ("/api/v1/auth/change-email", "new_email", "eve@example.com"),
    ] {
        for current in
            [None, Some(json!(null)), Some(json!("")), Some(json!("not the right password")), Some(json!([PASSWORD]))]
        {
            let mut body = json!({ name: value });
            if let Some(current) = &current {
                body["current_password"] = current.clone();
            }
            let answer = app.post(path, &body).bearer_auth(&ada.token).answer().await;
            let _ = answer.problem(422, "validation_failed");
        }
    }
    let me = app.request("PATCH", "/api/v1/users/me").bearer_auth(&ada.token);
    for body in [json!({ "email": "eve@example.com" }), json!({ "password": NEW_PASSWORD })] {
        let answer = me.try_clone().unwrap().json(&body).answer().await;
        let _ = answer.problem(422, "validation_failed");
    }
    assert_eq!(app.count("SELECT count(*) FROM email_change_tokens").await, 0);
    let email: String = sqlx::query_scalar("SELECT email::text FROM users WHERE id = $1")
        .bind(ada.id)
        .fetch_one(app.pool())
        .await
        .unwrap();
    assert_eq!(email, "ada@example.com");
    let _ = login(&app, "ada", PASSWORD).await.expect(200);
}
