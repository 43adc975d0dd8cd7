use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::authenticator::Authenticator;
use futures::future::join_all;
use serde_json::{Value, json};
use uuid::Uuid;

const PATH: &str = "/api/v1/auth/reset-password";
const NEW: &str = "seven violet kettles humming";

async fn token_for(app: &App, user: Uuid, email: &str) -> String {
    let _ = app.post("/api/v1/auth/forgot-password", &json!({ "email": email })).answer().await.expect(202);
    app.reset_token(user).await
}

fn body(token: &str, password: &str) -> Value {
    json!({ "token": token, "password": password })
}

async fn log_in(app: &App, login: &str, password: &str) -> u16 {
    app.post("/api/v1/auth/login", &json!({ "login": login, "password": password })).answer().await.status
}

/// Security checklist 16, and 9 for a reset.
#[tokio::test]
async fn sets_the_password_once_ends_every_session_and_proves_the_address() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let sessions = [app.login("ada@example.com").await, app.login("ada@example.com").await];
    let token = token_for(&app, user, "ada@example.com").await;
    let answer = app.post(PATH, &body(&token, NEW)).answer().await.expect(200);
    assert_eq!(answer.json(), json!({ "status": "password_set" }));
    for session in sessions {
        let _ = app.get("/api/v1/auth/me").bearer_auth(session).answer().await.problem(401, "invalid_token");
    }
    assert_eq!(log_in(&app, "ada@example.com", PASSWORD).await, 401);
    assert_eq!(log_in(&app, "ada@example.com", NEW).await, 200);
    assert_eq!(app.count("SELECT count(*) FROM users WHERE email_verified_at IS NOT NULL").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_because = 'password_reset'").await, 2);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'password.reset'").await, 1);
    assert_eq!(app.notices(user, "password_reset").await, 1);
    let again = app.post(PATH, &body(&token, "another quiet harbour bell")).answer().await;
    let _ = again.problem(400, "reset_token_invalid");
    assert_eq!(log_in(&app, "ada@example.com", NEW).await, 200);
}

#[tokio::test]
async fn of_many_at_once_one_sets_it() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let token = token_for(&app, user, "ada@example.com").await;
    let tries = (0..5).map(|number| format!("seven violet kettles {number}"));
    let bodies: Vec<Value> = tries.map(|password| body(&token, &password)).collect();
    let answers = join_all(bodies.iter().map(|body| app.post(PATH, body).answer())).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1, "{answers:?}");
    assert_eq!(app.notices(user, "password_reset").await, 1);
}

/// Security checklist 12 to 14, as at registration; the token is still good.
#[tokio::test]
async fn a_weak_password_is_refused_and_costs_nothing() {
    let app = App::start().await;
    let user = app.register("jiwoo.kim@example.com").await;
    let token = token_for(&app, user, "jiwoo.kim@example.com").await;
    for (password, error) in [
        ("seven77", "#/password too_short"),
        ("password123", "#/password too_weak"),
        ("jiwoo.kim lantern orbit", "#/password contains_personal_data"),
        (&"x".repeat(129), "#/password too_long"),
    ] {
        let problem = app.post(PATH, &body(&token, password)).answer().await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error]);
    }
    let long = "correct horse battery staple ".repeat(3)[..73].to_owned();
    let _ = app.post(PATH, &body(&token, &long)).answer().await.expect(200);
    assert_eq!(log_in(&app, "jiwoo.kim@example.com", &format!("{}?", &long[..72])).await, 401);
    assert_eq!(log_in(&app, "jiwoo.kim@example.com", &long).await, 200);
}

#[tokio::test]
async fn unknown_expired_and_foreign_tokens_are_refused() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let token = token_for(&app, user, "ada@example.com").await;
    let verification = app.verification_token(user).await;
    for wrong in ["", "x", "\0", &token[1..], &token.to_lowercase(), &verification, &"A".repeat(43)] {
        let _ = app.post(PATH, &body(wrong, NEW)).answer().await.problem(400, "reset_token_invalid");
    }
    sqlx::query(
        "UPDATE password_reset_tokens SET created_at = now() - interval '2 h', expires_at = now() - interval '1 h'",
    )
    .execute(app.pool())
    .await
    .unwrap();
    let _ = app.post(PATH, &body(&token, NEW)).answer().await.problem(400, "reset_token_expired");
    assert_eq!(log_in(&app, "ada@example.com", PASSWORD).await, 200);
}

