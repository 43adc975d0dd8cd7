use std::time::{Duration, Instant};

use callboard_tests::app::{App, PASSWORD, Person, Send as _};
use callboard_tests::mailbox::Mailbox;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/change-email";
const SOON: Duration = Duration::from_secs(5);
const CONFIRM_JOBS: &str = "SELECT count(*) FROM queue_jobs_all WHERE kind = 'email.confirm_email_change'";

async fn ask(app: &App, person: &Person, new_email: &str) -> callboard_tests::answer::Answer {
    let body = json!({ "current_password": PASSWORD, "new_email": new_email });
    app.post(PATH, &body).bearer_auth(&person.token).answer().await
}

/// Confirmed at the new address, noticed at the old.
#[tokio::test]
async fn the_new_address_gets_a_link_that_works_and_the_old_one_is_told() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let ada = app.person("ada", "member").await;
    let body = json!({ "current_password": PASSWORD, "new_email": "countess@example.com" });
    let forged = app.post(PATH, &body).bearer_auth(&ada.token).header("host", "evil.example");
    assert_eq!(forged.answer().await.expect(202).json(), json!({ "status": "accepted" }));
    assert_eq!(app.count("SELECT count(*) FROM users WHERE email = 'ada@example.com'").await, 1);
    let _worker = app.start_worker(&mailbox).await;
    let mail = mailbox.wait_for_mail_to("countess@example.com", SOON).await.unwrap();
    let link = mail.first_link().unwrap();
    assert!(link.starts_with(&app.url("/api/v1/auth/confirm-email?token=")), "{link}");
    let token = link.split_once("token=").unwrap().1;
    let _ = app.post("/api/v1/auth/confirm-email", &json!({ "token": token })).answer().await.expect(200);
    mailbox.wait_for(|mail| mail.is_to("ada@example.com") && mail.first_link().is_none(), SOON).await.unwrap();
    assert_eq!(app.notices(ada.id, "email_change_requested").await, 1);
}

#[tokio::test]
async fn a_taken_address_is_not_told_and_gets_no_mail() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let eve = app.register("eve@example.com").await;
    let mut told: Vec<Value> = Vec::new();
    for (address, jobs) in [("EVE@example.com", 0), ("free@example.com", 1)] {
        let asked = Instant::now();
        told.push(ask(&app, &ada, address).await.expect(202).json());
        assert!(asked.elapsed() >= Duration::from_millis(500), "{address}: {:?}", asked.elapsed());
        assert_eq!(app.count(CONFIRM_JOBS).await, jobs, "{address}");
    }
    assert_eq!(told[0], told[1]);
    assert_eq!(app.notices(ada.id, "email_change_requested").await, 2);
    assert_eq!(app.notices(eve, "email_change_requested").await, 0);
}

/// Security checklist 11.
#[tokio::test]
async fn nothing_happens_without_the_password() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let ask = |body: Value| app.post(PATH, &body).bearer_auth(&ada.token);
    let wrong = json!({ "current_password": "not the right password", "new_email": "eve@example.com" });
    let problem = ask(wrong).answer().await.problem(422, "validation_failed");
    assert_eq!(problem.errors(), ["#/current_password wrong_password"]);
    let problem = ask(json!({ "new_email": "eve@example.com" })).answer().await.problem(422, "validation_failed");
    assert_eq!(problem.errors(), ["#/current_password required"]);
    assert_eq!(app.count("SELECT count(*) FROM email_change_tokens").await, 0);
    assert_eq!(app.count(CONFIRM_JOBS).await, 0);
}

#[tokio::test]
async fn who_has_no_password_is_told_how_to_get_one() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    sqlx::query("UPDATE users SET password_hash = NULL").execute(app.pool()).await.unwrap();
    let _ = ask(&app, &ada, "countess@example.com").await.problem(409, "password_not_set");
}

#[tokio::test]
async fn ones_own_address_and_what_is_none_are_told() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for (address, error) in [("ada@example.com", "#/new_email unchanged"), ("nobody", "#/new_email invalid_email")] {
        let problem = ask(&app, &ada, address).await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error]);
    }
}

#[tokio::test]
async fn five_changes_a_day_and_a_new_one_ends_the_last() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    app.register("eve@example.com").await;
    let _ = ask(&app, &ada, "first@example.com").await.expect(202);
    let first = app.email_change_token(ada.id).await;
    for address in ["second", "eve", "third", "fourth"] {
        let _ = ask(&app, &ada, &format!("{address}@example.com")).await.expect(202);
    }
    let answer = ask(&app, &ada, "fifth@example.com").await;
    let _ = answer.problem(429, "rate_limited");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    let confirm = app.post("/api/v1/auth/confirm-email", &json!({ "token": first })).answer().await;
    let _ = confirm.problem(400, "email_change_token_expired");
}

/// Whoever asks, and however many they are.
#[tokio::test]
async fn one_address_is_not_flooded_by_many_accounts() {
    let app = App::start_with(&[("RATE_LIMIT_RESET_PER_HOUR", "2")]).await;
    let mut statuses = Vec::new();
    for name in ["ada", "eve", "mia"] {
        let person = app.person(name, "member").await;
        statuses.push(ask(&app, &person, "victim@example.com").await.status);
    }
    assert_eq!(statuses, [202, 202, 429]);
    assert_eq!(app.count(CONFIRM_JOBS).await, 2);
}
