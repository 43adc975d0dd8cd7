use callboard_tests::app::{App, Send as _};
use callboard_tests::authenticator::Authenticator;
use serde_json::json;

const PATH: &str = "/api/v1/auth/totp";

#[tokio::test]
async fn tells_how_it_stands_and_no_secret() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let look = || async { app.get(PATH).bearer_auth(&ada.token).answer().await.expect(200).json() };
    let off = json!({ "enabled": false, "confirmed_at": null, "recovery_codes_left": 0 });
    assert_eq!(look().await, off);
    let _ = Authenticator::set_up(&app, &ada).await;
    let on = look().await;
    assert_eq!((&on["enabled"], &on["recovery_codes_left"]), (&json!(true), &json!(10)));
    assert!(on["confirmed_at"].is_string() && on.as_object().unwrap().len() == 3, "{on}");
    let _ = app.get(PATH).answer().await.problem(401, "unauthenticated");
}