#[tokio::test]
async fn who_was_disabled_sets_none() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let token = token_for(&app, user, "ada@example.com").await;
    sqlx::query("UPDATE users SET is_active = false").execute(app.pool()).await.unwrap();
    let _ = app.post(PATH, &body(&token, NEW)).answer().await.problem(400, "reset_token_invalid");
}

#[tokio::test]
async fn an_invited_user_gets_their_first_password() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    sqlx::query("UPDATE users SET password_hash = NULL").execute(app.pool()).await.unwrap();
    assert_eq!(log_in(&app, "ada@example.com", PASSWORD).await, 401);
    let token = token_for(&app, user, "ada@example.com").await;
    let _ = app.post(PATH, &body(&token, NEW)).answer().await.expect(200);
    assert_eq!(log_in(&app, "ada@example.com", NEW).await, 200);
}

/// Whoever had begun something with the old password can't end it.
#[tokio::test]
async fn every_other_open_link_ends_with_it() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let change = json!({ "current_password": PASSWORD, "new_email": "eve@example.com" });
    let asked = app.post("/api/v1/auth/change-email", &change).bearer_auth(&ada.token).answer().await;
    let _ = asked.expect(202);
    let change = app.email_change_token(ada.id).await;
    let first = token_for(&app, ada.id, "ada@example.com").await;
    sqlx::query("UPDATE password_reset_tokens SET created_at = created_at - interval '61 seconds'")
        .execute(app.pool())
        .await
        .unwrap();
    let second = token_for(&app, ada.id, "ada@example.com").await;
    assert_ne!(first, second);
    let _ = app.post(PATH, &body(&second, NEW)).answer().await.expect(200);
    let _ = app.post(PATH, &body(&first, PASSWORD)).answer().await.problem(400, "reset_token_expired");
    let confirm = app.post("/api/v1/auth/confirm-email", &json!({ "token": change })).answer().await;
    let _ = confirm.problem(400, "email_change_token_expired");
}

/// Security checklist 19.
#[tokio::test]
async fn a_reset_does_not_pass_by_the_second_factor() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let _ = Authenticator::set_up(&app, &ada).await;
    let token = token_for(&app, ada.id, "ada@example.com").await;
    let _ = app.post(PATH, &body(&token, NEW)).answer().await.expect(200);
    let login = json!({ "login": "ada", "password": NEW });
    let _ = app.post("/api/v1/auth/login", &login).answer().await.problem(401, "totp_required");
}

/// Security checklist 3.
#[tokio::test]
async fn a_reset_token_opens_nothing_else() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let token = token_for(&app, user, "ada@example.com").await;
    let _ = app.get("/api/v1/auth/me").bearer_auth(&token).answer().await.problem(401, "invalid_token");
    let verify = app.post("/api/v1/auth/verify-email", &json!({ "token": token })).answer().await;
    let _ = verify.problem(400, "verification_token_invalid");
}

#[tokio::test]
async fn the_pages_form_gets_pages() {
    let app = App::start().await;
    let user = app.register("ada@example.com").await;
    let token = token_for(&app, user, "ada@example.com").await;
    let form = async |language: &str, token: &str, password: &str| {
        let fields = [("token", token), ("password", password)];
        let answer = app.request("POST", PATH).header("accept-language", language).form(&fields).answer().await;
        assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
        assert!(password.is_empty() || !answer.text().contains(password));
        (answer.status, answer.text().to_owned())
    };
    let (status, html) = form("ko", &token, "password123").await;
    assert!(status == 422 && html.contains("추측하기 쉽습니다") && html.contains(&token), "{status} {html}");
    let (status, html) = form("en", &token, "short").await;
    assert!(status == 422 && html.contains("at least 8 characters") && html.contains("<form"), "{status} {html}");
    let (status, html) = form("en", &token, NEW).await;
    assert!(status == 200 && html.contains("Your password is set"), "{status} {html}");
    let (status, html) = form("en", &token, NEW).await;
    assert!(status == 400 && html.contains("Unknown or used reset link"), "{status} {html}");
}
