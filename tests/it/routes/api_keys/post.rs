use callboard_tests::app::{App, Send as _};
use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};

use super::{PATH, key_of, make};

#[tokio::test]
async fn makes_a_key_and_shows_it_once() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let ends = (Utc::now() + TimeDelta::days(30)).to_rfc3339();
    let body = json!({ "name": " Nightly import ", "scopes": ["items:write", "items:read"], "expires_at": ends });
    let answer = app.post(PATH, &body).bearer_auth(&ada.token).answer().await.expect(201);
    let made = answer.json();
    assert_eq!(answer.header("location"), format!("{PATH}/{}", made["id"].as_str().unwrap()));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(
        (&made["name"], &made["scopes"], &made["last_used_at"]),
        (&json!("Nightly import"), &json!(["items:read", "items:write"]), &Value::Null)
    );
    let key = key_of(&made);
    assert!(key.starts_with("cb_") && key.len() == 51, "{key}");
    assert!(key.starts_with(made["prefix"].as_str().unwrap()) && made["prefix"] != key);

    let shown = app.get(answer.header("location")).bearer_auth(&ada.token).answer().await.expect(200);
    let listed = app.get(PATH).bearer_auth(&ada.token).answer().await.expect(200);
    for answer in [&shown, &listed] {
        assert!(!answer.text().contains(key) && !answer.text().contains("hash"), "{}", answer.text());
    }
    assert_eq!(shown.json()["id"], made["id"]);
    let stored: Value =
        sqlx::query_scalar("SELECT to_jsonb(k) FROM api_keys AS k").fetch_one(app.pool()).await.unwrap();
    assert!(!stored.to_string().contains(key), "the key itself is not stored: {stored}");
}

#[tokio::test]
async fn an_account_may_have_fifty() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = make(&app, &ada, &["items:read"]).await;
    sqlx::query(
        "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes)
         SELECT gen_random_uuid(), user_id, name, prefix, sha256(n::text::bytea), scopes
         FROM api_keys, generate_series(1, 49) AS n",
    )
    .execute(app.pool())
    .await
    .unwrap();
    let body = json!({ "name": "One more", "scopes": ["items:read"] });
    let one_more = async || app.post(PATH, &body).bearer_auth(&ada.token).answer().await;
    let _ = one_more().await.problem(409, "too_many_api_keys");
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    let _ = app.request("DELETE", &path).bearer_auth(&ada.token).answer().await.expect(204);
    let _ = one_more().await.expect(201);
}

#[tokio::test]
async fn tells_its_user_and_the_audit_log() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = make(&app, &ada, &["items:read"]).await;
    assert_eq!(app.notices(ada.id, "api_key_created").await, 1);
    let logged: Value = sqlx::query_scalar("SELECT to_jsonb(l) FROM audit_log AS l WHERE action = 'api_key.created'")
        .fetch_one(app.pool())
        .await
        .unwrap();
    assert_eq!((&logged["resource_id"], &logged["actor"]), (&made["id"], &json!(format!("user:{}", ada.id))));
    assert!(!logged.to_string().contains(key_of(&made)));
}

#[tokio::test]
async fn a_replay_shows_no_key_again() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let post = async || {
        let body = json!({ "name": "Nightly import", "scopes": ["items:read"] });
        app.post(PATH, &body).bearer_auth(&ada.token).header("idempotency-key", "once").answer().await
    };
    let first = post().await.expect(201);
    let _ = post().await.problem(409, "secret_already_shown");
    assert_eq!(app.count("SELECT count(*) FROM api_keys").await, 1);
    let stored: Vec<Value> =
        sqlx::query_scalar("SELECT to_jsonb(k) FROM idempotency_keys AS k").fetch_all(app.pool()).await.unwrap();
    assert!(!json!(stored).to_string().contains(key_of(&first.json())));
    assert!(stored.iter().all(|row| row["body"].is_null()), "{stored:?}");
}

#[tokio::test]
async fn bad_values_are_named() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let past = (Utc::now() - TimeDelta::seconds(1)).to_rfc3339();
    let far = (Utc::now() + TimeDelta::days(6 * 365)).to_rfc3339();
    for (body, errors) in [
        (json!({ "name": "", "scopes": [] }), vec!["#/name empty", "#/scopes empty"]),
        (json!({ "name": "가".repeat(101), "scopes": ["items:read"] }), vec!["#/name too_long"]),
        (json!({ "name": "a\nb", "scopes": ["items:read"] }), vec!["#/name invalid_characters"]),
        (json!({ "name": "a", "scopes": ["items:*", "items:read"] }), vec!["#/scopes/0 unknown_scope"]),
        (json!({ "name": "a", "scopes": ["items:read", "items:read"] }), vec!["#/scopes/1 duplicate"]),
        (json!({ "name": "a", "scopes": ["items:read"], "expires_at": past }), vec!["#/expires_at in_the_past"]),
        (json!({ "name": "a", "scopes": ["items:read"], "expires_at": far }), vec!["#/expires_at too_far"]),
        (json!({ "name": "a", "scopes": ["items:read"], "user_id": ada.id }), vec!["#/user_id unknown_field"]),
        (json!({ "name": "a", "scopes": ["items:read"], "key": "cb_mine" }), vec!["#/key unknown_field"]),
    ] {
        let answer = app.post(PATH, &body).bearer_auth(&ada.token).answer().await;
        assert_eq!(answer.problem(422, "validation_failed").errors(), errors, "{body}");
    }
    assert_eq!(app.count("SELECT count(*) FROM api_keys").await, 0);
}
