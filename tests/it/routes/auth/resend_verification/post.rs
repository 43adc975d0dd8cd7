use std::time::{Duration, Instant};

use callboard_tests::app::{App, Send as _};
use callboard_tests::mailbox::Mailbox;
use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;

const PATH: &str = "/api/v1/auth/resend-verification";
const SOON: Duration = Duration::from_secs(5);

/// A minute goes by, as far as mails are concerned.
async fn a_minute_later(app: &App, user: Uuid) {
    sqlx::query(
        "UPDATE email_verification_tokens
         SET created_at = created_at - interval '61 seconds' WHERE user_id = $1",
    )
    .bind(user)
    .execute(app.pool())
    .await
    .unwrap();
}

#[tokio::test]
async fn sends_another_mail_that_works() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let user = app.register("ada@example.com").await;
    a_minute_later(&app, user).await;
    let _ = app.post(PATH, &json!({ "email": "ADA@example.com" })).answer().await.expect(202);
    let _worker = app.start_worker(&mailbox).await;
    mailbox.wait_for(|mail| mail.number == 2, SOON).await.unwrap();
    for mail in mailbox.mails_to("ada@example.com") {
        let link = mail.first_link().unwrap();
        let token = link.split_once("token=").unwrap().1;
        let _ = app.post("/api/v1/auth/verify-email", &json!({ "token": token })).answer().await.expect(200);
    }
}

/// Neither the answer nor its time tells whether an address is known.
#[tokio::test]
async fn the_answer_is_the_same_for_every_address() {
    let app = App::start().await;
    let waiting = app.register("waiting@example.com").await;
    a_minute_later(&app, waiting).await;
    app.register("fresh@example.com").await;
    let verified = app.register("verified@example.com").await;
    let off = app.register("off@example.com").await;
    for (statement, user) in [
        ("UPDATE users SET email_verified_at = now() WHERE id = $1", verified),
        ("UPDATE users SET is_active = false WHERE id = $1", off),
    ] {
        sqlx::query(statement).bind(user).execute(app.pool()).await.unwrap();
        a_minute_later(&app, user).await;
    }
    let jobs = app.count("SELECT count(*) FROM queue_jobs").await;
    for name in ["unknown", "waiting", "fresh", "verified", "off"] {
        let asked = Instant::now();
        let answer = app.post(PATH, &json!({ "email": format!("{name}@example.com") })).answer().await.expect(202);
        assert_eq!(answer.json(), json!({ "status": "accepted" }), "{name}");
        assert!(asked.elapsed() >= Duration::from_millis(100), "{name}");
    }
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs").await, jobs + 1, "only who waits gets another");
}

#[tokio::test]
async fn of_many_at_once_one_sends() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    a_minute_later(&app, user).await;
    let body = json!({ "email": "ada@example.com" });
    for answer in join_all((0..10).map(|_| app.post(PATH, &body).answer())).await {
        let _ = answer.expect(202);
    }
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs").await, 2);
    assert_eq!(app.count("SELECT count(*) FROM email_verification_tokens").await, 2);
}

#[tokio::test]
async fn what_is_no_address_is_told() {
    let app = App::start().await;
    let problem = app.post(PATH, &json!({ "email": "nobody" })).answer().await.problem(422, "validation_failed");
    assert_eq!(problem.errors(), ["#/email invalid_email"]);
}
