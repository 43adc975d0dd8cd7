use callboard_tests::app::{App, PASSWORD, Send as _};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/auth/login";

#[tokio::test]
async fn by_address_or_name_in_json_or_as_oauth2_form() {
    let app = App::start().await;
    app.register_with(&json!({ "email": "ada.king@example.com", "password": PASSWORD, "username": "countess" })).await;
    let json = |body: Value| app.post(PATH, &body);
    let form = |fields: &[(&str, &str)]| app.request("POST", PATH).form(fields);
    let all = [
        json(json!({ "login": "ada.king@example.com", "password": PASSWORD })),
        json(json!({ "login": "ADA.King@EXAMPLE.com", "password": PASSWORD })),
        json(json!({ "login": "Countess", "password": PASSWORD })),
        json(json!({ "username": "countess", "password": PASSWORD })),
        form(&[("username", "countess"), ("password", PASSWORD)]),
        form(&[
            ("grant_type", "password"),
            ("username", "ada.king@example.com"),
            ("password", PASSWORD),
            ("scope", ""),
            ("client_id", "x"),
            ("client_secret", "y"),
        ]),
    ];
    for request in all {
        let answer = request.answer().await.expect(200);
        assert_eq!(answer.header("cache-control"), "no-store");
        let tokens = answer.json();
        assert_eq!((&tokens["token_type"], &tokens["expires_in"]), (&json!("bearer"), &json!(900)));
        let token = tokens["access_token"].as_str().unwrap();
        let me = app.get("/api/v1/auth/me").bearer_auth(token).answer().await.expect(200).json();
        assert_eq!(me["username"], "countess");
    }
}

#[tokio::test]
async fn a_wrong_login_and_a_wrong_password_look_the_same() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.register("gone@example.com").await;
    sqlx::query("UPDATE users SET is_active = false WHERE username = 'gone'").execute(app.pool()).await.unwrap();
    let told = async |login: &str, password: &str| {
        let answer = app.post(PATH, &json!({ "login": login, "password": password })).answer().await;
        let mut problem = answer.problem(401, "invalid_credentials").0;
        assert_eq!(answer.header("www-authenticate"), "Bearer");
        problem["request_id"].take();
        problem
    };
    let expected = told("nobody@example.com", PASSWORD).await;
    for (login, password) in [
        ("ada@example.com", "another good password"),
        ("ada", ""),
        ("", PASSWORD),
        ("nobody", PASSWORD),
        ("gone@example.com", PASSWORD),
        ("' OR 1=1 --", PASSWORD),
        ("ada@example.com", &"x".repeat(128)),
        ("%", PASSWORD),
    ] {
        assert_eq!(told(login, password).await, expected, "{login}");
    }
}

#[tokio::test]
async fn who_has_not_verified_their_address_may_log_in() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let token = app.login("ada@example.com").await;
    let me = app.get("/api/v1/auth/me").bearer_auth(token).answer().await.expect(200).json();
    assert!(me["email_verified_at"].is_null());
}

#[tokio::test]
async fn bad_values_are_named() {
    let app = App::start().await;
    for (body, error) in [
        (json!({ "login": "a".repeat(10_000), "password": "p" }), "#/login too_long"),
        (json!({ "login": "ada", "password": "p".repeat(129) }), "#/password too_long"),
        (json!({ "login": "ada\u{0}", "password": "p" }), "#/login invalid_characters"),
        (json!({ "login": "ada", "password": "p\u{0}" }), "#/password invalid_characters"),
        (json!({ "login": "ada", "username": "ada", "password": "p" }), "#/username duplicate_field"),
        (json!({ "password": "p" }), "#/login required"),
    ] {
        let problem = app.post(PATH, &body).answer().await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error]);
    }
}

#[tokio::test]
async fn bad_forms_are_named_too() {
    let app = App::start().await;
    for (body, error) in [
        ("", "#/username required"),
        ("username=ada", "#/password required"),
        ("username=ada&password=a&nope=1", "#/nope unknown_field"),
        ("username=ada&username=eve&password=a", "#/username duplicate_field"),
        ("username=ada%00&password=a", "#/username invalid_characters"),
        ("username=ada&password=%00", "#/password invalid_characters"),
        ("username=%FF%00&password=a", "#/username invalid_characters"),
    ] {
        let request = app.request("POST", PATH).header("content-type", "application/x-www-form-urlencoded");
        let problem = request.body(body).answer().await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error], "{body}");
    }
}
