//! Guessing passwords, codes and keys.

use callboard_shared::domain::ApiKey;
use callboard_tests::answer::Answer;
use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::authenticator::{Authenticator, mfa_token, second_step};
use serde_json::json;

const WRONG: &str = "not the right password";

/// A login by a client that the trusted proxy was called from.
async fn attempt(app: &App, from: &str, login: &str, password: &str) -> Answer {
    let request = app.post("/api/v1/auth/login", &json!({ "login": login, "password": password }));
    request.header("x-forwarded-for", from).answer().await
}

/// The delays last long enough for a slow machine.
async fn stretch_delays(app: &App) {
    sqlx::query("UPDATE login_throttles SET blocked_until = blocked_until + interval '30 seconds'")
        .execute(app.pool())
        .await
        .unwrap();
}

#[track_caller]
fn is_refused(answer: &Answer) {
    assert_eq!(answer.status, 429, "{}", answer.text());
    let code = answer.any_problem().code().to_owned();
    assert!(["login_throttled", "rate_limited"].contains(&code.as_str()), "{code}");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
}

#[tokio::test]
async fn c17_bad_logins_by_account_and_by_address() {
    let app = App::start_with(&[("TRUSTED_PROXIES", "127.0.0.1")]).await;
    app.register("ada@example.com").await;
    // One account from many addresses, by both of its names.
    for number in 0..5 {
        let name = ["ada@example.com", "ADA@example.com"][number % 2];
        let from = format!("198.51.100.{number}");
        let _ = attempt(&app, &from, name, WRONG).await.problem(401, "invalid_credentials");
    }
    stretch_delays(&app).await;
    is_refused(&attempt(&app, "198.51.100.77", "ada@example.com", PASSWORD).await);
    // Many accounts from one address.
    for number in 0..20 {
        let answer = attempt(&app, "203.0.113.1", &format!("user{number}"), WRONG).await;
        let _ = answer.problem(401, "invalid_credentials");
    }
    stretch_delays(&app).await;
    app.register("eve@example.com").await;
    is_refused(&attempt(&app, "203.0.113.1", "eve", PASSWORD).await);
    let _ = attempt(&app, "203.0.113.2", "eve", PASSWORD).await.expect(200);
}

/// Before any delay: the plain number of attempts in a minute.
#[tokio::test]
async fn c17_many_logins_by_account_and_by_address() {
    let app = App::start_with(&[("TRUSTED_PROXIES", "127.0.0.1"), ("RATE_LIMIT_LOGIN_PER_MINUTE", "2")]).await;
    for number in 0..3 {
        let answer = attempt(&app, &format!("198.51.100.{number}"), "ada", WRONG).await;
        assert_eq!(answer.status, if number < 2 { 401 } else { 429 });
    }
    for number in 0..7 {
        let answer = attempt(&app, "203.0.113.1", &format!("user{number}"), WRONG).await;
        if number < 6 {
            let _ = answer.problem(401, "invalid_credentials");
        } else {
            is_refused(&answer);
        }
    }
}

#[tokio::test]
async fn c18_a_second_factors_code_twice() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (authenticator, _) = Authenticator::set_up(&app, &ada).await;
    let [one, other] = [mfa_token(&app, "ada").await, mfa_token(&app, "ada").await];
    // Over the shoulder: the same code in two logins at once.
    let (earlier, code) = (authenticator.code(0), authenticator.code(1));
    let [one, other] = [one, other].map(|token| app.post("/api/v1/auth/login/totp", &second_step(&token, &code)));
    let (one, other) = tokio::join!(one.answer(), other.answer());
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401]);
    for code in [code, earlier] {
        let body = second_step(&mfa_token(&app, "ada").await, &code);
        let _ = app.post("/api/v1/auth/login/totp", &body).answer().await.problem(401, "wrong_code");
    }
}

/// Each request claims to come from somewhere else.
#[tokio::test]
async fn c25_rotating_forwarded_headers() {
    const LIMITS: [(&str, &str); 2] = [("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "5"), ("RATE_LIMIT_LOGIN_PER_MINUTE", "2")];
    let plain = App::start_with(&LIMITS).await;
    let behind = App::start_with(&[LIMITS[0], LIMITS[1], ("TRUSTED_PROXIES", "127.0.0.1")]).await;
    for (app, has_proxy) in [(&plain, false), (&behind, true)] {
        for number in 0..7 {
            let forged = format!("198.51.100.{number}");
            // A proxy appends whom it was called by: what is further left is made up.
            let list = if has_proxy { format!("{forged}, 203.0.113.1") } else { forged.clone() };
            let disguised = |request: reqwest::RequestBuilder| {
                ["x-real-ip", "true-client-ip", "cf-connecting-ip", "x-client-ip", "x-cluster-client-ip"]
                    .into_iter()
                    .fold(request, |request, name| request.header(name, &forged))
                    .header("forwarded", format!("for={forged}"))
                    .header("x-forwarded-for", &list)
            };
            let hello = disguised(app.get("/api/v1/hello")).answer().await;
            assert_eq!(hello.status, if number < 5 { 200 } else { 429 }, "{number}");
            let body = json!({ "login": format!("user{number}"), "password": WRONG });
            let login = disguised(app.post("/api/v1/auth/login", &body)).answer().await;
            assert_eq!(login.status, if number < 6 { 401 } else { 429 }, "{number}");
        }
    }
}

/// While nobody can read the table of keys, only what does not ask for it answers.
#[tokio::test]
async fn a_flood_of_made_up_keys_is_refused_before_postgresql_is_asked() {
    let app = App::start_with(&[("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "3"), ("TRUSTED_PROXIES", "127.0.0.1")]).await;
    let ada = app.person("ada", "member").await;
    let body = json!({ "name": "Nightly import", "scopes": ["users:read"] });
    let made = app.post("/api/v1/api-keys", &body).bearer_auth(&ada.token).answer().await.expect(201).json();
    let call =
        |key: &str, from: &str| app.get("/api/v1/users/me").bearer_auth(key).header("x-forwarded-for", from).answer();
    let key = made["key"].as_str().unwrap();
    let _ = call(key, "198.51.100.1").await.expect(200);
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(call(&ApiKey::generate().expose(), "198.51.100.1").await.status);
    }
    assert_eq!(statuses, [401, 401, 429, 429, 429], "the good one was new here too");

    let mut blocker = app.pool().begin().await.unwrap();
    sqlx::query("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE").execute(&mut *blocker).await.unwrap();
    for _ in 0..20 {
        let answer = call(&ApiKey::generate().expose(), "198.51.100.1").await;
        let _ = answer.problem(429, "rate_limited");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    }
    blocker.rollback().await.unwrap();
    // Who was known before is served all the same, and so is the rest of the world.
    let _ = call(key, "198.51.100.1").await.expect(200);
    let _ = call(&ApiKey::generate().expose(), "198.51.100.2").await.problem(401, "invalid_token");
}
