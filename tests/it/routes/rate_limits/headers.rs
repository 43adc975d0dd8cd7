//! What a limited answer says, and a refused one.

use callboard_tests::answer::{Answer, is_korean};
use callboard_tests::app::{App, PASSWORD, Send as _};
use serde_json::json;

/// `r` and `t` of `"<name>";r=<r>;t=<t>`.
fn rest(answer: &Answer, name: &str) -> (u64, u64) {
    let told = answer.header("ratelimit");
    let (remaining, reset) = told
        .strip_prefix(&format!("\"{name}\";r="))
        .and_then(|rest| rest.split_once(";t="))
        .unwrap_or_else(|| panic!("{told}"));
    (remaining.parse().unwrap(), reset.parse().unwrap())
}

#[tokio::test]
async fn every_limited_answer_tells_its_limit() {
    let app = App::start_with(&[("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "100")]).await;
    for (n, path) in (1..).zip(["/", "/api/v1/hello", "/api/v1/auth/me", "/problems", "/api/v1/hello/%00"]) {
        let answer = app.get(path).answer().await;
        assert_eq!(answer.header("ratelimit-policy"), "\"anonymous\";q=100;w=60", "{path}: {}", answer.status);
        let (remaining, reset) = rest(&answer, "anonymous");
        // The clock goes on: some may have come back.
        assert!((100 - n..100).contains(&remaining) && (1..=4).contains(&reset), "{path}: {remaining} {reset}");
    }
    for path in ["/health", "/livez", "/readyz", "/api/v1/rate-limits"] {
        let answer = app.get(path).answer().await;
        assert_eq!((answer.header("ratelimit-policy"), answer.header("ratelimit")), ("", ""), "{path}");
    }
}

#[tokio::test]
async fn one_too_many_is_429_and_told_when_to_come_back() {
    let app = App::start_with(&[("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "3")]).await;
    for remaining in [2, 1, 0] {
        let answer = app.get("/api/v1/hello").answer().await.expect(200);
        assert_eq!(rest(&answer, "anonymous").0, remaining);
    }
    for language in ["en", "ko"] {
        let answer = app.get("/api/v1/hello").header("accept-language", language).answer().await;
        let problem = answer.problem(429, "rate_limited").0;
        assert_eq!(is_korean(problem["detail"].as_str().unwrap()), language == "ko", "{problem}");
        let retry_after: u64 = answer.header("retry-after").parse().unwrap();
        assert!((1..=20).contains(&retry_after), "one comes back in 20 s: {retry_after}");
        let (remaining, reset) = rest(&answer, "anonymous");
        assert_eq!(remaining, 0);
        assert!((retry_after..=60).contains(&reset), "{reset}");
    }
    let _ = app.get("/health").answer().await.expect(200);
    let metrics = app.metrics().await;
    assert!(metrics.contains("http_server_requests_rejected_total{reason=\"rate\"} 2\n"), "{metrics}");
}

/// A share of the allowance is taken at once, but never more than there is.
#[tokio::test]
async fn many_at_once_get_exactly_the_limit() {
    let app = App::start_with(&[("RATE_LIMIT_RESET_PER_HOUR", "40")]).await;
    let body = json!({ "email": "nobody@example.com" });
    let ask = |n: usize| {
        let body = json!({ "email": format!("nobody{n}@example.com") });
        app.post("/api/v1/auth/resend-verification", &body).answer()
    };
    let answers = futures::future::join_all((0..150).map(ask)).await;
    let allowed = answers.iter().filter(|answer| answer.status != 429).count();
    // One comes back in 30 s.
    assert!((120..=122).contains(&allowed), "three times 40 an address: {allowed}");
    let _ = app.post("/api/v1/auth/resend-verification", &body).answer().await.problem(429, "rate_limited");
}

#[tokio::test]
async fn a_person_is_counted_by_who_they_are() {
    let app = App::start_with(&[("RATE_LIMIT_PER_MINUTE", "2"), ("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "50")]).await;
    let mut tokens = Vec::new();
    for name in ["ada", "eve"] {
        app.register(&format!("{name}@example.com")).await;
        tokens.push(app.login(&format!("{name}@example.com")).await);
    }
    let me = |token: &str| app.get("/api/v1/auth/me").bearer_auth(token).answer();
    for remaining in [1, 0] {
        let answer = me(&tokens[0]).await.expect(200);
        assert_eq!(answer.header("ratelimit-policy"), "\"general\";q=2;w=60");
        assert_eq!(rest(&answer, "general").0, remaining);
    }
    let _ = me(&tokens[0]).await.problem(429, "rate_limited");
    let _ = me(&tokens[1]).await.expect(200);
    let nobody = app.get("/api/v1/hello").answer().await.expect(200);
    assert_eq!(nobody.header("ratelimit-policy"), "\"anonymous\";q=50;w=60");
    let forged = me("forged").await.problem(401, "invalid_token");
    drop(forged);
}

#[tokio::test]
async fn what_is_strict_has_a_limit_of_its_own() {
    let app = App::start_with(&[
        ("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "1"),
        ("RATE_LIMIT_REGISTER_PER_MINUTE", "7"),
        ("RATE_LIMIT_LOGIN_PER_MINUTE", "5"),
    ])
    .await;
    let _ = app.get("/api/v1/hello").answer().await.expect(200);
    let _ = app.get("/api/v1/hello").answer().await.problem(429, "rate_limited");
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let answer = app.post("/api/v1/auth/register", &body).answer().await.expect(201);
    assert_eq!(answer.header("ratelimit-policy"), "\"register\";q=21;w=60");
    let body = json!({ "login": "ada@example.com", "password": PASSWORD });
    let answer = app.post("/api/v1/auth/login", &body).answer().await.expect(200);
    assert_eq!(answer.header("ratelimit-policy"), "\"login\";q=15;w=60");
}
