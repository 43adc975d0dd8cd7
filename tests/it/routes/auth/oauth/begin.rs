use std::collections::HashMap;

use callboard_tests::app::{App, Send as _};
use callboard_tests::provider::{CLIENT_ID, Manner, Provider};
use url::Url;

use super::app_with;

#[tokio::test]
async fn sends_to_the_provider_with_all_that_protects_a_login() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    for (name, scope) in [
        ("google", "openid email profile"),
        ("kakao", "openid account_email profile_nickname"),
        ("github", "read:user user:email"),
    ] {
        let begun = app.get(&format!("/api/v1/auth/oauth/{name}")).answer().await.expect(303);
        let to = Url::parse(begun.header("location")).unwrap();
        assert!(begun.header("location").starts_with(&format!("{}/authorize?", provider.issuer())), "{to}");
        let asked: HashMap<_, _> = to.query_pairs().into_owned().collect();
        assert_eq!(asked["response_type"], "code");
        assert_eq!(asked["client_id"], CLIENT_ID);
        assert_eq!(asked["redirect_uri"], app.url(&format!("/api/v1/auth/oauth/{name}/callback")));
        assert_eq!((asked["scope"].as_str(), asked["code_challenge_method"].as_str()), (scope, "S256"));
        assert!(asked["state"].len() >= 43 && asked["code_challenge"].len() == 43);
        assert_eq!(asked.contains_key("nonce"), name != "github");

        let cookie = begun.header("set-cookie");
        let (kept, flags) = cookie.split_once(';').unwrap();
        assert_eq!(flags.trim(), "Max-Age=600; Path=/; HttpOnly; SameSite=Lax");
        let kept = kept.split_once('=').unwrap().1;
        assert!(kept.len() >= 43 && !begun.header("location").contains(kept), "{cookie}");
    }
}

/// What stands in the redirect URI comes from the settings, never from the request.
#[tokio::test]
async fn a_forged_host_is_ignored_and_tls_makes_the_cookie_safer() {
    let provider = Provider::start().await;
    let app = super::app_besides(&provider, &[("PUBLIC_URL", "https://callboard.test")]).await;
    let begun = app.get("/api/v1/auth/oauth/google").header("host", "evil.test").answer().await.expect(303);
    let to = Url::parse(begun.header("location")).unwrap();
    let back = to.query_pairs().find(|(name, _)| name == "redirect_uri").unwrap().1.into_owned();
    assert_eq!(back, "https://callboard.test/api/v1/auth/oauth/google/callback");
    let cookie = begun.header("set-cookie");
    assert!(cookie.starts_with("__Host-callboard-oauth=") && cookie.ends_with("; Secure"), "{cookie}");
}

#[tokio::test]
async fn no_two_logins_are_alike() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let one = app.get("/api/v1/auth/oauth/google").answer().await.expect(303);
    let two = app.get("/api/v1/auth/oauth/google").answer().await.expect(303);
    assert_ne!(one.header("set-cookie"), two.header("set-cookie"));
    assert_ne!(one.header("location"), two.header("location"));
}

#[tokio::test]
async fn a_provider_that_is_not_set_up_is_not_found() {
    let app = App::start().await;
    for name in ["google", "myspace", "..", "%00"] {
        for path in [format!("/api/v1/auth/oauth/{name}"), format!("/api/v1/auth/oauth/{name}/callback?code=a&state=b")]
        {
            let status = app.get(&path).answer().await.any_problem().0["status"].as_u64().unwrap();
            assert!([400, 404].contains(&status), "{path}: {status}");
        }
    }
    let _ = app.get("/api/v1/auth/oauth/google").answer().await.problem(404, "not_found");
}

#[tokio::test]
async fn a_provider_that_fails_is_told_as_an_outage_and_tried_again() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    for manner in [Manner::Broken, Manner::Huge, Manner::Redirects, Manner::Garbled] {
        provider.change(|persona| persona.manner = manner);
        let answer = app.get("/api/v1/auth/oauth/google").answer().await;
        let _ = answer.problem(503, "service_unavailable");
        assert!(!answer.header("retry-after").is_empty());
        assert!(!answer.text().contains(&provider.issuer()), "the reason is for the log: {}", answer.text());
    }
    provider.change(|persona| persona.manner = Manner::Well);
    let _ = app.get("/api/v1/auth/oauth/google").answer().await.expect(303);
    drop(provider);
    // Known for an hour, so beginning asks nobody.
    let _ = app.get("/api/v1/auth/oauth/google").answer().await.expect(303);
    let _ = app.get("/api/v1/auth/oauth/kakao").answer().await.problem(503, "service_unavailable");
}
