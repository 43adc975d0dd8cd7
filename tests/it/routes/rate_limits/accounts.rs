//! Attempts on one account are counted, whoever makes them.

use callboard_tests::app::{App, PASSWORD, Send as _};
use serde_json::json;

const BEHIND_A_PROXY: (&str, &str) = ("TRUSTED_PROXIES", "127.0.0.1");

#[tokio::test]
async fn bad_logins_are_limited_by_account_from_however_many_addresses() {
    let app = App::start_with(&[("RATE_LIMIT_LOGIN_PER_MINUTE", "3"), BEHIND_A_PROXY]).await;
    app.register("ada@example.com").await;
    let login = |n: usize, login: &str| {
        let body = json!({ "login": login, "password": "not the password" });
        app.post("/api/v1/auth/login", &body).header("x-forwarded-for", format!("198.51.100.{n}")).answer()
    };
    // Known or unknown, however they are written.
    for name in ["ada@example.com", "nobody@example.com"] {
        let mut refused = None;
        for n in 0..10 {
            let answer = login(n, &[name.to_owned(), format!(" {} ", name.to_uppercase())][n % 2]).await;
            if answer.status == 429 {
                assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
                refused.get_or_insert(n);
            }
        }
        assert!(refused.is_some_and(|n| n <= 3), "{name}: {refused:?}");
    }
    assert_eq!(login(20, "eve@example.com").await.status, 401, "another account is not affected");
}

/// Where the owner has been, strangers elsewhere use up none of their tries.
#[tokio::test]
async fn strangers_do_not_use_up_the_owners_logins() {
    let app = App::start_with(&[("RATE_LIMIT_LOGIN_PER_MINUTE", "3"), BEHIND_A_PROXY]).await;
    app.register("ada@example.com").await;
    let login = |from: &'static str, password: &str| {
        let body = json!({ "login": "ada", "password": password });
        app.post("/api/v1/auth/login", &body).header("x-forwarded-for", from).answer()
    };
    // The first from there is a stranger's, like those that follow.
    let _ = login("198.51.100.1", PASSWORD).await.expect(200);
    for status in [401, 401, 429] {
        assert_eq!(login("198.51.100.2", "not the password").await.status, status);
    }
    let _ = login("198.51.100.1", PASSWORD).await.expect(200);
}

#[tokio::test]
async fn bad_logins_are_limited_by_address_from_however_many_accounts() {
    let app = App::start_with(&[("RATE_LIMIT_LOGIN_PER_MINUTE", "2")]).await;
    let mut statuses = Vec::new();
    for n in 0..8 {
        let body = json!({ "login": format!("user{n}@example.com"), "password": "not the password" });
        statuses.push(app.post("/api/v1/auth/login", &body).answer().await.status);
    }
    assert_eq!(statuses[6..], [429, 429], "{statuses:?}");
}

#[tokio::test]
async fn mails_to_one_account_are_limited() {
    let app = App::start_with(&[("RATE_LIMIT_RESET_PER_HOUR", "2"), BEHIND_A_PROXY]).await;
    let mut statuses = Vec::new();
    for n in 0..4 {
        let request = app.post("/api/v1/auth/forgot-password", &json!({ "email": "ada@example.com" }));
        statuses.push(request.header("x-forwarded-for", format!("198.51.100.{n}")).answer().await.status);
    }
    assert!(statuses[..2].iter().all(|status| *status < 300), "{statuses:?}");
    assert_eq!(statuses[2..], [429, 429]);
}
