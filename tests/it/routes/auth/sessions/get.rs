use callboard_tests::app::{App, PASSWORD, Send as _};
use serde_json::json;

const PATH: &str = "/api/v1/auth/sessions";

/// Checklist 10.
#[tokio::test]
async fn lists_ones_own_sessions_the_last_used_first() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.register("eve@example.com").await;
    app.login("eve").await;
    let body = json!({ "login": "ada", "password": PASSWORD });
    let login = |agent: String| app.post("/api/v1/auth/login", &body).header("user-agent", agent).answer();
    let phone = login("Phone/1.0 \t(x)".to_owned()).await.expect(200).json();
    let desk = login("D".repeat(300)).await.expect(200).json();
    let token = desk["access_token"].as_str().unwrap();
    let list = async || app.get(PATH).bearer_auth(token).answer().await.expect(200).json();
    let listed = list().await;
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), 2);
    assert_eq!((&items[0]["device"], &items[0]["is_current"]), (&json!("D".repeat(256)), &json!(true)));
    assert_eq!((&items[1]["device"], &items[1]["is_current"]), (&json!("Phone/1.0 (x)"), &json!(false)));
    assert_eq!(items[0]["ip"], "127.0.0.1");
    for name in ["id", "created_at", "last_used_at", "expires_at"] {
        assert!(items[0][name].is_string(), "{name}: {listed}");
    }
    let refresh = json!({ "refresh_token": phone["refresh_token"] });
    let _ = app.post("/api/v1/auth/refresh", &refresh).header("user-agent", "Phone/1.1").answer().await.expect(200);
    let items = list().await;
    assert_eq!(items["items"][0]["device"], "Phone/1.1");
    assert!(!items.to_string().contains("hash"), "{items}");
}

#[tokio::test]
async fn ended_sessions_are_not_listed() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let gone = app.login("ada").await;
    let token = app.login("ada").await;
    let _ = app.request("POST", "/api/v1/auth/logout").bearer_auth(gone).answer().await.expect(204);
    let listed = app.get(PATH).bearer_auth(token).answer().await.expect(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}
