use std::collections::HashSet;

use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::authenticator::{Authenticator, mfa_token};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/totp/confirm";

#[tokio::test]
async fn login_asks_for_a_code_from_then_on() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (authenticator, codes) = Authenticator::set_up(&app, &ada).await;
    assert_eq!(codes.iter().collect::<HashSet<_>>().len(), 10, "{codes:?}");
    mfa_token(&app, "ada").await;
    assert_eq!(app.notices(ada.id, "totp_enabled").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'totp.enabled'").await, 1);
    let _ = app.get("/api/v1/auth/me").bearer_auth(&ada.token).answer().await.expect(200);
    let again = app.post(PATH, &json!({ "code": authenticator.code(1) })).bearer_auth(&ada.token).answer().await;
    let _ = again.problem(409, "totp_already_enabled");
}

#[tokio::test]
async fn a_wrong_code_enables_nothing() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let confirm = |code: Value| app.post(PATH, &json!({ "code": code })).bearer_auth(&ada.token);
    let _ = confirm(json!("123456")).answer().await.problem(409, "totp_not_set_up");
    let password = json!({ "current_password": PASSWORD });
    let begun = app.post("/api/v1/auth/totp", &password).bearer_auth(&ada.token).answer().await.expect(200).json();
    let authenticator = Authenticator::new(begun["secret"].as_str().unwrap());
    for (code, error) in [
        (json!(authenticator.wrong_code()), "#/code wrong_code"),
        (json!("12345"), "#/code invalid_code"),
        (json!("abcdef"), "#/code invalid_code"),
        (json!(123_456), "#/code wrong_type"),
    ] {
        let problem = confirm(code).answer().await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error]);
    }
    app.login("ada").await;
    let code = authenticator.code(0);
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    let _ = confirm(json!(spaced)).answer().await.expect(200);
}
