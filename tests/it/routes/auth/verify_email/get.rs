use callboard_tests::answer::Answer;
use callboard_tests::app::{App, Send as _};

const PATH: &str = "/api/v1/auth/verify-email";

fn page(answer: Answer, status: u16, language: &str) -> String {
    let answer = answer.expect(status);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert_eq!(answer.header("content-language"), language);
    let policy = answer.header("content-security-policy");
    assert!(!policy.contains("script-src") && policy.contains("form-action 'self'"), "{policy}");
    assert!(answer.text().contains(&format!("<html lang=\"{language}\">")), "{}", answer.text());
    answer.text().to_owned()
}

#[tokio::test]
async fn shows_a_button_and_verifies_nothing() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let token = app.verification_token(user).await;
    for (language, words) in [("en", "Verify my address"), ("ko", "내 주소 인증하기")] {
        let get = app.get(&format!("{PATH}?token={token}")).header("accept-language", language);
        let html = page(get.answer().await, 200, language);
        assert!(html.contains(words), "{html}");
        assert!(html.contains(r#"method="post" action="/api/v1/auth/verify-email""#), "{html}");
        assert!(html.contains(&format!(r#"name="token" value="{token}""#)), "{html}");
    }
    assert_eq!(app.count("SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL").await, 0);
}

#[tokio::test]
async fn what_mailers_add_to_links_is_ignored() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let token = app.verification_token(user).await;
    let html = page(app.get(&format!("{PATH}?utm_source=mail&token={token}&x=%00")).answer().await, 200, "en");
    assert!(html.contains(&token), "{html}");
}

#[tokio::test]
async fn a_broken_link_is_told_before_anyone_presses_a_button() {
    let app = App::start().await;
    for query in ["", "?", "?token=", "?token=abc", "?token=%00", "?token=%22%3E%3Cscript%3E", "?tok=en"] {
        for (language, words) in [("en", "Unknown verification link"), ("ko", "알 수 없는 인증 링크")] {
            let get = app.get(&format!("{PATH}{query}")).header("accept-language", language);
            let html = page(get.answer().await, 400, language);
            assert!(html.contains(words) && !html.contains("<form") && !html.contains("<script"), "{html}");
        }
    }
}
