//! The API while Redis or PostgreSQL is stopped, and after, without a restart.

use std::time::Duration;

use callboard_api::auth::access::{Needs, RULES};
use callboard_tests::answer::Answer;
use callboard_tests::app::{PASSWORD, Send as _, client};
use callboard_tests::installation::{Installation, api_url};
use callboard_tests::mailbox::Mailbox;
use callboard_tests::process::Process;
use callboard_tests::services::Services;
use callboard_tests::wait::{SOON, wait_for, wait_until};
use reqwest::Client;
use serde_json::{Value, json};
use uuid::Uuid;

const ME: &str = "/api/v1/auth/me";

/// A running API and somebody who calls it.
struct Caller {
    client: Client,
    url: String,
}

impl Caller {
    fn of(api: &Process) -> Self {
        Self { client: client(), url: api_url(api) }
    }

    async fn send(&self, method: &str, path: &str, token: &str, body: &Value) -> Answer {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.url));
        let request = if token.is_empty() { request } else { request.bearer_auth(token) };
        let request = if matches!(method, "GET" | "DELETE") { request } else { request.json(body) };
        request.answer().await
    }

    async fn get(&self, path: &str, token: &str) -> Answer {
        self.send("GET", path, token, &Value::Null).await
    }

    async fn post(&self, path: &str, token: &str, body: &Value) -> Answer {
        self.send("POST", path, token, body).await
    }

    async fn register(&self, name: &str) -> Answer {
        let body = json!({ "email": format!("{name}@example.com"), "password": PASSWORD, "username": name });
        self.post("/api/v1/auth/register", "", &body).await
    }

    async fn login(&self, name: &str) -> Answer {
        self.post("/api/v1/auth/login", "", &json!({ "login": name, "password": PASSWORD })).await
    }

    /// Somebody whose address is verified; returns their tokens.
    async fn person(&self, place: &Installation, name: &str) -> Value {
        let _ = self.register(name).await.expect(201);
        sqlx::query("UPDATE users SET email_verified_at = clock_timestamp()").execute(place.pool()).await.unwrap();
        self.login(name).await.expect(200).json()
    }
}

fn text<'a>(body: &'a Value, name: &str) -> &'a str {
    body[name].as_str().unwrap_or_else(|| panic!("no {name} in {body}"))
}

#[track_caller]
fn is_unavailable(answer: &Answer, case: &str) {
    assert_eq!(answer.status, 503, "{case}: {}", String::from_utf8_lossy(&answer.body));
    let problem = answer.problem(503, "service_unavailable").0.to_string().to_lowercase();
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0, "{case}");
    for inside in ["sqlx", "postgres", "redis", "callboard_test", "connection", "refused", "os error", "pool"] {
        assert!(!problem.contains(inside), "{case}: {inside} in {problem}");
    }
}

