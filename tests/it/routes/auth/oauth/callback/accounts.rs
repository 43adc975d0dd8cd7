//! Which user it is here.

use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::provider::Provider;
use serde_json::{Value, json};

use super::super::{Return, app_with, log_in, me};

async fn identities(app: &App) -> i64 {
    app.count("SELECT count(*) FROM user_identities").await
}

#[tokio::test]
async fn who_is_new_becomes_a_user_and_stays_the_same_one() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let answer = Return::from(&app, "google").await;
    let answer = app
        .get(&answer.path)
        .header("cookie", format!("theme=dark; {}", answer.cookie))
        .header("accept-language", "ko")
        .answer()
        .await
        .expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let tokens = answer.json();
    assert!(tokens["refresh_token"].is_string() && tokens["token_type"] == "bearer", "{tokens}");
    let ada = me(&app, &answer).await;
    assert_eq!(
        (&ada["email"], &ada["full_name"], &ada["locale"], &ada["role"]),
        (&json!("ada@example.com"), &json!("Ada Lovelace"), &json!("ko"), &json!("member"))
    );
    assert!(ada["email_verified_at"].is_string());
    assert_eq!(app.count("SELECT count(*) FROM users WHERE password_hash IS NULL").await, 1);

    // The address there may change: the account there is who they are.
    provider.change(|persona| persona.email = Some("countess@example.com".into()));
    assert_eq!(me(&app, &log_in(&app, "google").await).await["id"], ada["id"]);
    assert_eq!(me(&app, &log_in(&app, "google").await).await["email"], "ada@example.com");
    let _ = app
        .post("/api/v1/auth/login", &json!({ "login": "ada@example.com", "password": PASSWORD }))
        .answer()
        .await
        .problem(401, "invalid_credentials");
}

#[tokio::test]
async fn github_and_kakao_tell_who_it_is_in_ways_of_their_own() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let ada = me(&app, &log_in(&app, "github").await).await;
    assert_eq!(ada["email"], "ada@example.com", "the primary address, not the first");
    assert!(ada["email_verified_at"].is_string());
    // Verified on both sides, so this is the same account.
    provider.change(|persona| persona.is_told_in_token = false);
    assert_eq!(me(&app, &log_in(&app, "kakao").await).await["id"], ada["id"]);
    assert_eq!(identities(&app).await, 2);
}

#[tokio::test]
async fn an_account_is_joined_if_both_sides_have_verified_its_address() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let ada = app.person("ada", "manager").await;
    provider.change(|persona| persona.email = Some("ADA@example.com".into()));
    let joined = me(&app, &log_in(&app, "google").await).await;
    assert_eq!((&joined["id"], &joined["role"]), (&json!(ada.id), &json!("manager")));
    assert_eq!(app.notices(ada.id, "identity_linked").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'identity.linked'").await, 1);
    // Once only.
    assert_eq!(me(&app, &log_in(&app, "google").await).await["id"], json!(ada.id));
    assert_eq!((app.notices(ada.id, "identity_linked").await, identities(&app).await), (1, 1));
    let _ = app.login("ada").await;
}

#[tokio::test]
async fn an_address_that_either_side_has_not_verified_joins_nothing() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let ada = app.person("ada", "member").await;
    app.register("eve@example.com").await;
    for name in ["google", "github"] {
        provider.change(|persona| {
            persona.email = Some("ada@example.com".into());
            persona.is_email_verified = false;
        });
        let _ = log_in(&app, name).await.problem(409, "identity_not_linkable");
        // Whoever registered it here may not be whose it is.
        provider.change(|persona| {
            persona.email = Some("eve@example.com".into());
            persona.is_email_verified = true;
        });
        let _ = log_in(&app, name).await.problem(409, "identity_not_linkable");
    }
    assert_eq!((identities(&app).await, app.notices(ada.id, "identity_linked").await), (0, 0));
    assert_eq!(app.count("SELECT count(*) FROM users").await, 2);
    let unverified = app.count("SELECT count(*) FROM users WHERE email_verified_at IS NULL").await;
    assert_eq!(unverified, 1, "the provider's word does not verify what somebody registered here");
}

#[tokio::test]
async fn a_second_account_of_one_provider_is_not_joined() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let _ = log_in(&app, "google").await.expect(200);
    provider.change(|persona| persona.subject = "4712".into());
    let _ = log_in(&app, "google").await.problem(409, "identity_not_linkable");
    assert_eq!(identities(&app).await, 1);
}

#[tokio::test]
async fn who_is_new_with_an_address_that_nobody_verified_stays_outside() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    provider.change(|persona| persona.is_email_verified = false);
    let _ = log_in(&app, "google").await.problem(409, "identity_not_linkable");
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
    provider.change(|persona| persona.is_email_verified = true);
    let ada = me(&app, &log_in(&app, "google").await).await;
    assert!(ada["email_verified_at"].is_string());
}

#[tokio::test]
async fn what_a_provider_says_is_not_believed_to_be_text() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    provider.change(|persona| persona.email = None);
    let _ = log_in(&app, "google").await.problem(409, "identity_without_email");
    for email in ["ada@example.com\r\nBcc: eve@example.com", "ada", "<script>@example.com", "a\u{0}@example.com"] {
        provider.change(|persona| persona.email = Some(email.into()));
        let _ = log_in(&app, "google").await.problem(409, "identity_without_email");
    }
    for subject in ["", "a\u{0}b", &"x".repeat(256)] {
        provider.change(|persona| {
            persona.email = Some("ada@example.com".into());
            persona.subject = subject.into();
        });
        assert_eq!(log_in(&app, "google").await.any_problem().0["status"], 503);
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
    provider.change(|persona| {
        persona.subject = "'; DROP TABLE users; --".into();
        persona.name = json!("Ada\r\nBcc: eve@example.com");
    });
    assert_eq!(me(&app, &log_in(&app, "google").await).await["full_name"], Value::Null);
}

#[tokio::test]
async fn a_disabled_user_stays_outside() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let _ = log_in(&app, "google").await.expect(200);
    app.person("eve", "member").await;
    sqlx::query("UPDATE users SET is_active = false").execute(app.pool()).await.unwrap();
    let _ = log_in(&app, "google").await.problem(401, "invalid_credentials");
    provider.change(|persona| {
        persona.subject = "4712".into();
        persona.email = Some("eve@example.com".into());
    });
    let _ = log_in(&app, "google").await.problem(401, "invalid_credentials");
    assert_eq!(identities(&app).await, 1);
}

#[tokio::test]
async fn a_second_factor_is_asked_for_here_too() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let _ = log_in(&app, "google").await.expect(200);
    sqlx::query(
        "INSERT INTO totp_credentials (user_id, salt, confirmed_at)
         SELECT id, decode(repeat('07', 32), 'hex'), clock_timestamp() FROM users",
    )
    .execute(app.pool())
    .await
    .unwrap();
    let sessions = app.count("SELECT count(*) FROM sessions").await;
    let problem = log_in(&app, "google").await.problem(401, "totp_required");
    assert!(problem.0["mfa_token"].is_string(), "{}", problem.0);
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, sessions);
}

#[tokio::test]
async fn two_tabs_at_once_make_one_user() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let (one, two) = (Return::from(&app, "google").await, Return::from(&app, "google").await);
    let (one, two) = tokio::join!(one.go(&app), two.go(&app));
    assert_eq!(me(&app, &one).await["id"], me(&app, &two).await["id"]);
    assert_eq!((app.count("SELECT count(*) FROM users").await, identities(&app).await), (1, 1));
}
