//! Whether it is really them.

use callboard_tests::app::{App, Send as _};
use callboard_tests::provider::{Manner, Persona, Provider, Signature};
use serde_json::json;

use super::super::{Return, app_with, log_in};

async fn users(app: &App) -> i64 {
    app.count("SELECT count(*) FROM users").await
}

#[tokio::test]
async fn a_state_is_good_in_the_browser_that_began_alone() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let back = Return::from(&app, "google").await;
    let other = Return::from(&app, "google").await;
    let refused = async |case: Return, why: &str| {
        let answer = case.go(&app).await;
        assert_eq!(answer.any_problem().code(), "oauth_state_invalid", "{why}");
        assert!(answer.header("set-cookie").is_empty(), "{why}: another's login is not to be ended by that");
    };
    refused(back.with("state", ""), "no state").await;
    refused(back.with("state", "forged"), "a forged state").await;
    refused(back.with("state", &other.parameter("state")), "the state of another login").await;
    refused(Return { cookie: other.cookie.clone(), path: back.path.clone() }, "the cookie of another login").await;
    refused(Return { cookie: "callboard-oauth=".into(), path: back.path.clone() }, "an empty cookie").await;
    refused(Return { cookie: "a=b".into(), path: back.path.clone() }, "no cookie").await;
    let elsewhere = back.path.replace("/google/", "/kakao/");
    refused(Return { cookie: back.cookie.clone(), path: elsewhere }, "another provider").await;
    let mut later = back.parameter("state").into_bytes();
    later[5] = if later[5] == b'A' { b'B' } else { b'A' };
    refused(back.with("state", std::str::from_utf8(&later).unwrap()), "another end").await;
    // None of it used up the login, nor made anybody.
    assert_eq!((users(&app).await, provider.open_codes()), (0, 2));
    let _ = back.go(&app).await.expect(200);
    assert_eq!(users(&app).await, 1);
}

#[tokio::test]
async fn a_code_is_good_once() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    for name in ["google", "github"] {
        let back = Return::from(&app, name).await;
        let answer = back.go(&app).await.expect(200);
        assert!(answer.header("set-cookie").contains("Max-Age=0"), "{answer:?}");
        let again = back.go(&app).await;
        let _ = again.problem(400, "oauth_refused");
        let _ = Return::from(&app, name).await.with("code", "forged").go(&app).await.problem(400, "oauth_refused");
    }
}

/// A stolen code is of no use in another browser: its verifier is another.
#[tokio::test]
async fn a_code_of_another_login_fails_by_pkce() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    for name in ["google", "github"] {
        let (victim, thief) = (Return::from(&app, name).await, Return::from(&app, name).await);
        let stolen = thief.with("code", &victim.parameter("code"));
        let _ = stolen.go(&app).await.problem(400, "oauth_refused");
    }
    assert_eq!(users(&app).await, 0);
}

#[tokio::test]
async fn an_id_token_that_proves_nothing_is_refused() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let honest = |persona: &mut Persona| {
        persona.claims = json!({});
        persona.signature = Signature::Right;
    };
    let refused = async |why: &str| {
        let answer = log_in(&app, "google").await;
        let problem = answer.problem(400, "oauth_refused");
        assert!(!problem.0.to_string().contains("nonce"), "{why}: the reason is for the log");
        provider.change(honest);
    };
    for (why, claims) in [
        ("another nonce", json!({ "nonce": "another" })),
        ("no nonce", json!({ "nonce": null })),
        ("another audience", json!({ "aud": "somebody-else" })),
        ("a second audience", json!({ "aud": ["callboard-tests", "somebody-else"] })),
        ("another issuer", json!({ "iss": "https://evil.test" })),
        ("expired", json!({ "exp": 1_700_000_000 })),
    ] {
        provider.change(|persona| persona.claims = claims);
        refused(why).await;
    }
    for signature in [Signature::OtherKey, Signature::Shared, Signature::None] {
        provider.change(|persona| persona.signature = signature);
        refused(&format!("{signature:?}")).await;
    }
    assert_eq!(users(&app).await, 0);
    let _ = log_in(&app, "google").await.expect(200);
}

#[tokio::test]
async fn a_new_key_of_the_provider_is_looked_up() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let _ = log_in(&app, "google").await.expect(200);
    provider.rotate();
    let _ = log_in(&app, "google").await.expect(200);
}

#[tokio::test]
async fn who_declines_at_the_provider_is_told_so() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let back = Return::from(&app, "google").await;
    let declined = back.with("error", "access_denied").go(&app).await;
    let _ = declined.problem(400, "oauth_refused");
    assert!(declined.header("set-cookie").contains("Max-Age=0"));
    let unsigned = format!("/api/v1/auth/oauth/google/callback?error=access_denied&state={}", "A".repeat(54));
    let _ = app.get(&unsigned).header("cookie", &back.cookie).answer().await.problem(400, "oauth_state_invalid");
    let twice = format!("{}&state=again", back.path);
    let _ = app.get(&twice).header("cookie", &back.cookie).answer().await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn a_provider_that_fails_halfway_is_an_outage() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    for name in ["google", "github"] {
        for manner in [Manner::Broken, Manner::Huge, Manner::Redirects, Manner::Garbled] {
            provider.change(|persona| persona.manner = Manner::Well);
            let back = Return::from(&app, name).await;
            provider.change(|persona| persona.manner = manner);
            let answer = back.go(&app).await;
            assert_eq!(answer.any_problem().code(), "service_unavailable", "{name} {manner:?}");
        }
    }
    assert_eq!(users(&app).await, 0);
    provider.change(|persona| persona.manner = Manner::Well);
    let back = Return::from(&app, "google").await;
    drop(provider);
    let _ = back.go(&app).await.problem(503, "service_unavailable");
}