#[tokio::test]
async fn with_redis_stopped_all_that_needs_postgresql_alone_goes_on() {
    let services = Services::start().await;
    let place = Installation::on(&services).await;
    let mailbox = Mailbox::start().await.unwrap();
    let limits = [("TRUSTED_PROXIES", "127.0.0.1"), ("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "5")];
    let api = place.start_api(&limits).await;
    let _worker = place.start_worker(&api, &mailbox, &[]).await;
    let caller = Caller::of(&api);
    let tokens = caller.person(&place, "ada").await;
    let token = text(&tokens, "access_token");
    let item = |title: &str| json!({ "title": title, "price": "1000" });
    let _ = caller.post("/api/v1/items", token, &item("Before")).await.expect(201);
    let list = async || caller.get("/api/v1/items?sort=created_at", token).await.expect(200);
    let is_cached = || async { (list().await.header("x-cache") == "hit").then_some(()) };
    wait_for(SOON, "the list is cached", is_cached).await;

    services.kill_redis().await;
    let degraded = || async { caller.get("/readyz", "").await.expect(200).json() == json!({ "status": "degraded" }) };
    wait_until(SOON, "it says that it is degraded", degraded).await;
    let _ = caller.get("/livez", "").await.expect(200);

    // Lists pass by the cache, and are never old.
    let _ = caller.post("/api/v1/items", token, &item("Meanwhile")).await.expect(201);
    let listed = list().await;
    assert_ne!(listed.header("x-cache"), "hit");
    let titles: Vec<_> =
        listed.json()["items"].as_array().unwrap().iter().map(|item| text(item, "title").to_owned()).collect();
    assert_eq!(titles, ["Before", "Meanwhile"]);

    // Sessions are checked as ever.
    let _ = caller.get(ME, token).await.expect(200);
    let _ = caller.get(ME, "forged").await.problem(401, "invalid_token");
    let _ = caller.get(ME, "").await.problem(401, "unauthenticated");
    let another = caller.login("ada").await.expect(200).json();
    let _ = caller.get(ME, text(&another, "access_token")).await.expect(200);
    let _ = caller.post("/api/v1/auth/logout", text(&another, "access_token"), &json!({})).await.expect(204);
    let _ = caller.get(ME, text(&another, "access_token")).await.problem(401, "invalid_token");

    // The limits hold, for each client by itself.
    for address in ["198.51.100.1", "198.51.100.2"] {
        let mut statuses = Vec::new();
        for _ in 0..7 {
            let hello = caller.client.get(format!("{}/api/v1/hello", caller.url)).header("x-forwarded-for", address);
            statuses.push(hello.answer().await.status);
        }
        assert_eq!(statuses, [200, 200, 200, 200, 200, 429, 429], "neither open nor closed");
    }

    let _ = caller.register("bob").await.expect(201);
    services.start_redis().await;
    mailbox.wait_for_mail_to("bob@example.com", 2 * SOON).await.unwrap();
    let ready = || async { caller.get("/readyz", "").await.expect(200).json() == json!({ "status": "ok" }) };
    wait_until(SOON, "it says that all is well", ready).await;
    wait_for(SOON, "the list is cached again", is_cached).await;
    assert_eq!(list().await.json()["items"].as_array().unwrap().len(), 2);
}

/// Bodies for what anybody may call and needs PostgreSQL to answer.
fn of_anybody(tokens: &Value) -> Vec<(&'static str, String, Value)> {
    let mailed = "A".repeat(43);
    vec![
        ("GET", "/api/v1/items?sort=-price".to_owned(), Value::Null),
        ("GET", format!("/api/v1/items/{}", Uuid::now_v7()), Value::Null),
        ("POST", "/api/v1/auth/login".to_owned(), json!({ "login": "ada", "password": PASSWORD })),
        ("POST", "/api/v1/auth/login".to_owned(), json!({ "login": "nobody", "password": PASSWORD })),
        ("POST", "/api/v1/auth/refresh".to_owned(), json!({ "refresh_token": tokens["refresh_token"] })),
        ("POST", "/api/v1/auth/register".to_owned(), json!({ "email": "eve@example.com", "password": PASSWORD })),
        ("POST", "/api/v1/auth/forgot-password".to_owned(), json!({ "email": "ada@example.com" })),
        ("POST", "/api/v1/auth/resend-verification".to_owned(), json!({ "email": "ada@example.com" })),
        ("POST", "/api/v1/auth/reset-password".to_owned(), json!({ "token": mailed, "password": PASSWORD })),
        ("POST", "/api/v1/auth/verify-email".to_owned(), json!({ "token": mailed })),
        ("POST", "/api/v1/auth/confirm-email".to_owned(), json!({ "token": mailed })),
    ]
}

#[tokio::test]
async fn with_postgresql_stopped_nothing_is_let_in_and_nothing_is_told() {
    let services = Services::start().await;
    let place = Installation::on(&services).await;
    let api = place.start_api(&[("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1")]).await;
    let caller = Caller::of(&api);
    let tokens = caller.person(&place, "ada").await;
    let token = text(&tokens, "access_token");
    let key = json!({ "name": "Nightly", "scopes": ["users:read", "items:write", "profiles:read"] });
    let key = caller.post("/api/v1/api-keys", token, &key).await.expect(201).json();
    let key = text(&key, "key");
    let ended = caller.login("ada").await.expect(200).json();
    let _ = caller.post("/api/v1/auth/logout", text(&ended, "access_token"), &json!({})).await.expect(204);

    // Both are remembered at this moment.
    let _ = caller.get(ME, token).await.expect(200);
    let _ = caller.get("/api/v1/users/me/permissions", key).await.expect(200);
    services.stop_postgres().await;
    for (path, token) in [(ME, token), ("/api/v1/users/me/permissions", key)] {
        let refused = || async { Some(caller.get(path, token).await).filter(|answer| answer.status != 200) };
        let (answer, took) = wait_for(SOON, "it is let in no more", refused).await;
        is_unavailable(&answer, path);
        // A second that it is remembered, and one that a connection is waited for.
        assert!(took < Duration::from_secs(3), "{took:?}");
    }

    for rule in RULES.iter().filter(|rule| rule.needs != Needs::Anybody) {
        let path = rule.path.replace("{id}", &Uuid::now_v7().to_string()).replace("{provider}", "github");
        let case = format!("{} {path}", rule.method);
        is_unavailable(&caller.send(rule.method.as_str(), &path, token, &json!({})).await, &case);
        let nobody = caller.send(rule.method.as_str(), &path, "", &json!({})).await;
        assert_eq!((nobody.status, nobody.any_problem().code()), (401, "unauthenticated"), "{case}");
    }
    is_unavailable(&caller.get("/api/v1/users/me", key).await, "a key");
    is_unavailable(&caller.get(ME, text(&ended, "access_token")).await, "a session that has ended");
    let _ = caller.get(ME, "forged").await.problem(401, "invalid_token");
    for (method, path, body) in of_anybody(&tokens) {
        is_unavailable(&caller.send(method, &path, "", &body).await, &format!("{method} {path}"));
    }
    let _ = caller.get("/livez", "").await.expect(200);
    is_unavailable(&caller.get("/readyz", "").await, "/readyz");
    assert_eq!(caller.get("/health", "").await.expect(503).json()["status"], "down");
    let _ = caller.get("/api/v1/hello", "").await.expect(200);

    services.start_postgres().await;
    let back = || async { (caller.get(ME, token).await.status == 200).then_some(()) };
    wait_for(SOON, "sessions go on", back).await;
    let ready = || async { (caller.get("/readyz", "").await.status == 200).then_some(()) };
    wait_for(SOON, "it is ready", ready).await;
    let _ = caller.get(ME, text(&ended, "access_token")).await.problem(401, "invalid_token");
    let _ = caller.get("/api/v1/users/me", key).await.expect(200);
    let item = json!({ "title": "After", "price": "1000" });
    let _ = caller.post("/api/v1/items", token, &item).await.expect(201);
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let _ = caller.post("/api/v1/auth/refresh", "", &refresh).await.expect(200);
    // Nothing of what was refused was done.
    let users: i64 = sqlx::query_scalar("SELECT count(*) FROM users").fetch_one(place.pool()).await.unwrap();
    assert_eq!(users, 1);
}
