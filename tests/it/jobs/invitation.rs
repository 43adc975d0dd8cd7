//! `email.invitation`

use std::time::Duration;

use callboard_shared::db::password_reset_tokens;
use callboard_shared::domain::TokenPurpose::ResetPassword as Purpose;
use callboard_shared::jobs::Invitation;
use callboard_tests::app::App;
use callboard_tests::mailbox::Mailbox;
use uuid::Uuid;

use super::post_office::{
    HOSTILE_NAMES, arrived, change, enqueue, is_neutral, is_pointless, key, leads_to, member, rename,
};

const LIFETIME: Duration = Duration::from_hours(7 * 24);

/// Enqueues the mail; returns the ids of the job and the token.
async fn enqueue_for(app: &App, user_id: Uuid) -> (Uuid, Uuid) {
    let token_id = password_reset_tokens::create(app.pool(), &key(Purpose), user_id, LIFETIME).await.unwrap();
    (enqueue(app, &Invitation { user_id, token_id }).await, token_id)
}

#[tokio::test]
async fn the_mail_is_in_the_users_language_with_the_same_link_in_both_parts() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    for (email, locale, subject, lifetime) in [
        ("ada@example.com", "en", "Your Callboard account is ready", "7 days"),
        ("gildong@example.com", "ko", "Callboard 계정이 준비되었습니다", "7일"),
    ] {
        let user = member(&app, email, locale).await;
        let (job, token_id) = enqueue_for(&app, user).await;
        let (mail, done) = arrived(&app, &mailbox, job, email, locale).await;
        assert_eq!(mail.subject(), subject);
        leads_to(&app, &mail, &done, "reset-password", Purpose, token_id);
        for part in [mail.text().unwrap(), mail.html().unwrap()] {
            assert!(part.contains(lifetime), "{part}");
        }
    }
}

#[tokio::test]
async fn a_name_can_add_neither_headers_nor_markup() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    let user = member(&app, "ada@example.com", "en").await;
    for name in HOSTILE_NAMES {
        rename(&app, user, name).await;
        let (job, _) = enqueue_for(&app, user).await;
        let (mail, _) = arrived(&app, &mailbox, job, "ada@example.com", "en").await;
        is_neutral(&mail, name, "ada@example.com");
    }
}

#[tokio::test]
async fn nothing_is_sent_where_it_would_be_pointless() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let cases = [
        ("UPDATE users SET is_active = false WHERE id = $1", "switched off"),
        ("DELETE FROM users WHERE id = $1", "gone"),
        (
            "UPDATE password_reset_tokens SET created_at = now() - interval '9 days',
             expires_at = now() - interval '1 second' WHERE user_id = $1",
            "expired",
        ),
        ("UPDATE password_reset_tokens SET used_at = now() WHERE user_id = $1", "used"),
        ("DELETE FROM password_reset_tokens WHERE user_id = $1", "expired"),
    ];
    let mut jobs = Vec::new();
    for (n, (statement, reason)) in cases.into_iter().enumerate() {
        let user = member(&app, &format!("user{n}@example.com"), "en").await;
        let (job, _) = enqueue_for(&app, user).await;
        change(&app, statement, user).await;
        jobs.push((job, reason));
    }
    let _worker = app.start_worker(&mailbox).await;
    for (job, reason) in jobs {
        is_pointless(&app, job, reason).await;
    }
    assert!(mailbox.mails().is_empty(), "{:?}", mailbox.mails());
}
