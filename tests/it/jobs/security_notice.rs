//! `email.security_notice`

use callboard_shared::jobs::{Notice, SecurityNotice};
use callboard_tests::app::App;
use callboard_tests::mailbox::Mailbox;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::post_office::{HOSTILE_NAMES, arrived, change, enqueue, is_neutral, is_pointless, mail_of, member, rename};

const ADA: &str = "ada@example.com";

fn notice(user_id: Uuid, notice: Notice) -> SecurityNotice {
    SecurityNotice { user_id, notice, email: None }
}

#[tokio::test]
async fn the_mail_is_in_the_users_language_and_has_no_link() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    for (email, locale, subject) in
        [(ADA, "en", "Your password was changed"), ("gildong@example.com", "ko", "비밀번호가 변경되었습니다")]
    {
        let user = member(&app, email, locale).await;
        let job = enqueue(&app, &notice(user, Notice::PasswordChanged)).await;
        let (mail, _) = arrived(&app, &mailbox, job, email, locale).await;
        assert_eq!(mail.subject(), subject);
        assert_eq!(mail.first_link(), None);
        assert!(!mail.html().unwrap().contains("href"), "{:?}", mail.html());
    }
}

/// An attempt may come hours after the deed; what counts is the deed.
#[tokio::test]
async fn it_tells_when_it_was_done_and_not_when_it_was_sent() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let user = member(&app, ADA, "en").await;
    mailbox.refuse_messages(451, 1);
    let _worker = app.start_worker(&mailbox).await;
    let job = enqueue(&app, &notice(user, Notice::TotpDisabled)).await;
    app.job_in_state(job, "scheduled").await;
    // As if it had waited since then: a job's id has the time of its enqueue.
    let long_ago: Uuid = "01900000-0000-7000-8000-000000000000".parse().unwrap();
    let moved = sqlx::query("UPDATE queue_jobs SET id = $2, run_at = clock_timestamp() WHERE id = $1");
    assert_eq!(moved.bind(job).bind(long_ago).execute(app.pool()).await.unwrap().rows_affected(), 1);
    let at: DateTime<Utc> = DateTime::from_timestamp_millis(0x0190_0000_0000).unwrap();
    let text = mail_of(&mailbox, long_ago).await.text().unwrap();
    assert!(text.contains(&at.format("%-d %B %Y, %H:%M UTC").to_string()), "{text}");
}

/// Who took an account over must not be the only one to hear of it.
#[tokio::test]
async fn the_old_address_hears_of_a_new_one() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    let user = member(&app, ADA, "en").await;
    change(&app, "UPDATE users SET email = 'eve@evil.example' WHERE id = $1", user).await;
    let told = SecurityNotice { user_id: user, notice: Notice::EmailChanged, email: Some(ADA.parse().unwrap()) };
    let job = enqueue(&app, &told).await;
    let (mail, _) = arrived(&app, &mailbox, job, ADA, "en").await;
    assert_eq!(mail.subject(), "Your email address was changed");
    assert!(!String::from_utf8_lossy(&mail.raw).contains("evil"), "the new address is nobody else's business");
}

#[tokio::test]
async fn a_name_can_add_neither_headers_nor_markup() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    let user = member(&app, ADA, "en").await;
    for name in HOSTILE_NAMES {
        rename(&app, user, name).await;
        let job = enqueue(&app, &notice(user, Notice::FailedLogins)).await;
        let (mail, _) = arrived(&app, &mailbox, job, ADA, "en").await;
        is_neutral(&mail, name, ADA);
    }
}

#[tokio::test]
async fn nothing_is_sent_where_it_would_be_pointless() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let mut jobs = Vec::new();
    for (email, statement, reason) in [
        ("off@example.com", "UPDATE users SET is_active = false WHERE id = $1", "switched off"),
        ("gone@example.com", "DELETE FROM users WHERE id = $1", "gone"),
    ] {
        let user = member(&app, email, "en").await;
        jobs.push((enqueue(&app, &notice(user, Notice::ApiKeyCreated)).await, reason));
        change(&app, statement, user).await;
    }
    let _worker = app.start_worker(&mailbox).await;
    for (job, reason) in jobs {
        is_pointless(&app, job, reason).await;
    }
    assert!(mailbox.mails().is_empty(), "{:?}", mailbox.mails());
}
