//! What is another's, what is an admin's, and what nobody is told.
//!
//! Every route by every kind of caller is in `tests/it/authorization/`.

use callboard_api::auth::access::RULES;
use callboard_tests::answer::Answer;
use callboard_tests::app::{App, PASSWORD, Person, Send as _};
use callboard_tests::authenticator::Authenticator;
use serde_json::{Value, json};
use uuid::Uuid;

use super::text;

async fn send(app: &App, method: &str, path: &str, by: &str, body: &Value) -> Answer {
    let request = app.request(method, path).bearer_auth(by);
    let request = if matches!(method, "GET" | "DELETE") { request } else { request.json(body) };
    request.answer().await
}

async fn make(app: &App, path: &str, by: &Person, body: &Value) -> String {
    text(&send(app, "POST", path, &by.token, body).await.expect(201).json(), "id").to_owned()
}

#[tokio::test]
async fn c21_what_belongs_to_somebody_else() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let person = json!({ "first_name": "Ada", "last_name": "Lovelace" });
    let account = json!({ "account_name": "Hangang Film" });
    let item = json!({ "title": "Studio", "price": "1000" });
    let key = json!({ "name": "Nightly", "scopes": ["items:read"] });
    let sessions = app.get("/api/v1/auth/sessions").bearer_auth(&ada.token).answer().await.json();
    for (path, id, body) in [
        ("/api/v1/profiles", make(&app, "/api/v1/profiles", &ada, &person).await, &person),
        ("/api/v1/accounts", make(&app, "/api/v1/accounts", &ada, &account).await, &account),
        ("/api/v1/api-keys", make(&app, "/api/v1/api-keys", &ada, &key).await, &key),
        ("/api/v1/auth/sessions", text(&sessions["items"][0], "id").to_owned(), &json!({})),
        ("/api/v1/users", ada.id.to_string(), &json!({ "full_name": "Eve" })),
        ("/api/v1/jobs", job_of(&app, ada.id).await, &json!({})),
    ] {
        let template = format!("{path}/{{id}}");
        let verbs: Vec<_> =
            RULES.iter().filter(|rule| rule.path == template).map(|rule| rule.method.as_str()).collect();
        assert!(!verbs.is_empty(), "{template}");
        for method in verbs {
            let theirs = send(&app, method, &format!("{path}/{id}"), &eve.token, body).await;
            let _ = theirs.problem(404, "not_found");
            // As if it were not there at all.
            let nobodys = send(&app, method, &format!("{path}/{}", Uuid::now_v7()), &eve.token, body).await;
            assert_eq!(theirs.json()["detail"], nobodys.json()["detail"], "{method} {path}");
        }
    }
    let path = format!("/api/v1/items/{}", make(&app, "/api/v1/items", &ada, &item).await);
    let _ = send(&app, "GET", &path, &eve.token, &item).await.expect(200);
    for method in ["PUT", "PATCH", "DELETE"] {
        let _ = send(&app, method, &path, &eve.token, &item).await.problem(403, "forbidden");
    }
    // All of it is still there.
    for (count, left) in [
        ("SELECT count(*) FROM profiles", 1),
        ("SELECT count(*) FROM accounts", 1),
        ("SELECT count(*) FROM items", 1),
        ("SELECT count(*) FROM api_keys", 1),
        ("SELECT count(*) FROM users", 2),
        ("SELECT count(*) FROM sessions WHERE revoked_at IS NULL", 2),
    ] {
        assert_eq!(app.count(count).await, left, "{count}");
    }
}

