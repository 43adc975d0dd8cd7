use callboard_tests::app::{App, PASSWORD, Send as _};
use serde_json::json;

const PATH: &str = "/api/v1/auth/confirm-email";

#[tokio::test]
async fn shows_a_button_and_changes_nothing() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body = json!({ "current_password": PASSWORD, "new_email": "countess@example.com" });
    let _ = app.post("/api/v1/auth/change-email", &body).bearer_auth(&ada.token).answer().await.expect(202);
    let token = app.email_change_token(ada.id).await;
    for (language, words) in [("en", "Use this address"), ("ko", "이 주소 사용하기")] {
        let get = app.get(&format!("{PATH}?utm_source=mail&token={token}")).header("accept-language", language);
        let answer = get.answer().await.expect(200);
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
        let html = answer.text();
        assert!(html.contains(words) && !html.contains("<script"), "{html}");
        assert!(html.contains(r#"method="post" action="/api/v1/auth/confirm-email""#), "{html}");
        assert!(html.contains(&format!(r#"name="token" value="{token}""#)), "{html}");
    }
    assert_eq!(app.count("SELECT count(*) FROM users WHERE email = 'ada@example.com'").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM email_change_tokens WHERE used_at IS NULL").await, 1);
}

#[tokio::test]
async fn a_broken_link_is_told_before_anyone_presses_a_button() {
    let app = App::start().await;
    for query in ["", "?token=", "?token=abc", "?token=%22%3E%3Cscript%3E"] {
        let answer = app.get(&format!("{PATH}{query}")).answer().await.expect(400);
        let html = answer.text();
        assert!(html.contains("Unknown confirmation link") && !html.contains("<form"), "{html}");
        assert!(!html.contains("<script"), "{html}");
    }
}
