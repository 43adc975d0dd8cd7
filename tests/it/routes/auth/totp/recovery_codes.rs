use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::authenticator::{Authenticator, mfa_token};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/totp/recovery-codes";

#[tokio::test]
async fn new_codes_take_the_place_of_the_old_ones() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let (authenticator, old) = Authenticator::set_up(&app, &ada).await;
    let renew = |body: Value| app.post(PATH, &body).bearer_auth(&ada.token);
    let wrong = json!({ "current_password": PASSWORD, "code": authenticator.wrong_code() });
    let problem = renew(wrong).answer().await.problem(422, "validation_failed");
    assert_eq!(problem.errors(), ["#/code wrong_code"]);
    let good = json!({ "current_password": PASSWORD, "code": authenticator.code(1) });
    let new = renew(good.clone()).answer().await.expect(200).json();
    assert_eq!(new["recovery_codes"].as_array().unwrap().len(), 10);
    // The code is used up.
    assert_eq!(renew(good).answer().await.problem(422, "validation_failed").errors(), ["#/code wrong_code"]);
    for (code, status) in [(&json!(old[0]), 401), (&new["recovery_codes"][0], 200)] {
        let body = json!({ "mfa_token": mfa_token(&app, "ada").await, "recovery_code": code });
        let _ = app.post("/api/v1/auth/login/totp", &body).answer().await.expect(status);
    }
}

#[tokio::test]
async fn who_has_no_second_factor_has_no_codes() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body = json!({ "current_password": PASSWORD, "code": "123456" });
    let _ = app.post(PATH, &body).bearer_auth(&ada.token).answer().await.problem(409, "totp_not_set_up");
}
