use std::collections::BTreeSet;

use callboard_tests::answer::Answer;
use callboard_tests::app::{App, Send as _};
use futures::future::join_all;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/refresh";

async fn refresh(app: &App, token: &Value) -> Answer {
    app.post(PATH, &json!({ "refresh_token": token })).answer().await
}

async fn me(app: &App, tokens: &Value) -> u16 {
    app.get("/api/v1/auth/me").bearer_auth(tokens["access_token"].as_str().unwrap()).answer().await.status
}

/// Lets this many seconds pass since tokens were used.
async fn later(app: &App, seconds: i32) {
    sqlx::query("UPDATE refresh_tokens SET used_at = used_at - make_interval(secs => $1)")
        .bind(seconds)
        .execute(app.pool())
        .await
        .unwrap();
}

#[tokio::test]
async fn gets_the_next_tokens_in_json_or_as_oauth2_form() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let first = app.login_tokens("ada").await;
    assert_eq!((&first["token_type"], &first["refresh_expires_in"]), (&json!("bearer"), &json!(2_592_000)));
    let answer = refresh(&app, &first["refresh_token"]).await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let second = answer.json();
    assert_ne!(second["refresh_token"], first["refresh_token"]);
    assert_ne!(second["access_token"], first["access_token"]);
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", second["refresh_token"].as_str().unwrap()),
        ("scope", ""),
        ("client_id", "x"),
        ("client_secret", "y"),
    ];
    let third = app.request("POST", PATH).form(&form).answer().await.expect(200).json();
    for tokens in [&first, &second, &third] {
        assert_eq!(me(&app, tokens).await, 200);
    }
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 1);
}

#[tokio::test]
async fn bad_values_are_named() {
    let app = App::start().await;
    for (body, error) in [
        (json!({}), "#/refresh_token required"),
        (json!({ "refresh_token": "x", "nope": 1 }), "#/nope unknown_field"),
        (json!({ "refresh_token": "x", "grant_type": "password" }), "#/grant_type unsupported_grant_type"),
    ] {
        let problem = app.post(PATH, &body).answer().await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error]);
    }
}

#[tokio::test]
async fn what_is_no_refresh_token_is_refused() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let tokens = app.login_tokens("ada").await;
    for token in ["", "x", &"A".repeat(43), &"é".repeat(43), tokens["access_token"].as_str().unwrap()] {
        let answer = refresh(&app, &json!(token)).await;
        let _ = answer.problem(401, "refresh_token_invalid");
        assert_eq!(answer.header("www-authenticate"), "Bearer");
    }
}

/// Two tabs of a browser.
#[tokio::test]
async fn a_replay_within_ten_seconds_gets_the_same_successor() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let first = app.login_tokens("ada").await;
    let second = refresh(&app, &first["refresh_token"]).await.expect(200).json();
    later(&app, 8).await;
    let again = refresh(&app, &first["refresh_token"]).await.expect(200).json();
    assert_eq!(again["refresh_token"], second["refresh_token"]);
    assert_eq!((me(&app, &again).await, app.notices(user, "refresh_token_reused").await), (200, 0));
    let _ = refresh(&app, &second["refresh_token"]).await.expect(200);
}

/// Checklist 6.
#[tokio::test]
async fn a_later_replay_ends_the_family_and_the_user_is_told() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let elsewhere = app.login_tokens("ada").await;
    let first = app.login_tokens("ada").await;
    let second = refresh(&app, &first["refresh_token"]).await.expect(200).json();
    let third = refresh(&app, &second["refresh_token"]).await.expect(200).json();
    assert_eq!(me(&app, &third).await, 200);
    later(&app, 11).await;
    let _ = refresh(&app, &first["refresh_token"]).await.problem(401, "refresh_token_invalid");
    // The newest token fails too, and so do the access tokens.
    let _ = refresh(&app, &third["refresh_token"]).await.problem(401, "refresh_token_invalid");
    for tokens in [&first, &second, &third] {
        assert_eq!(me(&app, tokens).await, 401);
    }
    let _ = refresh(&app, &first["refresh_token"]).await.problem(401, "refresh_token_invalid");
    assert_eq!(app.notices(user, "refresh_token_reused").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_because = 'refresh_reused'").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'session.revoked'").await, 1);
    // The user's other session goes on.
    let _ = refresh(&app, &elsewhere["refresh_token"]).await.expect(200);
}

/// Checklist 7, with ten.
#[tokio::test]
async fn parallel_refreshes_of_one_token_all_go_on() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let first = app.login_tokens("ada").await;
    let answers = join_all((0..10).map(|_| refresh(&app, &first["refresh_token"]))).await;
    let tokens: Vec<_> = answers.into_iter().map(|answer| answer.expect(200).json()).collect();
    let successors: BTreeSet<_> = tokens.iter().map(|tokens| tokens["refresh_token"].as_str().unwrap()).collect();
    assert_eq!(successors.len(), 1, "{successors:?}");
    for tokens in &tokens {
        assert_eq!(me(&app, tokens).await, 200);
    }
    let _ = refresh(&app, &tokens[7]["refresh_token"]).await.expect(200);
    assert_eq!(app.count("SELECT count(*) FROM refresh_tokens").await, 3);
    assert_eq!(app.notices(user, "refresh_token_reused").await, 0);
}

#[tokio::test]
async fn neither_a_disabled_user_nor_an_ended_session_goes_on() {
    let app = App::start().await;
    for (email, statement) in [
        ("off@example.com", "UPDATE users SET is_active = false WHERE username = 'off'"),
        ("gone@example.com", "DELETE FROM users WHERE username = 'gone'"),
        ("idle@example.com", "UPDATE sessions SET created_at = '2020-01-01', expires_at = clock_timestamp()"),
    ] {
        app.register(email).await;
        let tokens = app.login_tokens(email).await;
        sqlx::query(statement).execute(app.pool()).await.unwrap();
        let _ = refresh(&app, &tokens["refresh_token"]).await.problem(401, "refresh_token_invalid");
    }
}

#[tokio::test]
async fn a_refresh_keeps_the_session_alive() {
    let app = App::start_with(&[("REFRESH_TOKEN_TTL_SECONDS", "3600")]).await;
    app.register("ada@example.com").await;
    let first = app.login_tokens("ada").await;
    assert_eq!(first["refresh_expires_in"], 3600);
    sqlx::query("UPDATE sessions SET expires_at = clock_timestamp() + interval '1 minute', last_used_at = created_at - interval '1 hour'")
        .execute(app.pool())
        .await
        .unwrap();
    let _ = refresh(&app, &first["refresh_token"]).await.expect(200);
    let moved = "SELECT count(*) FROM sessions WHERE expires_at > clock_timestamp() + interval '59 minutes'
                 AND last_used_at > clock_timestamp() - interval '1 minute'";
    assert_eq!(app.count(moved).await, 1);
}

/// Checklist 24 and 35: what is stored is no token.
#[tokio::test]
async fn tokens_are_stored_as_hashes_only() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let tokens = app.login_tokens("ada").await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT t::text FROM refresh_tokens AS t UNION ALL SELECT s::text FROM sessions AS s
         UNION ALL SELECT a::text FROM audit_log AS a",
    )
    .fetch_all(app.pool())
    .await
    .unwrap();
    assert!(rows.len() >= 3);
    let bytes = base64::Engine::decode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, token).unwrap();
    // As PostgreSQL writes bytes in text.
    let hex = bytes.iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    assert!(rows.iter().all(|row| !row.contains(token) && !row.contains(&hex)), "{rows:?}");
}
