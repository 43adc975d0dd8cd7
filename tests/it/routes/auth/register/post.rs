use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::mailbox::Mailbox;
use callboard_tests::wait::wait_for;
use futures::future::join_all;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/register";
const SOON: Duration = Duration::from_secs(5);

async fn errors(app: &App, change: Value) -> Vec<String> {
    let mut body = json!({ "email": "ada@example.com", "password": PASSWORD });
    for (name, value) in change.as_object().unwrap() {
        body[name] = value.clone();
    }
    app.post(PATH, &body).answer().await.problem(422, "validation_failed").errors()
}

#[tokio::test]
async fn makes_a_user_a_token_and_a_job() {
    let app = App::start().await;
    let body = json!({
        "email": "Ada.King@Example.COM", "password": PASSWORD, "username": "Ada", "full_name": "Ada King", "locale": "ko",
    });
    let answer = app.post(PATH, &body).answer().await.expect(201);
    assert_eq!(answer.header("location"), "/api/v1/auth/me");
    let user = answer.json();
    assert_eq!((&user["email"], &user["username"]), (&json!("Ada.King@example.com"), &json!("ada")));
    assert_eq!((&user["full_name"], &user["locale"]), (&json!("Ada King"), &json!("ko")));
    assert_eq!((&user["role"], &user["is_active"]), (&json!("member"), &json!(true)));
    assert!(user["email_verified_at"].is_null());
    assert!(!answer.text().contains("argon2") && !answer.text().contains(PASSWORD));

    assert_eq!(app.count("SELECT count(*) FROM email_verification_tokens").await, 1);
    let job = app.job_of(user["id"].as_str().unwrap().parse().unwrap()).await;
    let job = app.job_in_state(job, "queued").await;
    assert_eq!(job["meta"]["request_id"], answer.header("x-request-id"), "{job}");
    assert!(!job.to_string().to_lowercase().contains("ada.king@"), "no address in the ledger: {job}");
}

#[tokio::test]
async fn what_is_left_out_is_made_up() {
    let app = App::start().await;
    for (email, language, username, locale) in
        [("li@example.com", "en", "userli", "en"), ("gil.dong+news@example.com", "ko-KR", "gil.dong", "ko")]
    {
        let body = json!({ "email": email, "password": PASSWORD });
        let user = app.post(PATH, &body).header("accept-language", language).answer().await.expect(201).json();
        assert_eq!((&user["username"], &user["locale"]), (&json!(username), &json!(locale)));
        assert!(user["full_name"].is_null(), "{user}");
    }
    // The same name again gets a number.
    let body = json!({ "email": "li@example.org", "password": PASSWORD });
    let user = app.post(PATH, &body).answer().await.expect(201).json();
    let username = user["username"].as_str().unwrap();
    assert!(username.starts_with("userli") && username.len() > "userli".len(), "{username}");
}

#[tokio::test]
async fn an_address_or_a_name_that_is_taken_is_a_conflict_and_sends_nothing() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    app.register("ada@example.com").await;
    mailbox.wait_for_mail_to("ada@example.com", SOON).await.unwrap();

    for (body, code) in [
        (json!({ "email": "ADA@EXAMPLE.com", "password": PASSWORD }), "email_taken"),
        (json!({ "email": "ada@example.com", "password": PASSWORD, "username": "other" }), "email_taken"),
        (json!({ "email": "other@example.com", "password": PASSWORD, "username": "ADA" }), "username_taken"),
    ] {
        let problem = app.post(PATH, &body).answer().await.problem(409, code);
        assert!(!problem.0.to_string().contains("example.com"), "{}", problem.0);
    }
    // A mail that is sent after them shows that theirs would have come.
    app.register("last@example.com").await;
    mailbox.wait_for_mail_to("last@example.com", SOON).await.unwrap();
    assert_eq!(mailbox.mails().len(), 2);
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs_all").await, 2);
    assert_eq!(app.count("SELECT count(*) FROM email_verification_tokens").await, 2);
}

