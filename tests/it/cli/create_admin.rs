//! `callboard-api create-admin`, and the admin of the first start

use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::installation::Installation;
use callboard_tests::wait::{SOON, wait_until};

async fn create(place: &Installation, email: &str, password: &str) -> (Option<i32>, String) {
    let program = place.program("callboard-api").argument("create-admin").argument("--email").argument(email);
    let (status, said) = program.variable("ADMIN_PASSWORD", password).run().await;
    (status.code(), said)
}

async fn users(place: &Installation) -> Vec<(String, String, bool, String)> {
    sqlx::query_as("SELECT email::text, role, email_verified_at IS NOT NULL, password_hash FROM users ORDER BY email")
        .fetch_all(place.pool())
        .await
        .unwrap()
}

#[tokio::test]
async fn makes_a_verified_admin_once() {
    let place = Installation::new().await;
    let (code, said) = create(&place, "root@example.com", PASSWORD).await;
    assert_eq!((code, said.as_str()), (Some(0), "Admin root@example.com was made.\n"));
    let made = users(&place).await;
    assert_eq!(made.len(), 1);
    assert_eq!((made[0].0.as_str(), made[0].1.as_str(), made[0].2), ("root@example.com", "admin", true));

    let logged: Vec<(String, String)> =
        sqlx::query_as("SELECT actor, action FROM audit_log").fetch_all(place.pool()).await.unwrap();
    assert_eq!(logged, [("system".to_owned(), "user.created".to_owned())]);

    let (code, said) = create(&place, "ROOT@example.com", "another long passphrase here").await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("already"), "{said}");
    assert_eq!(users(&place).await, made, "nothing was changed, not even the password");
}

#[tokio::test]
async fn bad_values_are_refused_without_repeating_the_password() {
    let place = Installation::new().await;
    for (email, password, code) in [
        ("nobody", PASSWORD, 2),
        ("root@example.com", "hunter2", 1),
        ("root@example.com", "password123", 1),
        ("lantern@example.com", PASSWORD, 1),
    ] {
        let (ended, said) = create(&place, email, password).await;
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.starts_with("error: ") && !said.contains(password), "{said}");
    }
    assert!(users(&place).await.is_empty());
}

#[tokio::test]
async fn an_admin_who_was_made_can_log_in() {
    let app = App::start().await;
    let variables = app.variables.iter().fold(
        callboard_tests::process::Program::new("callboard-api").argument("create-admin"),
        |program, (name, value)| program.variable(name, value),
    );
    let (status, said) =
        variables.variable("ADMIN_EMAIL", "root@example.com").variable("ADMIN_PASSWORD", PASSWORD).run().await;
    assert!(status.success(), "{said}");
    let token = app.login("root@example.com").await;
    let me = app.get("/api/v1/auth/me").bearer_auth(token).answer().await.expect(200).json();
    assert_eq!(me["role"], "admin");
    assert!(me["email_verified_at"].is_string());
}

#[tokio::test]
async fn the_first_start_makes_an_admin_of_the_settings() {
    let settings = [("ADMIN_EMAIL", "root@example.com"), ("ADMIN_PASSWORD", PASSWORD)];
    let app = App::start_with(&settings).await;
    let admins = "SELECT count(*) FROM users WHERE role = 'admin' AND email = 'root@example.com'";
    wait_until(SOON, "there is an admin", || async { app.count(admins).await == 1 }).await;
    app.login("root@example.com").await;
}
