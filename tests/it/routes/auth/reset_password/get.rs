use callboard_tests::app::{App, Send as _};
use serde_json::json;

const PATH: &str = "/api/v1/auth/reset-password";

#[tokio::test]
async fn shows_a_form_without_script_and_changes_nothing() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let _ = app.post("/api/v1/auth/forgot-password", &json!({ "email": "ada@example.com" })).answer().await;
    let token = app.reset_token(user).await;
    for (language, words) in [("en", "Choose a new password"), ("ko", "새 비밀번호 설정")] {
        let get = app.get(&format!("{PATH}?utm_source=mail&token={token}")).header("accept-language", language);
        let answer = get.answer().await.expect(200);
        assert_eq!(answer.header("content-language"), language);
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
        let html = answer.text();
        assert!(html.contains(words) && !html.contains("<script"), "{html}");
        assert!(html.contains(r#"method="post" action="/api/v1/auth/reset-password""#), "{html}");
        assert!(html.contains(&format!(r#"name="token" value="{token}""#)), "{html}");
    }
    assert_eq!(app.count("SELECT count(*) FROM password_reset_tokens WHERE used_at IS NOT NULL").await, 0);
    app.login("ada@example.com").await;
}

#[tokio::test]
async fn a_link_that_is_not_good_is_told_before_anyone_thinks_of_a_password() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let _ = app.post("/api/v1/auth/forgot-password", &json!({ "email": "ada@example.com" })).answer().await;
    let token = app.reset_token(user).await;
    sqlx::query(
        "UPDATE password_reset_tokens SET created_at = now() - interval '2 h', expires_at = now() - interval '1 h'",
    )
    .execute(app.pool())
    .await
    .unwrap();
    let unknown = "A".repeat(43);
    for (query, words) in [
        ("", "Unknown or used reset link"),
        ("?token=%22%3E%3Cscript%3E", "Unknown or used reset link"),
        (&format!("?token={unknown}"), "Unknown or used reset link"),
        (&format!("?token={token}"), "Expired reset link"),
    ] {
        let answer = app.get(&format!("{PATH}{query}")).answer().await.expect(400);
        let html = answer.text();
        assert!(html.contains(words) && !html.contains("<form") && !html.contains("<script"), "{query}: {html}");
    }
}
