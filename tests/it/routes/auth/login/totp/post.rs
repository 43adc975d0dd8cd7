use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::authenticator::{Authenticator, forget_used_codes, mfa_token, second_step};
use futures::future::join_all;
use serde_json::json;

const PATH: &str = "/api/v1/auth/login/totp";

#[tokio::test]
async fn a_code_of_the_app_completes_the_login() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (authenticator, _) = Authenticator::set_up(&app, &ada).await;
    let body = second_step(&mfa_token(&app, "ada").await, &authenticator.code(1));
    let answer = app.post(PATH, &body).answer().await.expect(200);
    assert_eq!(answer.header("cache-control"), "no-store");
    let tokens = answer.json();
    let access = tokens["access_token"].as_str().unwrap();
    let me = app.get("/api/v1/auth/me").bearer_auth(access).answer().await.expect(200).json();
    assert_eq!(me["username"], "ada");
    let refresh = json!({ "refresh_token": tokens["refresh_token"] });
    let _ = app.post("/api/v1/auth/refresh", &refresh).answer().await.expect(200);
}

/// Security checklist 18.
#[tokio::test]
async fn a_code_is_accepted_once_however_many_bring_it() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (authenticator, _) = Authenticator::set_up(&app, &ada).await;
    let token = mfa_token(&app, "ada").await;
    // That of the confirmation is used up too.
    let used = second_step(&token, &authenticator.confirmed_by);
    let _ = app.post(PATH, &used).answer().await.problem(401, "wrong_code");
    let body = second_step(&token, &authenticator.code(1));
    let answers = join_all((0..4).map(|_| app.post(PATH, &body).answer())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    let again = second_step(&mfa_token(&app, "ada").await, body["code"].as_str().unwrap());
    let answer = app.post(PATH, &again).answer().await;
    let _ = answer.problem(401, "wrong_code");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

#[tokio::test]
async fn no_code_of_before_the_last_one_is_accepted() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (authenticator, _) = Authenticator::set_up(&app, &ada).await;
    let (earlier, later) = (authenticator.code(0), authenticator.code(1));
    let token = mfa_token(&app, "ada").await;
    let _ = app.post(PATH, &second_step(&token, &later)).answer().await.expect(200);
    let _ = app.post(PATH, &second_step(&token, &earlier)).answer().await.problem(401, "wrong_code");
    forget_used_codes(&app, ada.id).await;
    let _ = app.post(PATH, &second_step(&token, &later)).answer().await.expect(200);
}

/// Security checklist 17, for the second factor: whoever guesses knows the password.
#[tokio::test]
async fn guessing_is_slowed_down_and_a_new_login_does_not_help() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (authenticator, codes) = Authenticator::set_up(&app, &ada).await;
    let wrong = authenticator.wrong_code();
    for _ in 0..5 {
        let body = second_step(&mfa_token(&app, "ada").await, &wrong);
        let _ = app.post(PATH, &body).answer().await.problem(401, "wrong_code");
    }
    sqlx::query("UPDATE login_throttles SET blocked_until = blocked_until + interval '30 seconds'")
        .execute(app.pool())
        .await
        .unwrap();
    let token = mfa_token(&app, "ada").await;
    let recovery = json!({ "mfa_token": token, "recovery_code": codes[0] });
    for body in [second_step(&token, &authenticator.code(1)), recovery] {
        let answer = app.post(PATH, &body).answer().await;
        let _ = answer.problem(429, "login_throttled");
        assert!(answer.header("retry-after").parse::<u64>().unwrap() > 1);
    }
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'totp.refused'").await, 5);
    // Once the wait is over, the owner gets in, and all is forgiven.
    sqlx::query("UPDATE login_throttles SET blocked_until = clock_timestamp()").execute(app.pool()).await.unwrap();
    let _ = app.post(PATH, &second_step(&token, &authenticator.code(1))).answer().await.expect(200);
    assert_eq!(app.count("SELECT coalesce(max(failures), 0)::bigint FROM login_throttles").await, 0);
}

#[tokio::test]
async fn a_recovery_code_is_good_once_and_the_owner_is_told() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (_, codes) = Authenticator::set_up(&app, &ada).await;
    let token = mfa_token(&app, "ada").await;
    let body = json!({ "mfa_token": token, "recovery_code": codes[0].to_uppercase() });
    let answers = join_all((0..3).map(|_| app.post(PATH, &body).answer())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    let _ = app.post(PATH, &body).answer().await.problem(401, "wrong_code");
    assert_eq!(app.notices(ada.id, "recovery_code_used").await, 1);
    let status = app.get("/api/v1/auth/totp").bearer_auth(&ada.token).answer().await.expect(200).json();
    assert_eq!(status["recovery_codes_left"], 9);
}

#[tokio::test]
async fn nothing_but_our_token_for_this_opens_it() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let access = app.login("ada").await;
    let (authenticator, _) = Authenticator::set_up(&app, &ada).await;
    let code = authenticator.code(1);
    let token = mfa_token(&app, "ada").await;
    for wrong in ["", "x", "a.b.c", &access, &token[..token.len() - 2]] {
        let _ = app.post(PATH, &second_step(wrong, &code)).answer().await.problem(401, "mfa_token_invalid");
    }
    // And it opens nothing else.
    let _ = app.get("/api/v1/auth/me").bearer_auth(&token).answer().await.problem(401, "invalid_token");
    sqlx::query("UPDATE users SET is_active = false").execute(app.pool()).await.unwrap();
    let _ = app.post(PATH, &second_step(&token, &code)).answer().await.problem(401, "mfa_token_invalid");
    sqlx::query("UPDATE users SET is_active = true").execute(app.pool()).await.unwrap();
    sqlx::query("DELETE FROM totp_credentials").execute(app.pool()).await.unwrap();
    let _ = app.post(PATH, &second_step(&token, &code)).answer().await.problem(401, "mfa_token_invalid");
}

/// Security checklist 24: what is stored makes no code.
#[tokio::test]
async fn no_code_or_secret_is_in_the_database_or_an_answer() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (_, codes) = Authenticator::set_up(&app, &ada).await;
    let rows: Vec<String> = sqlx::query_scalar(
        "SELECT row_to_json(c)::text FROM totp_credentials AS c
         UNION ALL SELECT row_to_json(r)::text FROM recovery_codes AS r
         UNION ALL SELECT row_to_json(a)::text FROM audit_log AS a",
    )
    .fetch_all(app.pool())
    .await
    .unwrap();
    assert!(rows.len() > 11, "{rows:?}");
    for code in &codes {
        assert!(!rows.iter().any(|row| row.contains(code.as_str()) || row.contains(&code.replace('-', ""))));
    }
    let problem = app.post("/api/v1/auth/login", &json!({ "login": "ada", "password": PASSWORD })).answer().await;
    assert!(!problem.text().contains("argon2"), "{}", problem.text());
}