#[tokio::test]
async fn of_fifty_at_once_one_wins_and_gets_one_mail() {
    // On two cores, fewer than fifty passwords may wait to be hashed.
    let app = App::start_with(&[("PASSWORD_HASH_CONCURRENCY", "8")]).await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let attempts = (0..50).map(|_| app.post(PATH, &body).answer());
    let answers = join_all(attempts).await;

    let created = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(created, 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        let _ = answer.problem(409, "email_taken");
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM email_verification_tokens").await, 1);
    mailbox.wait_for_mail_to("ada@example.com", SOON).await.unwrap();
    app.register("last@example.com").await;
    mailbox.wait_for_mail_to("last@example.com", SOON).await.unwrap();
    assert_eq!(mailbox.mails_to("ada@example.com").len(), 1);
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs_all").await, 2);
}

/// Two who choose the same name by their addresses at the same time both get in.
#[tokio::test]
async fn names_that_are_made_up_at_once_differ() {
    let app = App::start().await;
    let bodies: Vec<_> =
        (0..10).map(|n| json!({ "email": format!("ada@example{n}.com"), "password": PASSWORD })).collect();
    let answers = join_all(bodies.iter().map(|body| app.post(PATH, body).answer())).await;
    for answer in answers {
        let _ = answer.expect(201);
    }
    assert_eq!(app.count("SELECT count(DISTINCT username) FROM users").await, 10);
}

#[tokio::test]
async fn every_value_at_fault_is_named_at_once() {
    let app = App::start().await;
    let all =
        json!({ "email": "no address", "password": "short", "username": "a b", "full_name": " ", "locale": "fr" });
    assert_eq!(
        errors(&app, all).await,
        [
            "#/email invalid_email",
            "#/password too_short",
            "#/username invalid_characters",
            "#/full_name empty",
            "#/locale unknown_value",
        ]
    );
    assert_eq!(errors(&app, json!({ "email": "a".repeat(10_000) })).await, ["#/email too_long"]);
    assert_eq!(errors(&app, json!({ "email": "ada\u{0}@example.com" })).await, ["#/email invalid_email"]);
    assert_eq!(errors(&app, json!({ "username": "ada\u{0}" })).await, ["#/username invalid_characters"]);
    assert_eq!(
        errors(&app, json!({ "full_name": "Ada\r\nBcc: eve@example.com" })).await,
        ["#/full_name invalid_characters"]
    );
    assert_eq!(errors(&app, json!({ "full_name": "가".repeat(201) })).await, ["#/full_name too_long"]);
    assert_eq!(
        errors(&app, json!({ "password": format!("{PASSWORD}\u{0}") })).await,
        ["#/password invalid_characters"]
    );
}

#[tokio::test]
async fn passwords_are_long_and_hard_to_guess_and_not_about_the_person() {
    let app = App::start().await;
    for (password, reason) in [
        ("1234567", "too_short"),
        (&"x".repeat(129), "too_long"),
        ("password123", "too_weak"),
        ("aaaaaaaaaaaaaaaa", "too_weak"),
        ("lovelace over the harbour", "contains_personal_data"),
        ("harbour ADA.KING lantern", "contains_personal_data"),
    ] {
        let change = json!({ "password": password, "email": "ada.king@example.com", "full_name": "Ada Lovelace" });
        assert_eq!(errors(&app, change).await, [format!("#/password {reason}")], "{password}");
    }
    for (n, password) in
        ["correct horse battery staple", &"quiet lantern ".repeat(4), "안개 낀 항구의 조용한 등불"].iter().enumerate()
    {
        app.register_with(&json!({ "email": format!("ada{n}@example.com"), "password": password })).await;
    }
}

/// Only the first byte after 72 tells two passwords apart, which bcrypt would not see.
#[tokio::test]
async fn a_password_counts_to_its_last_byte() {
    let app = App::start().await;
    let long = format!("{}-{}", "quiet lantern harbour ".repeat(3), "123456A");
    let other = long.replace("123456A", "123456B");
    app.register_with(&json!({ "email": "ada@example.com", "password": long })).await;
    let login =
        |password: &str| app.post("/api/v1/auth/login", &json!({ "login": "ada", "password": password })).answer();
    assert_eq!(login(&long).await.status, 200);
    let _ = login(&other).await.problem(401, "invalid_credentials");
}

/// Checklist 12 and 13, with the other policy.
#[tokio::test]
async fn classes_may_be_asked_for_instead() {
    let app = App::start_with(&[("PASSWORD_POLICY", "classes")]).await;
    for lacking in [PASSWORD, "password123", "AAAA-1111", "Aaaa-bbbb", "Aaaa1111"] {
        let body = json!({ "email": "ada@example.com", "password": lacking });
        let problem = app.post(PATH, &body).answer().await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), ["#/password lacks_classes"], "{lacking}");
    }
    let body = json!({ "email": "ada@example.com", "password": "Aa1-aaaa" });
    let _ = app.post(PATH, &body).answer().await.expect(201);
}

#[tokio::test]
async fn while_too_many_mails_wait_nobody_is_registered_and_retry_after_says_when() {
    let app = App::start_with(&[("QUEUE_DEPTH_LIMITS", "mail=1")]).await;
    // How deep a queue is is known for a second, in which some more may come in.
    let numbers = AtomicUsize::new(0);
    let register = || async {
        let number = numbers.fetch_add(1, Ordering::Relaxed);
        let body = json!({ "email": format!("user-{number}@example.com"), "password": PASSWORD });
        let answer = app.post(PATH, &body).answer().await;
        (answer.status == 429).then_some((number, answer))
    };
    let (number, full) = wait_for(SOON, "the queue is full", register).await.0;
    assert_eq!(full.header("retry-after"), "5");
    assert_eq!(full.problem(429, "queue_full").code(), "queue_full");
    let users = usize::try_from(app.count("SELECT count(*) FROM users").await).unwrap();
    assert_eq!(users, number, "nothing was done");
}
