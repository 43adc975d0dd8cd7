use callboard_tests::app::{App, PASSWORD, Send as _};
use serde_json::{Value, json};
use uuid::Uuid;

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

#[tokio::test]
async fn who_has_no_password_looks_like_nobody() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    sqlx::query("UPDATE users SET password_hash = NULL").execute(app.pool()).await.unwrap();
    for password in [PASSWORD, ""] {
        let answer = app.post(PATH, &json!({ "login": "ada", "password": password })).answer().await;
        let _ = answer.problem(401, "invalid_credentials");
    }
}

#[tokio::test]
async fn a_hash_of_other_parameters_is_made_anew() {
    let app = App::start().await;
    let id = app.register("ada@example.com").await;
    let right = json!({ "login": "ada", "password": PASSWORD });
    let old = "$argon2id$v=19$m=8192,t=1,p=1$3Ybt+GrcWkKKdBIsxl7EoQ$ol1bQBT6W+ACJeaL0vW2KSgJ8gVMAwQJAvf43MhIa90";
    sqlx::query("UPDATE users SET password_hash = $1").bind(old).execute(app.pool()).await.unwrap();
    let hash = async || {
        let hash: String = sqlx::query_scalar("SELECT password_hash FROM users").fetch_one(app.pool()).await.unwrap();
        hash
    };
    let body = json!({ "login": "ada", "password": "wrong" });
    let _ = app.post(PATH, &body).answer().await.problem(401, "invalid_credentials");
    assert_eq!(hash().await, old);
    app.login("ada").await;
    let new = hash().await;
    assert!(new.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{new}");
    app.login("ada").await;
    assert_eq!(hash().await, new);

    // Also of who has a second factor, which is not given yet.
    enable_totp(&app, id).await;
    sqlx::query("UPDATE users SET password_hash = $1").bind(old).execute(app.pool()).await.unwrap();
    let problem = app.post(PATH, &right).answer().await.problem(401, "totp_required").0;
    let (newest, step) = (hash().await, app.state().tokens.check_mfa(problem["mfa_token"].as_str().unwrap()).unwrap());
    assert!(newest.starts_with("$argon2id$v=19$m=19456,t=2,p=1$") && newest != new, "{newest}");
    assert!(step.is_of(Some(&newest.into())), "the token is of the password as it is now");
}

async fn enable_totp(app: &App, user_id: Uuid) {
    let statement = "INSERT INTO totp_credentials (user_id, salt, confirmed_at)
                     VALUES ($1, decode(repeat('ab', 32), 'hex'), now())";
    sqlx::query(statement).bind(user_id).execute(app.pool()).await.unwrap();
}

#[tokio::test]
async fn logins_are_in_the_audit_log_without_what_was_typed() {
    let app = App::start().await;
    let id = app.register("ada@example.com").await;
    app.login("ada").await;
    for login in ["ada", "nobody@example.com"] {
        let body = json!({ "login": login, "password": "hunter2" });
        let _ = app.post(PATH, &body).answer().await.problem(401, "invalid_credentials");
    }
    let entries: Vec<Value> =
        sqlx::query_scalar("SELECT to_jsonb(entry) FROM audit_log AS entry WHERE action LIKE 'login.%' ORDER BY id")
            .fetch_all(app.pool())
            .await
            .unwrap();
    let seen: Vec<_> = entries.iter().map(|entry| (&entry["action"], &entry["actor"], &entry["resource_id"])).collect();
    let (ada, anonymous) = (json!(format!("user:{id}")), json!("anonymous"));
    assert_eq!(seen[0], (&json!("login.succeeded"), &ada, &json!(id)));
    assert_eq!(seen[1], (&json!("login.failed"), &anonymous, &json!(id)));
    assert_eq!(seen[2], (&json!("login.failed"), &anonymous, &Value::Null));
    let text = json!(entries).to_string();
    assert!(!text.contains("hunter2") && !text.contains("nobody"), "{text}");
}

#[tokio::test]
async fn a_second_factor_is_asked_for_after_the_right_password() {
    let app = App::start().await;
    let id = app.register("ada@example.com").await;
    sqlx::query("INSERT INTO totp_credentials (user_id, salt) VALUES ($1, decode(repeat('ab', 32), 'hex'))")
        .bind(id)
        .execute(app.pool())
        .await
        .unwrap();
    // One that was not confirmed asks for nothing yet.
    app.login("ada").await;
    sqlx::query("UPDATE totp_credentials SET confirmed_at = now()").execute(app.pool()).await.unwrap();
    let body = json!({ "login": "ada", "password": PASSWORD });
    let answer = app.post(PATH, &body).answer().await;
    let problem = answer.problem(401, "totp_required").0;
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    let token = problem["mfa_token"].as_str().unwrap();
    assert_eq!(app.state().tokens.check_mfa(token).unwrap().user_id, id);
    let _ = app.get("/api/v1/auth/me").bearer_auth(token).answer().await.problem(401, "invalid_token");
    assert!(problem["access_token"].is_null() && problem["refresh_token"].is_null(), "{problem}");
    assert_eq!(app.count("SELECT count(*) FROM sessions").await, 1);
    let body = json!({ "login": "ada", "password": "wrong" });
    let problem = app.post(PATH, &body).answer().await.problem(401, "invalid_credentials").0;
    assert!(problem["mfa_token"].is_null(), "{problem}");
}
