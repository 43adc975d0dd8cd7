use callboard_tests::app::{App, PASSWORD, Send as _};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/change-password";
const NEW: &str = "seven violet kettles humming";

fn body(current: &str, new: &str) -> Value {
    json!({ "current_password": current, "new_password": new })
}

/// Security checklist 9.
#[tokio::test]
async fn ends_every_other_session_and_keeps_this_one() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let others = [app.login_tokens("ada").await, app.login_tokens("ada").await];
    let _ = app.post(PATH, &body(PASSWORD, NEW)).bearer_auth(&ada.token).answer().await.expect(204);
    let _ = app.get("/api/v1/auth/me").bearer_auth(&ada.token).answer().await.expect(200);
    for other in others {
        let token = other["access_token"].as_str().unwrap();
        let _ = app.get("/api/v1/auth/me").bearer_auth(token).answer().await.problem(401, "invalid_token");
        let refresh = json!({ "refresh_token": other["refresh_token"] });
        let _ = app.post("/api/v1/auth/refresh", &refresh).answer().await.expect(401);
    }
    for (password, status) in [(PASSWORD, 401), (NEW, 200)] {
        let login = json!({ "login": "ada", "password": password });
        let _ = app.post("/api/v1/auth/login", &login).answer().await.expect(status);
    }
    assert_eq!(app.notices(ada.id, "password_changed").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'password.changed'").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM sessions WHERE revoked_because = 'password_changed'").await, 2);
}

/// Security checklist 11.
#[tokio::test]
async fn a_wrong_password_changes_nothing_and_slows_the_next_one_down() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let wrong = body("not the right password", NEW);
    for _ in 0..5 {
        let problem = app.post(PATH, &wrong).bearer_auth(&ada.token).answer().await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), ["#/current_password wrong_password"]);
    }
    let answer = app.post(PATH, &body(PASSWORD, NEW)).bearer_auth(&ada.token).answer().await;
    let _ = answer.problem(429, "login_throttled");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() > 0);
    assert_eq!(app.notices(ada.id, "password_changed").await, 0);
}

#[tokio::test]
async fn bad_values_are_named() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for (body, errors) in [
        (body(PASSWORD, "seven77"), vec!["#/new_password too_short"]),
        (body(PASSWORD, "password123"), vec!["#/new_password too_weak"]),
        (body(PASSWORD, "ada likes violet kettles"), vec!["#/new_password contains_personal_data"]),
        (body(&"x".repeat(129), "x"), vec!["#/current_password too_long", "#/new_password too_short"]),
        (body("a\0b", NEW), vec!["#/current_password invalid_characters"]),
        (json!({ "new_password": NEW }), vec!["#/current_password required"]),
    ] {
        let problem = app.post(PATH, &body).bearer_auth(&ada.token).answer().await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), errors);
    }
    app.login("ada").await;
}

#[tokio::test]
async fn who_has_no_password_is_told_how_to_get_one() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    sqlx::query("UPDATE users SET password_hash = NULL").execute(app.pool()).await.unwrap();
    let answer = app.post(PATH, &body(PASSWORD, NEW)).bearer_auth(&ada.token).answer().await;
    let problem = answer.problem(409, "password_not_set");
    assert!(problem.0["detail"].as_str().unwrap().contains("/api/v1/auth/forgot-password"), "{}", problem.0);
}

#[tokio::test]
async fn nobody_changes_nobodys() {
    let app = App::start().await;
    let _ = app.post(PATH, &body(PASSWORD, NEW)).answer().await.problem(401, "unauthenticated");
}
