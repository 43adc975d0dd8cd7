//! `email.verify_address`

use callboard_tests::answer::is_korean;
use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::mailbox::Mailbox;
use serde_json::{Value, json};
use uuid::Uuid;

use super::post_office::{HOSTILE_NAMES, SOON, is_nameless};

const ADDRESS: &str = "ada.king@example.com";

/// An hour goes by, as far as retries are concerned.
async fn make_due(app: &App) {
    let moved = sqlx::query("UPDATE queue_jobs SET run_at = clock_timestamp() WHERE state = 'scheduled'");
    assert_eq!(moved.execute(app.pool()).await.unwrap().rows_affected(), 1);
}

async fn job(app: &App, user: Uuid, state: &str) -> Value {
    app.job_in_state(app.job_of(user).await, state).await
}

fn names_nobody(job: &Value) {
    let told = format!("{} {}", job["errors"], job["end_reason"]).to_lowercase();
    assert!(!told.contains("ada.king") && !told.contains("example.com"), "{told}");
}

#[tokio::test]
async fn the_mail_is_in_the_users_language_with_the_same_link_in_both_parts() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    for (email, locale, subject) in [
        ("ada@example.com", "en", "Confirm your email address"),
        ("gildong@example.com", "ko", "이메일 주소를 인증해 주세요"),
    ] {
        let user = app.register_with(&json!({ "email": email, "password": PASSWORD, "locale": locale })).await;
        let mail = mailbox.wait_for_mail_to(email, SOON).await.unwrap();
        assert_eq!(mail.subject(), subject);
        assert_eq!(mail.header("Content-Language").as_deref(), Some(locale));
        assert_eq!(mail.header("From").as_deref(), Some("Callboard <no-reply@callboard.example>"));
        assert_eq!(mail.header("Auto-Submitted").as_deref(), Some("auto-generated"));
        let (text, html) = (mail.text().unwrap(), mail.html().unwrap());
        let token = app.verification_token(user).await;
        let link = app.url(&format!("/api/v1/auth/verify-email?token={token}"));
        assert_eq!(mail.first_link().as_deref(), Some(link.as_str()));
        assert!(html.contains(&format!("href=\"{link}\"")), "{html}");
        for part in [text, html] {
            assert_eq!(is_korean(&part), locale == "ko", "{part}");
        }
        let done = job(&app, user, "completed").await;
        assert_eq!(done["result"], json!({ "sent": true }));
        assert_eq!(mail.header("Message-ID"), Some(format!("<{}@callboard.example>", done["id"].as_str().unwrap())));
        assert!(!done.to_string().contains(&token), "no token in the ledger");
    }
}

#[tokio::test]
async fn a_name_is_not_in_it() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    let long = "가".repeat(200);
    for (n, name) in HOSTILE_NAMES.into_iter().chain([long.as_str()]).enumerate() {
        let email = format!("u{n}@example.com");
        app.register_with(&json!({ "email": email, "password": PASSWORD, "full_name": name })).await;
        let mail = mailbox.wait_for_mail_to(&email, SOON).await.unwrap();
        is_nameless(&mail, name, &email);
        assert!(mail.text().unwrap().contains("/api/v1/auth/verify-email?token="), "{:?}", mail.text());
    }
    for name in ["Ada\r\nBcc: eve@evil.example", "Ada\nX: y", "Ada\0", "\u{202e}adA"] {
        let body = json!({ "email": "eve@example.com", "password": PASSWORD, "full_name": name });
        let problem = app.post("/api/v1/auth/register", &body).answer().await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), ["#/full_name invalid_characters"]);
    }
}

#[tokio::test]
async fn a_mail_that_is_refused_for_good_is_discarded_with_the_reason() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    mailbox.refuse_recipients(550, 1);
    let user = app.register(ADDRESS).await;
    let ended = job(&app, user, "discarded").await;
    assert!(ended["end_reason"].as_str().unwrap().contains("550"), "{ended}");
    assert_eq!(ended["attempt"], 1);
    names_nobody(&ended);

    // Its owner sees that it failed.
    let token = app.login(ADDRESS).await;
    let path = format!("/api/v1/jobs/{}", app.job_of(user).await);
    let shown = app.get(&path).bearer_auth(token).answer().await.expect(200).json();
    assert_eq!((&shown["state"], &shown["status"]), (&json!("discarded"), &json!("failed")));
}