/// The oldest job that this user has caused.
async fn job_of(app: &App, user: Uuid) -> String {
    sqlx::query_scalar("SELECT id::text FROM queue_jobs_all WHERE owner = $1 ORDER BY id LIMIT 1")
        .bind(user.to_string())
        .fetch_one(app.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn c22_a_member_at_an_admins_door_and_a_key_outside_its_scope() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let somebody = json!({ "email": "eve@example.com", "role": "admin" });
    for (method, path) in [("GET", "/api/v1/users"), ("POST", "/api/v1/users"), ("GET", "/api/v1/audit-log")] {
        let _ = send(&app, method, path, &ada.token, &somebody).await.problem(403, "forbidden");
    }
    let root = app.person("root", "admin").await;
    let key = json!({ "name": "Reader", "scopes": ["items:read", "items:write"] });
    let key = send(&app, "POST", "/api/v1/api-keys", &root.token, &key).await.expect(201).json();
    let key = text(&key, "key");
    for (method, path) in [
        ("GET", "/api/v1/users"),
        ("POST", "/api/v1/users"),
        ("GET", "/api/v1/audit-log"),
        ("GET", "/api/v1/profiles"),
        ("POST", "/api/v1/api-keys"),
        ("DELETE", "/api/v1/users/me"),
        ("POST", "/api/v1/auth/change-password"),
    ] {
        let _ = send(&app, method, path, key, &somebody).await.problem(403, "insufficient_scope");
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 2);
}

#[tokio::test]
async fn c23_mass_assignment() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let me = async || app.get("/api/v1/users/me").bearer_auth(&ada.token).answer().await.expect(200).json();
    let before = me().await;
    let fields = [
        ("role", json!("admin")),
        ("owner_id", json!(Uuid::now_v7())),
        ("is_active", json!(true)),
        ("id", json!(Uuid::now_v7())),
        ("version", json!(99)),
        ("password_hash", json!("x")),
        ("email_verified_at", json!("2026-01-01T00:00:00Z")),
    ];
    for (name, value) in fields {
        let with = |mut body: Value| {
            body[name] = value.clone();
            body
        };
        for (method, path, body) in [
            ("PATCH", "/api/v1/users/me", json!({})),
            ("PUT", "/api/v1/users/me", json!({ "username": "ada" })),
            ("POST", "/api/v1/items", json!({ "title": "Studio", "price": "1000" })),
            ("POST", "/api/v1/profiles", json!({ "first_name": "Ada", "last_name": "Lovelace" })),
            ("POST", "/api/v1/accounts", json!({ "account_name": "Hangang Film" })),
            ("POST", "/api/v1/auth/register", json!({ "email": "eve@example.com", "password": PASSWORD })),
        ] {
            let problem = send(&app, method, path, &ada.token, &with(body)).await.problem(422, "validation_failed");
            let told = problem.errors();
            assert!(told.contains(&format!("#/{name} unknown_field")), "{method} {path}: {told:?}");
        }
    }
    assert_eq!(me().await, before);
    assert_eq!((&before["role"], &before["id"]), (&json!("member"), &json!(ada.id)));
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

/// Everything that can be read is read by an admin, and searched for every
/// secret that the database has.
#[tokio::test]
async fn c24_no_hash_or_secret_in_any_answer() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    let _ = Authenticator::set_up(&app, &root).await;
    let token = &root.token;
    let person = json!({ "first_name": "Ada", "last_name": "Lovelace" });
    let key = json!({ "name": "Nightly", "scopes": ["items:read"] });
    let ids = [
        ("/api/v1/profiles", make(&app, "/api/v1/profiles", &root, &person).await),
        ("/api/v1/accounts", make(&app, "/api/v1/accounts", &root, &json!({ "account_name": "Hangang" })).await),
        ("/api/v1/items", make(&app, "/api/v1/items", &root, &json!({ "title": "Studio", "price": "1" })).await),
        ("/api/v1/api-keys", make(&app, "/api/v1/api-keys", &root, &key).await),
        ("/api/v1/jobs", job_of(&app, root.id).await),
        ("/api/v1/users", root.id.to_string()),
    ];
    let forgot = json!({ "email": "root@example.com" });
    let _ = app.post("/api/v1/auth/forgot-password", &forgot).answer().await.expect(202);
    let secrets: Vec<String> = sqlx::query_scalar(
        "SELECT password_hash FROM users UNION ALL SELECT encode(key_hash, 'hex') FROM api_keys
         UNION ALL SELECT encode(token_hash, 'hex') FROM refresh_tokens
         UNION ALL SELECT encode(token_hash, 'hex') FROM password_reset_tokens
         UNION ALL SELECT encode(code_hash, 'hex') FROM recovery_codes
         UNION ALL SELECT encode(salt, 'hex') FROM totp_credentials",
    )
    .fetch_all(app.pool())
    .await
    .unwrap();
    assert!(secrets.len() >= 15, "{}", secrets.len());
    let mut read = 0;
    for rule in RULES.iter().filter(|rule| rule.method == "GET") {
        let id = ids.iter().find(|(path, _)| rule.path.strip_prefix(path).is_some_and(|rest| rest == "/{id}"));
        let path = rule.path.replace("{id}", id.map_or("", |(_, id)| id)).replace("{name}", "Ada");
        let answer = app.get(&path).bearer_auth(token).answer().await;
        read += usize::from(answer.status == 200 && rule.path.starts_with("/api/"));
        let said = String::from_utf8_lossy(&answer.body);
        for secret in secrets.iter().map(String::as_str).chain(["$argon2", PASSWORD]) {
            // The description has an example of a password.
            let is_example = secret == PASSWORD && rule.path == "/openapi.json";
            assert!(is_example || !said.contains(secret), "{secret} at {path}");
        }
        if rule.path.starts_with("/api/") && answer.header("content-type") == "application/json" {
            assert!(
                !said.contains("hash\"") && !said.contains("secret\"") && !said.contains("salt\""),
                "{path}: {said}"
            );
        }
    }
    assert!(read >= 18, "{read}");
}
