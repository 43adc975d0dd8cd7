//! Passwords: weak ones, long ones, forgotten ones.

use std::time::{Duration, Instant};

use callboard_tests::answer::Answer;
use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::authenticator::{Authenticator, forget_used_codes, mfa_token, second_step};
use callboard_tests::mailbox::Mailbox;
use callboard_tests::wait::SOON;
use serde_json::json;

use super::{NEW_PASSWORD, login, me};

const FORGOT: &str = "/api/v1/auth/forgot-password";
const RESET: &str = "/api/v1/auth/reset-password";

async fn register(app: &App, name: &str, password: &str) -> Answer {
    let body = json!({ "email": format!("{name}@example.com"), "password": password });
    app.post("/api/v1/auth/register", &body).answer().await
}

async fn reset(app: &App, token: &str, password: &str) -> Answer {
    app.post(RESET, &json!({ "token": token, "password": password })).answer().await
}

#[tokio::test]
async fn c12_seven_characters_and_sixty_four() {
    let app = App::start().await;
    for seven in ["x9$Lq2!", "가나다라마바사"] {
        let problem = register(&app, "ada", seven).await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), ["#/password too_short"]);
    }
    let long = "pelican ".repeat(8);
    let long = format!("{}x9", &long[..62]);
    assert_eq!(long.len(), 64);
    let _ = register(&app, "ada", &long).await.expect(201);
    let _ = login(&app, "ada", &long).await.expect(200);
    let _ = login(&app, "ada", &long[..63]).await.problem(401, "invalid_credentials");
}

#[tokio::test]
async fn c13_the_passwords_that_everybody_tries() {
    let app = App::start().await;
    for weak in ["password123", "Password123!", "qwertyuiop", "11111111", "iloveyou1", "letmein123"] {
        let problem = register(&app, "ada", weak).await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), ["#/password too_weak"], "{weak}");
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}

/// Some hashes stop reading after 72 bytes.
#[tokio::test]
async fn c14_long_passphrases_count_to_their_last_byte() {
    let app = App::start().await;
    let phrase = "many quiet otters carry seven paper lanterns over the frozen harbour at nig";
    assert_eq!(phrase.len(), 75);
    let [one, other] = ["x", "y"].map(|last| format!("{}{last}", &phrase[..72]));
    let _ = register(&app, "ada", &one).await.expect(201);
    let _ = login(&app, "ada", &one).await.expect(200);
    let _ = login(&app, "ada", &other).await.problem(401, "invalid_credentials");
    let _ = login(&app, "ada", &one[..72]).await.problem(401, "invalid_credentials");
}

