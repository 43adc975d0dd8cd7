//! `email.confirm_email_change`

use callboard_shared::db::email_change_tokens;
use callboard_shared::domain::TokenPurpose::ChangeEmail;
use callboard_shared::jobs::ConfirmEmailChange;
use callboard_tests::app::App;
use callboard_tests::mailbox::Mailbox;
use uuid::Uuid;

use super::post_office::{
    AN_HOUR, HOSTILE_NAMES, arrived, change, enqueue, is_nameless, is_pointless, key, leads_to, member, rename,
};

/// Enqueues the mail to a new address; returns the ids of the job and the token.
async fn enqueue_for(app: &App, user_id: Uuid, new_email: &str) -> (Uuid, Uuid) {
    let new_email = new_email.parse().unwrap();
    let key = key(ChangeEmail);
    let token_id = email_change_tokens::create(app.pool(), &key, user_id, &new_email, AN_HOUR).await.unwrap();
    (enqueue(app, &ConfirmEmailChange { user_id, token_id }).await, token_id)
}

#[tokio::test]
async fn the_mail_goes_to_the_new_address_in_the_users_language() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    for (name, locale, subject) in
        [("ada", "en", "Confirm your new email address"), ("gildong", "ko", "새 이메일 주소를 인증해 주세요")]
    {
        let (old, new) = (format!("{name}@example.com"), format!("{name}.New@example.org"));
        let user = member(&app, &old, locale).await;
        let (job, token_id) = enqueue_for(&app, user, &new).await;
        let (mail, done) = arrived(&app, &mailbox, job, &new, locale).await;
        assert_eq!(mail.subject(), subject);
        leads_to(&app, &mail, &done, "confirm-email", ChangeEmail, token_id);
        assert!(!done["payload"].to_string().contains('@'), "ids only: {done}");
        assert!(mailbox.mails_to(&old).is_empty());
    }
}

#[tokio::test]
async fn a_name_is_not_in_it() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    let user = member(&app, "ada@example.com", "en").await;
    for name in HOSTILE_NAMES {
        rename(&app, user, name).await;
        let (job, _) = enqueue_for(&app, user, "ada@example.org").await;
        let (mail, _) = arrived(&app, &mailbox, job, "ada@example.org", "en").await;
        is_nameless(&mail, name, "ada@example.org");
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
            "UPDATE email_change_tokens SET created_at = now() - interval '9 days',
             expires_at = now() - interval '1 second' WHERE user_id = $1",
            "expired",
        ),
        ("UPDATE email_change_tokens SET used_at = now() WHERE user_id = $1", "used"),
        ("DELETE FROM email_change_tokens WHERE user_id = $1", "gone"),
    ];
    let mut jobs = Vec::new();
    for (n, (statement, reason)) in cases.into_iter().enumerate() {
        let user = member(&app, &format!("user{n}@example.com"), "en").await;
        let (job, _) = enqueue_for(&app, user, &format!("user{n}@example.org")).await;
        change(&app, statement, user).await;
        jobs.push((job, reason));
    }
    let _worker = app.start_worker(&mailbox).await;
    for (job, reason) in jobs {
        is_pointless(&app, job, reason).await;
    }
    assert!(mailbox.mails().is_empty(), "{:?}", mailbox.mails());
}
