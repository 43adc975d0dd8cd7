//! What a key can do.

use callboard_tests::app::{App, Send as _};
use chrono::{DateTime, Timelike as _, Utc};
use serde_json::{Value, json};

use super::{PATH, key_of, make};

const ITEMS: &str = "/api/v1/items";

fn item() -> Value {
    json!({ "title": "Half-day studio rental", "price": "250000" })
}

#[tokio::test]
async fn a_key_acts_for_its_user_within_its_scopes() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let writer = make(&app, &ada, &["items:write"]).await;
    let made = app.post(ITEMS, &item()).bearer_auth(key_of(&writer)).answer().await.expect(201).json();
    assert_eq!(made["owner_id"], json!(ada.id));
    let actor: String = sqlx::query_scalar("SELECT actor FROM audit_log WHERE action = 'item.created'")
        .fetch_one(app.pool())
        .await
        .unwrap();
    assert_eq!(actor, format!("key:{}", writer["id"].as_str().unwrap()));

    let reader = make(&app, &ada, &["items:read"]).await;
    let answer = app.post(ITEMS, &item()).bearer_auth(key_of(&reader)).answer().await;
    let problem = answer.problem(403, "insufficient_scope");
    assert!(problem.0["detail"].as_str().unwrap().contains("items:write"));
    assert_eq!(answer.header("www-authenticate"), r#"Bearer error="insufficient_scope", scope="items:write""#);
}

/// Checklist 22.
#[tokio::test]
async fn a_scope_gives_no_role() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = make(&app, &ada, &["audit:read", "users:read", "users:write"]).await;
    for path in ["/api/v1/audit-log", "/api/v1/users"] {
        let _ = app.get(path).bearer_auth(key_of(&made)).answer().await.problem(403, "forbidden");
    }
}

#[tokio::test]
async fn a_key_manages_no_identities() {
    let app = App::start().await;
    let ada = app.person("ada", "admin").await;
    let all = ["accounts:read", "audit:read", "items:read", "items:write", "jobs:read", "users:read", "users:write"];
    let made = make(&app, &ada, &all).await;
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    for (method, path) in [
        ("GET", PATH),
        ("POST", PATH),
        ("GET", &path),
        ("DELETE", &path),
        ("GET", "/api/v1/auth/me"),
        ("GET", "/api/v1/auth/sessions"),
        ("POST", "/api/v1/auth/change-password"),
        ("POST", "/api/v1/auth/totp"),
        ("DELETE", "/api/v1/auth/oauth/google"),
    ] {
        let request = app.request(method, path).bearer_auth(key_of(&made)).json(&json!({}));
        let answer = request.answer().await;
        assert_eq!((answer.status, answer.any_problem().code()), (403, "insufficient_scope"), "{method} {path}");
    }
}

#[tokio::test]
async fn what_is_no_key_is_refused() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = make(&app, &ada, &["items:write"]).await;
    let key = key_of(&made);
    let mistyped = key.replace(&key[10..12], if &key[10..12] == "AA" { "BB" } else { "AA" });
    let unknown = callboard_shared::domain::ApiKey::generate().expose();
    for wrong in ["cb_", "cb_x", &key[..50], &mistyped, &unknown, &key.to_uppercase(), &"cb_".repeat(2_000)] {
        let _ = app.post(ITEMS, &item()).bearer_auth(wrong).answer().await.problem(401, "invalid_token");
    }
    let _ = app.post(ITEMS, &item()).bearer_auth(key).answer().await.expect(201);
}

/// Each statement ends the key of the person of its own name.
#[tokio::test]
async fn a_key_ends_with_its_time_and_with_its_user() {
    let app = App::start().await;
    for (name, statement) in [
        (
            "ada",
            "UPDATE api_keys SET expires_at = clock_timestamp() FROM users AS u WHERE u.id = user_id AND username = 'ada'",
        ),
        ("eve", "UPDATE users SET is_active = false WHERE username = 'eve'"),
        ("bob", "DELETE FROM users WHERE username = 'bob'"),
    ] {
        let person = app.person(name, "member").await;
        let made = make(&app, &person, &["items:write"]).await;
        // Not used before, so nothing of it is remembered.
        sqlx::query(statement).execute(app.pool()).await.unwrap();
        let answer = app.post(ITEMS, &item()).bearer_auth(key_of(&made)).answer().await;
        assert_eq!(answer.any_problem().code(), "invalid_token", "{name}");
    }
}

#[tokio::test]
async fn its_last_use_is_noted_to_the_minute() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = make(&app, &ada, &["items:write"]).await;
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    let last_used = async || {
        let shown = app.get(&path).bearer_auth(&ada.token).answer().await.expect(200).json();
        shown["last_used_at"].as_str().map(|at| at.parse::<DateTime<Utc>>().unwrap())
    };
    assert_eq!(last_used().await, None);
    let _ = app.post(ITEMS, &item()).bearer_auth(key_of(&made)).answer().await.expect(201);
    let noted = last_used().await.unwrap();
    assert_eq!((noted.second(), noted.nanosecond()), (0, 0));
    assert!((Utc::now() - noted).num_minutes() < 2, "{noted}");
}
