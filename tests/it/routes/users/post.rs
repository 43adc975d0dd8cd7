use callboard_shared::domain::{MailKey, TokenPurpose};
use callboard_tests::{
    app::{App, PASSWORD, Send as _},
    settings::SECRET,
};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{PATH, audited, call, path, send};

async fn kinds(app: &App) -> Vec<String> {
    sqlx::query_scalar("SELECT kind FROM queue_jobs_all ORDER BY id").fetch_all(app.pool()).await.unwrap()
}

fn id(user: &Value) -> Uuid {
    user["id"].as_str().unwrap().parse().unwrap()
}

/// The invited person follows the link, chooses a password, and is in.
#[tokio::test]
async fn without_a_password_they_are_invited() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    let before = kinds(&app).await.len();
    let body = json!({ "email": "Ada@example.com", "full_name": "Ada", "phone": "01012345678", "role": "manager" });
    let answer = send(&app, "POST", PATH, &root, &body).await.expect(201);
    let user = answer.json();
    assert_eq!((&user["role"], &user["phone"]), (&json!("manager"), &json!("010-1234-5678")));
    assert_eq!((&user["is_active"], &user["email_verified_at"]), (&json!(true), &Value::Null));
    assert_eq!(answer.header("location"), path(id(&user)));
    assert_eq!(answer.header("etag"), "\"v1\"");
    assert_eq!(call(&app, "GET", answer.header("location"), &root).await.expect(200).json(), user);
    assert_eq!(kinds(&app).await[before..], ["email.invitation"]);
    let details = r#"{"role": "manager", "invited": true}"#;
    assert_eq!(audited(&app, id(&user)).await, [format!("user:{} user.created {details}", root.id)]);

    let (token_id, days): (Uuid, f64) = sqlx::query_as(
        "SELECT id, (extract(epoch FROM expires_at - created_at) / 86400)::float8 FROM password_reset_tokens
         WHERE user_id = $1",
    )
    .bind(id(&user))
    .fetch_one(app.pool())
    .await
    .unwrap();
    assert!((days - 7.0).abs() < 0.01, "{days}");
    let login = json!({ "login": "ada", "password": PASSWORD });
    let _ = app.post("/api/v1/auth/login", &login).answer().await.problem(401, "invalid_credentials");
    let token = MailKey::derive(SECRET.as_bytes(), TokenPurpose::ResetPassword).token(token_id).expose();
    let reset = json!({ "token": token, "password": PASSWORD });
    let _ = app.post("/api/v1/auth/reset-password", &reset).answer().await.expect(200);
    let me = app.get("/api/v1/users/me").bearer_auth(app.login("ada").await).answer().await.expect(200).json();
    assert!(me["email_verified_at"].is_string(), "{me}");
}

#[tokio::test]
async fn with_a_password_they_verify_their_address() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    let before = kinds(&app).await.len();
    let body = json!({ "email": "ada@example.com", "password": PASSWORD, "username": "Countess" });
    let user = send(&app, "POST", PATH, &root, &body).await.expect(201).json();
    assert_eq!((&user["username"], &user["role"]), (&json!("countess"), &json!("member")));
    assert_eq!(kinds(&app).await[before..], ["email.verify_address"]);
    let verify = json!({ "token": app.verification_token(id(&user)).await });
    let token = app.login("countess").await;
    let item = json!({ "title": "Studio", "price": "1000" });
    let post = || app.post("/api/v1/items", &item).bearer_auth(&token).answer();
    let _ = post().await.problem(403, "email_unverified");
    let _ = app.post("/api/v1/auth/verify-email", &verify).answer().await.expect(200);
    // At once, though who they are was looked up a moment ago.
    let _ = post().await.expect(201);
}

#[tokio::test]
async fn values_at_fault_are_named() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    for (body, errors) in [
        (json!({}), vec!["#/email required"]),
        (
            json!({ "email": "ada", "role": "king", "phone": "1" }),
            vec!["#/email invalid_email", "#/phone invalid_mobile_number", "#/role unknown_value"],
        ),
        (json!({ "email": "ada@example.com", "password": "password123" }), vec!["#/password too_weak"]),
        (json!({ "email": "ada@example.com", "password": "short" }), vec!["#/password too_short"]),
        (json!({ "email": "ada@example.com", "is_active": true }), vec!["#/is_active unknown_field"]),
        (json!({ "email": "ada@example.com", "id": root.id }), vec!["#/id unknown_field"]),
    ] {
        let answer = send(&app, "POST", PATH, &root, &body).await;
        assert_eq!(answer.problem(422, "validation_failed").errors(), errors, "{body}");
    }
    for (body, code) in [
        (json!({ "email": "ROOT@example.com" }), "email_taken"),
        (json!({ "email": "ada@example.com", "username": "Root" }), "username_taken"),
    ] {
        let _ = send(&app, "POST", PATH, &root, &body).await.problem(409, code);
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

/// Checklist 22.
#[tokio::test]
async fn only_admins_may() {
    let app = App::start().await;
    let body = json!({ "email": "eve@example.com", "role": "admin" });
    for role in ["member", "manager"] {
        let _ = send(&app, "POST", PATH, &app.person(role, role).await, &body).await.problem(403, "forbidden");
    }
    let _ = app.post(PATH, &body).answer().await.problem(401, "unauthenticated");
    assert_eq!(app.count("SELECT count(*) FROM users").await, 2);
}

#[tokio::test]
async fn under_a_key_it_is_done_once() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    let body = json!({ "email": "ada@example.com" });
    let post = || app.post(PATH, &body).bearer_auth(&root.token).header("idempotency-key", "k-1").answer();
    let (first, replay) = (post().await.expect(201), post().await.expect(201));
    assert_eq!((replay.header("idempotent-replayed"), &replay.body), ("true", &first.body));
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs_all WHERE kind = 'email.invitation'").await, 1);
}
