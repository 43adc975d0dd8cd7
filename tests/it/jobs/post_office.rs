//! What the tests of mails stand on.

use std::sync::Arc;
use std::time::Duration;

use callboard_queue::Job;
use callboard_shared::domain::{MailKey, TokenPurpose};
use callboard_tests::answer::is_korean;
use callboard_tests::app::App;
use callboard_tests::mailbox::{Mail, Mailbox};
use callboard_tests::settings::SECRET;
use serde_json::{Value, json};
use uuid::Uuid;

pub(super) const SOON: Duration = Duration::from_secs(5);
pub(super) const AN_HOUR: Duration = Duration::from_hours(1);

/// Names that try to become headers, receivers or markup. What a name may hold
/// is decided where it is parsed; these get that far.
pub(super) const HOSTILE_NAMES: [&str; 7] = [
    "<script>alert(1)</script>",
    r#"Ada" <eve@evil.example>, "x"#,
    "Bcc: eve@evil.example",
    "=?utf-8?q?Eve=0D=0ABcc:_eve@evil.example?=",
    r#"'"><img src=x onerror=alert(1)>"#,
    "{{ link }}{% include %}",
    "%0d%0aBcc:%20eve@evil.example",
];

/// A user with a verified address, to whom nothing has been sent.
pub(super) async fn member(app: &App, email: &str, locale: &str) -> Uuid {
    let id = Uuid::now_v7();
    sqlx::query("INSERT INTO users (id, email, username, locale, email_verified_at) VALUES ($1, $2, $3, $4, now())")
        .bind(id)
        .bind(email)
        .bind(email.split('@').next())
        .bind(locale)
        .execute(app.pool())
        .await
        .unwrap();
    id
}

/// The key of the installation for this purpose.
pub(super) fn key(purpose: TokenPurpose) -> MailKey {
    MailKey::derive(SECRET.as_bytes(), purpose)
}

/// Enqueues a job; returns its id.
pub(super) async fn enqueue(app: &App, job: &impl Job) -> Uuid {
    let mut tx = app.state().queue.begin().await.unwrap();
    let enqueued = tx.enqueue(job).await.unwrap();
    tx.commit().await.unwrap();
    enqueued.id
}

/// Waits for the mail of a job.
pub(super) async fn mail_of(mailbox: &Mailbox, job: Uuid) -> Arc<Mail> {
    let id = format!("<{job}@callboard.example>");
    mailbox.wait_for(|mail| mail.header("Message-ID").as_ref() == Some(&id), SOON).await.unwrap()
}

/// Runs a statement about a user, whose id is `$1`.
pub(super) async fn change(app: &App, statement: &'static str, user: Uuid) {
    let done = sqlx::query(statement).bind(user).execute(app.pool()).await.unwrap();
    assert_eq!(done.rows_affected(), 1, "{statement}");
}

/// That a mail went to this address only, is in this language, and that its job
/// has ended well.
pub(super) async fn arrived(app: &App, mailbox: &Mailbox, job: Uuid, to: &str, locale: &str) -> (Arc<Mail>, Value) {
    let mail = mail_of(mailbox, job).await;
    assert_eq!(mail.to, [to]);
    assert_eq!(mail.header("Content-Language").as_deref(), Some(locale));
    for part in [mail.subject(), mail.text().unwrap(), mail.html().unwrap()] {
        assert_eq!(is_korean(&part), locale == "ko", "{part}");
    }
    let done = app.job_in_state(job, "completed").await;
    assert_eq!(done["result"], json!({ "sent": true }));
    (mail, done)
}

/// That both parts of a mail have the link of this token, which is below the
/// public URL, and that the ledger has not.
pub(super) fn leads_to(app: &App, mail: &Mail, done: &Value, page: &str, purpose: TokenPurpose, token_id: Uuid) {
    let token = key(purpose).token(token_id).expose();
    let link = app.url(&format!("/api/v1/auth/{page}?token={token}"));
    assert_eq!(mail.first_link().as_deref(), Some(link.as_str()));
    let html = mail.html().unwrap();
    assert!(html.contains(&format!("href=\"{link}\"")), "{html}");
    assert!(!done.to_string().contains(&token), "no token in the ledger");
}

/// That a mail to an address that nobody has proved to be theirs says nothing of
/// the name that was typed with it.
pub(super) fn is_nameless(mail: &Mail, name: &str, to: &str) {
    assert_eq!(mail.to, [to], "{name}");
    assert_eq!(mail.header("To").as_deref(), Some(to), "{name}");
    for part in [mail.text().unwrap(), mail.html().unwrap()] {
        assert!(!part.contains(name) && !part.contains("evil"), "{name}: {part}");
    }
}

/// That a name adds no headers, no receivers and no markup.
pub(super) fn is_neutral(mail: &Mail, name: &str, to: &str) {
    assert_eq!(mail.to, [to], "{name}");
    let raw = String::from_utf8_lossy(&mail.raw).into_owned();
    let (head, _) = raw.split_once("\r\n\r\n").unwrap();
    assert!(!head.to_lowercase().lines().any(|line| line.starts_with("bcc") || line.starts_with("cc")), "{head}");
    assert_eq!(head.lines().filter(|line| line.starts_with("To:")).count(), 1, "{head}");
    assert!(head.lines().all(|line| line.len() < 998), "{head}");
    assert!(mail.header("To").unwrap().ends_with(&format!("<{to}>")), "{head}");
    let (text, html) = (mail.text().unwrap(), mail.html().unwrap());
    for markup in ["<script", "<img src=x", "<eve@"] {
        assert!(!html.contains(markup), "{name}: {html}");
    }
    let without_space = |text: &str| text.split_whitespace().collect::<String>();
    assert!(without_space(&text).contains(&without_space(name)), "{name}: {text}");
}

/// Sets a user's name.
pub(super) async fn rename(app: &App, user: Uuid, name: &str) {
    let query = sqlx::query("UPDATE users SET full_name = $2 WHERE id = $1").bind(user).bind(name);
    assert_eq!(query.execute(app.pool()).await.unwrap().rows_affected(), 1);
}

/// That a job ends unsent, for this reason.
pub(super) async fn is_pointless(app: &App, job: Uuid, reason: &str) {
    let ended = app.job_in_state(job, "discarded").await;
    assert!(ended["end_reason"].as_str().unwrap().contains(reason), "{reason}: {ended}");
}
