use callboard_tests::app::{App, Send as _};
use futures::future::join_all;
use serde_json::json;

const PATH: &str = "/api/v1/auth/verify-email";

async fn is_verified(app: &App) -> bool {
    app.count("SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL").await > 0
}

#[tokio::test]
async fn verifies_once_and_goes_on_saying_so() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let token = app.verification_token(user).await;
    for _ in 0..2 {
        let answer = app.post(PATH, &json!({ "token": token })).answer().await.expect(200);
        assert_eq!(answer.json(), json!({ "status": "verified" }));
        assert!(is_verified(&app).await);
    }
    assert_eq!(app.count("SELECT max(version) FROM users").await, 2, "the second time changed nothing");
}

#[tokio::test]
async fn the_pages_form_gets_a_page() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let token = app.verification_token(user).await;
    for (language, words) in [("en", "Your address is verified"), ("ko", "인증이 완료되었습니다")] {
        let form = app.request("POST", PATH).header("accept-language", language).form(&[("token", &token)]);
        let answer = form.answer().await.expect(200);
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert!(answer.text().contains(words), "{}", answer.text());
    }
    let bad = app.request("POST", PATH).form(&[("token", "nope")]).answer().await.expect(400);
    assert!(bad.text().contains("Unknown verification link"), "{}", bad.text());
}

#[tokio::test]
async fn of_many_at_once_all_are_told_that_it_is_verified() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let body = json!({ "token": app.verification_token(user).await });
    for answer in join_all((0..20).map(|_| app.post(PATH, &body).answer())).await {
        let _ = answer.expect(200);
    }
    assert_eq!(app.count("SELECT max(version) FROM users").await, 2);
}

#[tokio::test]
async fn unknown_and_expired_tokens_are_told_apart() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let token = app.verification_token(user).await;
    let another = if token.starts_with('A') { 'B' } else { 'A' };
    for wrong in
        ["", "x", "\0", &token[1..], &format!("{another}{}", &token[1..]), &token.to_lowercase(), &"x".repeat(10_000)]
    {
        let _ = app.post(PATH, &json!({ "token": wrong })).answer().await.problem(400, "verification_token_invalid");
    }
    sqlx::query("UPDATE email_verification_tokens SET created_at = created_at - interval '2 days', expires_at = expires_at - interval '2 days'")
        .execute(app.pool())
        .await
        .unwrap();
    let _ = app.post(PATH, &json!({ "token": token })).answer().await.problem(400, "verification_token_expired");
    assert!(!is_verified(&app).await);
}

/// Who can read the database can not make a link of what is there.
#[tokio::test]
async fn a_stored_hash_is_no_token() {
    use base64::Engine as _;
    let app = App::start().await;
    app.register("ada@example.com").await;
    let (id, hash): (uuid::Uuid, Vec<u8>) =
        sqlx::query_as("SELECT id, token_hash FROM email_verification_tokens").fetch_one(app.pool()).await.unwrap();
    for stolen in [base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(hash), id.to_string()] {
        let _ = app.post(PATH, &json!({ "token": stolen })).answer().await.problem(400, "verification_token_invalid");
    }
}