#[tokio::test]
async fn a_mail_that_is_refused_for_now_is_tried_again() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    for refuse in [Mailbox::refuse_recipients, Mailbox::refuse_messages] {
        refuse(&mailbox, 451, 1);
        let user = app.register(&format!("ada.king{}@example.com", mailbox.mails().len())).await;
        let waiting = job(&app, user, "scheduled").await;
        assert!(waiting["errors"][0]["message"].as_str().unwrap().contains("451"), "{waiting}");
        names_nobody(&waiting);
        make_due(&app).await;
        let done = job(&app, user, "completed").await;
        assert_eq!(done["attempt"], 2);
    }
    assert_eq!(mailbox.mails().len(), 2);
}

/// A wrong password is the operator's to mend; letters wait for it.
#[tokio::test]
async fn a_server_that_does_not_let_us_in_is_tried_again() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    mailbox.refuse_recipients(530, 1);
    let user = app.register(ADDRESS).await;
    let waiting = job(&app, user, "scheduled").await;
    assert!(waiting["errors"][0]["message"].as_str().unwrap().contains("530"), "{waiting}");
    make_due(&app).await;
    mailbox.wait_for_mail_to(ADDRESS, SOON).await.unwrap();
    job(&app, user, "completed").await;
}

#[tokio::test]
async fn a_server_that_is_gone_is_tried_again() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let address = mailbox.address();
    let _worker = app.start_worker(&mailbox).await;
    mailbox.stop().await;
    let user = app.register(ADDRESS).await;
    let waiting = job(&app, user, "scheduled").await;
    assert_eq!(waiting["attempt"], 1);
    names_nobody(&waiting);

    let settings = callboard_tests::mailbox::MailboxSettings { listen: address, ..Default::default() };
    let mailbox = Mailbox::start_with(settings).await.unwrap();
    make_due(&app).await;
    mailbox.wait_for_mail_to(ADDRESS, SOON).await.unwrap();
    job(&app, user, "completed").await;
}

#[tokio::test]
async fn nothing_is_sent_where_it_would_be_pointless() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let cases = [
        ("UPDATE users SET email_verified_at = now() WHERE id = $1", "completed", "already verified"),
        ("UPDATE users SET is_active = false WHERE id = $1", "discarded", "switched off"),
        ("DELETE FROM users WHERE id = $1", "discarded", "gone"),
        (
            "UPDATE email_verification_tokens SET created_at = now() - interval '2 days',
             expires_at = now() - interval '1 day' WHERE user_id = $1",
            "discarded",
            "expired",
        ),
        ("DELETE FROM email_verification_tokens WHERE user_id = $1", "discarded", "expired"),
    ];
    let mut users = Vec::new();
    for (n, (change, ..)) in cases.iter().enumerate() {
        let user = app.register(&format!("u{n}@example.com")).await;
        sqlx::query(*change).bind(user).execute(app.pool()).await.unwrap();
        users.push(user);
    }
    let _worker = app.start_worker(&mailbox).await;
    for (user, (change, state, reason)) in users.into_iter().zip(cases) {
        let ended = job(&app, user, state).await;
        let told = format!("{} {}", ended["result"], ended["end_reason"]);
        assert!(told.contains(reason), "{change}: {told}");
    }
    assert!(mailbox.mails().is_empty(), "{:?}", mailbox.mails());
}

/// The link leads where the settings say, whatever a request said.
#[tokio::test]
async fn a_forged_host_does_not_get_into_the_link() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    let body = json!({ "email": ADDRESS, "password": PASSWORD });
    let request = app.post("/api/v1/auth/register", &body);
    let _ =
        request.header("host", "evil.example").header("x-forwarded-host", "evil.example").answer().await.expect(201);
    let mail = mailbox.wait_for_mail_to(ADDRESS, SOON).await.unwrap();
    assert!(mail.first_link().unwrap().starts_with(&app.url("/")), "{:?}", mail.first_link());
    assert!(!String::from_utf8_lossy(&mail.raw).contains("evil"));
}
