use std::time::Duration;

use callboard_tests::app::{App, PASSWORD, Person, Send as _};
use callboard_tests::mailbox::Mailbox;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/confirm-email";
const SOON: Duration = Duration::from_secs(5);

/// A person who has asked for `countess@example.com`, and the token that went there.
async fn asked(app: &App) -> (Person, String) {
    let ada = app.person("ada", "member").await;
    let body = json!({ "current_password": PASSWORD, "new_email": "countess@example.com" });
    let _ = app.post("/api/v1/auth/change-email", &body).bearer_auth(&ada.token).answer().await.expect(202);
    let token = app.email_change_token(ada.id).await;
    (ada, token)
}

fn body(token: &str) -> Value {
    json!({ "token": token })
}

#[tokio::test]
async fn the_address_changes_at_once_and_again_says_so() {
    let app = App::start().await;
    let (ada, token) = asked(&app).await;
    sqlx::query("UPDATE users SET email_verified_at = NULL").execute(app.pool()).await.unwrap();
    for _ in 0..2 {
        let answer = app.post(PATH, &body(&token)).answer().await.expect(200);
        assert_eq!(answer.json(), json!({ "status": "email_changed" }));
        let me = app.get("/api/v1/auth/me").bearer_auth(&ada.token).answer().await.expect(200).json();
        assert_eq!(me["email"], "countess@example.com");
        assert!(me["email_verified_at"].is_string(), "{me}");
    }
    app.login("countess@example.com").await;
    let old = json!({ "login": "ada@example.com", "password": PASSWORD });
    let _ = app.post("/api/v1/auth/login", &old).answer().await.problem(401, "invalid_credentials");
    assert_eq!(app.notices(ada.id, "email_changed").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'email.changed'").await, 1);
}

/// Whoever reads the old mailbox must learn of it, and have nothing left to use.
#[tokio::test]
async fn the_old_address_is_told_and_its_reset_links_end() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let (ada, token) = asked(&app).await;
    let forgot = json!({ "email": "ada@example.com" });
    let _ = app.post("/api/v1/auth/forgot-password", &forgot).answer().await.expect(202);
    let reset = app.reset_token(ada.id).await;
    let _ = app.post(PATH, &body(&token)).answer().await.expect(200);
    let reset = json!({ "token": reset, "password": "seven violet kettles humming" });
    let answer = app.post("/api/v1/auth/reset-password", &reset).answer().await;
    let _ = answer.problem(400, "reset_token_expired");
    let notice: String = sqlx::query_scalar(
        "SELECT payload::jsonb ->> 'email' FROM queue_jobs_all
         WHERE kind = 'email.security_notice' AND payload::jsonb ->> 'notice' = 'email_changed'",
    )
    .fetch_one(app.pool())
    .await
    .unwrap();
    assert_eq!(notice, "ada@example.com");
    let _worker = app.start_worker(&mailbox).await;
    mailbox.wait_for_mail_to("ada@example.com", SOON).await.unwrap();
}

#[tokio::test]
async fn an_address_that_was_taken_meanwhile_stays_taken() {
    let app = App::start().await;
    let (ada, token) = asked(&app).await;
    app.register("Countess@example.com").await;
    let _ = app.post(PATH, &body(&token)).answer().await.problem(409, "email_taken");
    let me = app.get("/api/v1/auth/me").bearer_auth(&ada.token).answer().await.expect(200).json();
    assert_eq!(me["email"], "ada@example.com");
    assert_eq!(app.notices(ada.id, "email_changed").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM email_change_tokens WHERE used_at IS NULL").await, 1);
}

#[tokio::test]
async fn unknown_expired_and_foreign_tokens_are_refused() {
    let app = App::start().await;
    let (ada, token) = asked(&app).await;
    let verification = app.verification_token(ada.id).await;
    for wrong in ["", "x", "\0", &token[1..], &verification, &"A".repeat(43)] {
        let _ = app.post(PATH, &body(wrong)).answer().await.problem(400, "email_change_token_invalid");
    }
    sqlx::query(
        "UPDATE email_change_tokens SET created_at = now() - interval '2 d', expires_at = now() - interval '1 d'",
    )
    .execute(app.pool())
    .await
    .unwrap();
    let _ = app.post(PATH, &body(&token)).answer().await.problem(400, "email_change_token_expired");
}

#[tokio::test]
async fn the_pages_form_gets_pages() {
    let app = App::start().await;
    let (_, token) = asked(&app).await;
    let form = async |language: &str, token: &str| {
        let request = app.request("POST", PATH).header("accept-language", language).form(&[("token", token)]);
        let answer = request.answer().await;
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        (answer.status, answer.text().to_owned())
    };
    let (status, html) = form("en", "nope").await;
    assert!(status == 400 && html.contains("Unknown confirmation link"), "{status} {html}");
    let (status, html) = form("ko", &token).await;
    assert!(status == 200 && html.contains("이메일 주소가 변경되었습니다"), "{status} {html}");
}
