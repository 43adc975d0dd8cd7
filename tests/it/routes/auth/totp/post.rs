use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::authenticator::Authenticator;
use serde_json::json;

const PATH: &str = "/api/v1/auth/totp";

#[tokio::test]
async fn gives_a_secret_that_is_stored_nowhere_and_asks_for_nothing_yet() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let begin = || async {
        let request = app.post(PATH, &json!({ "current_password": PASSWORD })).bearer_auth(&ada.token);
        let answer = request.answer().await.expect(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        answer.json()
    };
    let (first, second) = (begin().await, begin().await);
    assert_ne!(first["secret"], second["secret"]);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'totp.begun'").await, 2);
    let secret = second["secret"].as_str().unwrap();
    assert_eq!(secret.len(), 32, "20 bytes in base32");
    let url = format!("otpauth://totp/Callboard:ada?secret={secret}&issuer=Callboard");
    assert_eq!(second["otpauth_url"], url);
    app.login("ada").await;

    let code = json!({ "code": Authenticator::new(first["secret"].as_str().unwrap()).code(0) });
    let confirm = app.post("/api/v1/auth/totp/confirm", &code).bearer_auth(&ada.token).answer().await;
    assert_eq!(confirm.problem(422, "validation_failed").errors(), ["#/code wrong_code"], "the second took its place");
}

#[tokio::test]
async fn needs_the_password_and_none_that_is_on() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let begin = |password: &str| app.post(PATH, &json!({ "current_password": password })).bearer_auth(&ada.token);
    let problem = begin("not the right password").answer().await.problem(422, "validation_failed");
    assert_eq!(problem.errors(), ["#/current_password wrong_password"]);
    let _ = Authenticator::set_up(&app, &ada).await;
    let _ = begin(PASSWORD).answer().await.problem(409, "totp_already_enabled");
    sqlx::query("UPDATE users SET password_hash = NULL").execute(app.pool()).await.unwrap();
    let _ = begin(PASSWORD).answer().await.problem(409, "password_not_set");
}
