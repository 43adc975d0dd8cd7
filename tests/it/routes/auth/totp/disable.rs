use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::authenticator::Authenticator;
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/totp/disable";

#[tokio::test]
async fn takes_password_and_code_and_login_asks_no_more() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (authenticator, codes) = Authenticator::set_up(&app, &ada).await;
    let disable = |body: Value| app.post(PATH, &body).bearer_auth(&ada.token);
    let good = json!({ "current_password": PASSWORD, "code": authenticator.code(1) });
    for (body, errors) in [
        (
            json!({ "current_password": "not the right one", "code": authenticator.code(1) }),
            "#/current_password wrong_password",
        ),
        (json!({ "current_password": PASSWORD, "code": authenticator.wrong_code() }), "#/code wrong_code"),
        (json!({ "current_password": PASSWORD, "recovery_code": "abcd-efgh-ijkl-mnop" }), "#/recovery_code wrong_code"),
        (json!({ "current_password": PASSWORD, "recovery_code": "1" }), "#/recovery_code invalid_code"),
        (json!({ "current_password": PASSWORD }), "#/code required"),
        (
            json!({ "current_password": PASSWORD, "code": "123456", "recovery_code": codes[0] }),
            "#/recovery_code duplicate_field",
        ),
    ] {
        let problem = disable(body).answer().await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [errors]);
    }
    assert_eq!(app.notices(ada.id, "totp_disabled").await, 0);
    let _ = disable(good.clone()).answer().await.expect(204);
    app.login("ada").await;
    assert_eq!(app.notices(ada.id, "totp_disabled").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'totp.disabled'").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM recovery_codes").await, 0);
    let _ = disable(good).answer().await.problem(409, "totp_not_set_up");
}

/// Who has lost their phone must get rid of it.
#[tokio::test]
async fn a_recovery_code_will_do() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (_, codes) = Authenticator::set_up(&app, &ada).await;
    let body = json!({ "current_password": PASSWORD, "recovery_code": codes[3] });
    let _ = app.post(PATH, &body).bearer_auth(&ada.token).answer().await.expect(204);
    app.login("ada").await;
}