/// What an answer tells by its status, its headers and its body.
fn told(answer: &Answer) -> (u16, Vec<String>, String) {
    let mut names: Vec<_> = answer.headers.keys().map(ToString::to_string).collect();
    names.sort();
    let body = match answer.json() {
        serde_json::Value::Object(mut body) => {
            body.remove("request_id");
            json!(body).to_string()
        }
        body => body.to_string(),
    };
    (answer.status, names, body)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

/// By status, headers, body and time, over several tries in turns. A registered
/// address costs more work, a mail and a wrong password's hash among it; the
/// bound is far below what either takes.
#[tokio::test]
async fn c15_known_and_unknown_addresses_look_the_same() {
    const TRIES: usize = 7;
    let app = App::start().await;
    for number in 0..TRIES {
        app.register(&format!("known{number}@example.com")).await;
    }
    let forgot =
        async |name: String| app.post(FORGOT, &json!({ "email": format!("{name}@example.com") })).answer().await;
    let wrong = async |name: String| login(&app, &format!("{name}@example.com"), "not the right password").await;
    let mut times: [[Vec<Duration>; 2]; 2] = Default::default();
    let mut answers: [Vec<_>; 2] = Default::default();
    for number in 0..TRIES {
        for (side, name) in ["known", "stranger"].into_iter().enumerate() {
            let asked = Instant::now();
            answers[0].push(told(&forgot(format!("{name}{number}")).await.expect(202)));
            times[0][side].push(asked.elapsed());
            let asked = Instant::now();
            answers[1].push(told(&wrong(format!("{name}{number}")).await));
            times[1][side].push(asked.elapsed());
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM password_reset_tokens").await, i64::try_from(TRIES).unwrap());
    for answers in &mut answers {
        answers.sort();
        answers.dedup();
        assert_eq!(answers.len(), 1, "{answers:#?}");
    }
    for [known, unknown] in times {
        let (known, unknown) = (median(known), median(unknown));
        let bound = Duration::from_millis(60).max(known.min(unknown) / 2);
        assert!(known.abs_diff(unknown) < bound, "{known:?} and {unknown:?}");
        // Nobody's password is hashed as well.
        assert!(unknown * 2 > known, "{known:?} and {unknown:?}");
    }
}

#[tokio::test]
async fn c16_a_reset_link_works_once_for_an_hour_and_leads_to_us() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let ada = app.person("ada", "member").await;
    let _worker = app.start_worker(&mailbox).await;
    let forged = app.post(FORGOT, &json!({ "email": "ada@example.com" }));
    let forged = forged
        .header("host", "evil.example")
        .header("x-forwarded-host", "evil.example")
        .header("forwarded", "host=evil.example;proto=https")
        .header("x-original-host", "evil.example")
        .header("origin", "https://evil.example")
        .header("referer", "https://evil.example/");
    let _ = forged.answer().await.expect(202);
    let is_reset = |text: Option<String>| text.is_some_and(|text| text.contains("reset-password"));
    let mail = mailbox.wait_for(|mail| is_reset(mail.text()), SOON).await.unwrap();
    assert!(!String::from_utf8_lossy(&mail.raw).contains("evil"));
    let link = mail.first_link().unwrap();
    let token = link.strip_prefix(&app.url("/api/v1/auth/reset-password?token=")).unwrap().to_owned();
    let _ = reset(&app, &token, NEW_PASSWORD).await.expect(200);
    let _ = reset(&app, &token, PASSWORD).await.problem(400, "reset_token_invalid");

    sqlx::query("UPDATE password_reset_tokens SET created_at = created_at - interval '2 minutes'")
        .execute(app.pool())
        .await
        .unwrap();
    let _ = app.post(FORGOT, &json!({ "email": "ada@example.com" })).answer().await.expect(202);
    let late = app.reset_token(ada.id).await;
    assert_ne!(late, token);
    sqlx::query(
        "UPDATE password_reset_tokens SET created_at = created_at - interval '61 minutes',
         expires_at = expires_at - interval '61 minutes' WHERE used_at IS NULL",
    )
    .execute(app.pool())
    .await
    .unwrap();
    let _ = reset(&app, &late, PASSWORD).await.problem(400, "reset_token_expired");
    let _ = login(&app, "ada", NEW_PASSWORD).await.expect(200);
}

/// Somebody who reads the mails, and has no authenticator.
#[tokio::test]
async fn c19_a_reset_does_not_pass_by_the_second_factor() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (authenticator, recovery) = Authenticator::set_up(&app, &ada).await;
    let _ = app.post(FORGOT, &json!({ "email": "ada@example.com" })).answer().await.expect(202);
    let answer = reset(&app, &app.reset_token(ada.id).await, NEW_PASSWORD).await.expect(200);
    assert!(!answer.text().contains("token"), "{}", answer.text());
    let answer = login(&app, "ada", NEW_PASSWORD).await;
    let first = answer.problem(401, "totp_required");
    let token = first.0["mfa_token"].as_str().unwrap();
    assert!(!answer.text().contains("access_token"));
    let _ = me(&app, token).await.problem(401, "invalid_token");
    for code in ["000000", &authenticator.wrong_code()] {
        let body = second_step(token, code);
        assert_ne!(app.post("/api/v1/auth/login/totp", &body).answer().await.status, 200);
    }
    let body = json!({ "mfa_token": token, "recovery_code": recovery[0] });
    let _ = app.post("/api/v1/auth/login/totp", &body).answer().await.expect(200);
}

/// A login that was half-way through with the old password.
#[tokio::test]
async fn c19_a_new_password_ends_the_logins_begun_with_the_old_one() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (authenticator, recovery) = Authenticator::set_up(&app, &ada).await;
    let thief = mfa_token(&app, "ada").await;
    let _ = app.post(FORGOT, &json!({ "email": "ada@example.com" })).answer().await.expect(202);
    let _ = reset(&app, &app.reset_token(ada.id).await, NEW_PASSWORD).await.expect(200);
    forget_used_codes(&app, ada.id).await;
    let code = authenticator.code(0);
    for body in [second_step(&thief, &code), json!({ "mfa_token": thief, "recovery_code": recovery[0] })] {
        let _ = app.post("/api/v1/auth/login/totp", &body).answer().await.problem(401, "mfa_token_invalid");
    }
    // The code was good, and is not used up.
    let first = login(&app, "ada", NEW_PASSWORD).await.problem(401, "totp_required");
    let body = second_step(first.0["mfa_token"].as_str().unwrap(), &code);
    let _ = app.post("/api/v1/auth/login/totp", &body).answer().await.expect(200);
}
