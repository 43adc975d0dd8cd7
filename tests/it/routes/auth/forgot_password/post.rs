use std::time::{Duration, Instant};

use callboard_tests::app::{App, Send as _};
use callboard_tests::mailbox::Mailbox;
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

const PATH: &str = "/api/v1/auth/forgot-password";
const SOON: Duration = Duration::from_secs(5);
const RESET_JOBS: &str = "SELECT count(*) FROM queue_jobs_all WHERE kind = 'email.reset_password'";

/// A minute goes by, as far as mails are concerned.
async fn a_minute_later(app: &App, user: Uuid) {
    sqlx::query("UPDATE password_reset_tokens SET created_at = created_at - interval '61 seconds' WHERE user_id = $1")
        .bind(user)
        .execute(app.pool())
        .await
        .unwrap();
}

/// Security checklist 15, and for invited people too.
#[tokio::test]
async fn the_answer_is_the_same_for_every_address() {
    let app = App::start().await;
    app.register("known@example.com").await;
    let invited = app.register("invited@example.com").await;
    let off = app.register("off@example.com").await;
    for (statement, user) in [
        ("UPDATE users SET password_hash = NULL WHERE id = $1", invited),
        ("UPDATE users SET is_active = false WHERE id = $1", off),
    ] {
        sqlx::query(statement).bind(user).execute(app.pool()).await.unwrap();
    }
    for name in ["unknown", "known", "Known", "invited", "off"] {
        let asked = Instant::now();
        let answer = app.post(PATH, &json!({ "email": format!("{name}@example.com") })).answer().await.expect(202);
        assert_eq!(answer.json(), json!({ "status": "accepted" }), "{name}");
        assert!(asked.elapsed() >= Duration::from_millis(500), "{name}: {:?}", asked.elapsed());
    }
    assert_eq!(app.count(RESET_JOBS).await, 2, "one to each active account, and no second within a minute");
    let logged = "SELECT count(*) FROM audit_log WHERE action = 'password.reset_requested' AND actor = 'anonymous'";
    assert_eq!(app.count(logged).await, 2);
}

/// Security checklist 16: the link's host is that of the settings.
#[tokio::test]
async fn the_mail_has_a_link_that_works_and_leads_to_us_whatever_host_was_asked() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    app.register("ada@example.com").await;
    let body = json!({ "email": "ada@example.com" });
    let forged = app.post(PATH, &body).header("host", "evil.example").header("x-forwarded-host", "evil.example");
    let _ = forged.answer().await.expect(202);
    let _worker = app.start_worker(&mailbox).await;
    let reset = |text: Option<String>| text.is_some_and(|text| text.contains("reset-password"));
    let mail = mailbox.wait_for(|mail| reset(mail.text()), SOON).await.unwrap();
    for content in [mail.text().unwrap(), mail.html().unwrap()] {
        assert!(!content.contains("evil"), "{content}");
    }
    let link = mail.first_link().unwrap();
    let path = link.strip_prefix(&app.url("")).unwrap_or_else(|| panic!("{link}"));
    let html = app.get(path).answer().await.expect(200).text().to_owned();
    assert!(html.contains("<form") && html.contains(path.split_once("token=").unwrap().1), "{html}");
}

#[tokio::test]
async fn five_mails_a_day_and_no_more() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    for _ in 0..7 {
        let _ = app.post(PATH, &json!({ "email": "ada@example.com" })).answer().await.expect(202);
        a_minute_later(&app, user).await;
    }
    assert_eq!(app.count(RESET_JOBS).await, 5);
}

#[tokio::test]
async fn of_many_at_once_one_sends() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let body = json!({ "email": "ada@example.com" });
    for answer in join_all((0..10).map(|_| app.post(PATH, &body).answer())).await {
        let _ = answer.expect(202);
    }
    assert_eq!(app.count(RESET_JOBS).await, 1);
}

#[tokio::test]
async fn one_account_is_asked_for_so_often_and_a_stranger_is_counted_like_a_user() {
    let app = App::start_with(&[("RATE_LIMIT_RESET_PER_HOUR", "2")]).await;
    app.register("ada@example.com").await;
    for email in ["ada@example.com", "nobody@example.com"] {
        let body = json!({ "email": email });
        for _ in 0..2 {
            let _ = app.post(PATH, &body).answer().await.expect(202);
        }
        let answer = app.post(PATH, &body).answer().await;
        let _ = answer.problem(429, "rate_limited");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    }
}

#[tokio::test]
async fn what_is_no_address_is_told() {
    let app = App::start().await;
    let problem = app.post(PATH, &json!({ "email": "nobody" })).answer().await.problem(422, "validation_failed");
    assert_eq!(problem.errors(), ["#/email invalid_email"]);
}
