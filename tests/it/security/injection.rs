//! What is written into logs, headers and mails on behalf of a client.

use callboard_tests::app::{App, PASSWORD, Send as _, client};
use callboard_tests::installation::{Installation, api_url};
use callboard_tests::mailbox::{Mail, Mailbox};
use callboard_tests::raw;
use callboard_tests::wait::SOON;
use serde_json::{Value, json};

const MARK: &str = "FORGED";

/// A line that would be taken for one of the log.
const LINE: &str = r#"{"timestamp":"2026-01-01T00:00:00Z","level":"ERROR","message":"FORGED"}"#;

#[tokio::test]
async fn c39_forged_log_lines_and_headers() {
    for format in ["json", "pretty"] {
        let place = Installation::new().await;
        let api = place.start_api(&[("LOG_FORMAT", format), ("LOG_LEVEL", "debug")]).await;
        let address = api.addresses().http.unwrap();
        let get = |path: &str| client().get(format!("{}{path}", api_url(&api)));
        for id in [r#"","message":"FORGED"#, r"\n\r\u000aFORGED", "%0d%0aFORGED:1"] {
            let answer = get("/nowhere").header("x-request-id", id.as_bytes()).answer().await;
            let echoed = answer.header("x-request-id");
            assert!(echoed == id || !echoed.contains(MARK), "{echoed}");
            assert!(answer.headers.keys().all(|name| !name.as_str().contains("forged")));
        }
        // Bytes that no client would send.
        for bad in ["\n", "\r", "\r\n ", "\0", "\u{1b}[2K", "\u{7f}"] {
            let head = format!(
                "GET /nowhere HTTP/1.1\r\nHost: test\r\nConnection: close\r\nX-Request-ID: a{bad}{LINE}\r\n\r\n"
            );
            let answer = raw::exchange(address, head.as_bytes()).await;
            assert!([400, 404].contains(&answer.status), "{bad:?}: {}", answer.status);
            assert!(!answer.header("x-request-id").contains(MARK), "{bad:?}");
        }
        let line = format!("\n{LINE}\r\n");
        let encoded: String = url::form_urlencoded::byte_serialize(line.as_bytes()).collect();
        for path in [format!("/api/v1/hello/{encoded}"), format!("/{encoded}"), format!("/api/v1/items?q={encoded}")] {
            let answer = get(&path).header("user-agent", r#"","message":"FORGED"#).answer().await;
            assert!((200..500).contains(&answer.status), "{path}");
            assert!(answer.headers.keys().all(|name| !name.as_str().contains("forged")), "{path}");
        }
        let forged = format!("Ada\n{LINE}");
        for (name, value) in [("full_name", &forged), ("username", &forged), ("email", &format!("a@b.c\n{LINE}"))] {
            let mut body = json!({ "email": "ada@example.com", "password": PASSWORD });
            body[name] = json!(value);
            let register = client().post(api_url(&api) + "/api/v1/auth/register").json(&body);
            let _ = register.answer().await.problem(422, "validation_failed");
        }
        let body = json!({ "login": forged, "password": forged });
        let login = client().post(api_url(&api) + "/api/v1/auth/login").json(&body);
        let _ = login.answer().await.problem(401, "invalid_credentials");

        let log = api.log();
        assert!(log.contains("/api/v1/auth/login"), "{log}");
        for line in log.lines() {
            assert!(!line.starts_with(LINE) && !line.starts_with(MARK), "{line}");
            assert!(!line.chars().any(|letter| letter.is_control() && letter != '\u{1b}'), "{line:?}");
            if format == "json" {
                let event: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
                assert!(event["message"] != MARK, "{line}");
            }
        }
    }
}

/// Names that try to become headers or recipients of the mail that is sent to them.
#[tokio::test]
async fn c40_mail_headers_in_names_and_addresses() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    let register = async |email: &str, name: &str| {
        let body = json!({ "email": email, "password": PASSWORD, "full_name": name });
        app.post("/api/v1/auth/register", &body).answer().await
    };
    for bad in
        ["\r\nBcc: eve@evil.example", "\nBcc: eve@evil.example", "\rBcc: x", "\u{2028}Bcc: x", "\u{85}Bcc: x", "\0"]
    {
        let name = register("ada@example.com", &format!("Ada{bad}")).await.problem(422, "validation_failed");
        assert!(name.errors()[0].starts_with("#/full_name "), "{:?}", name.errors());
        let email = register(&format!("ada@example.com{bad}"), "Ada").await.problem(422, "validation_failed");
        assert!(email.errors()[0].starts_with("#/email "), "{:?}", email.errors());
    }
    for email in [
        "ada@example.com, eve@evil.example",
        "ada@example.com;eve@evil.example",
        "<eve@evil.example>",
        "Ada <ada@example.com>",
    ] {
        let _ = register(email, "Ada").await.problem(422, "validation_failed");
    }
    let hostile = [
        r#"Eve" <eve@evil.example>, "Ada"#,
        "Eve <eve@evil.example>, x",
        "Bcc: eve@evil.example",
        r"Eve\",
        "=?utf-8?q?Eve=0D=0ABcc:_eve@evil.example?=",
        "(comment) group: eve@evil.example;",
        r"\r\nBcc: eve@evil.example",
        "%0d%0aBcc: eve@evil.example",
        "<script>alert(1)</script><img src=x onerror=y>",
        "{{ 7 * 7 }} ${7*7} {% include 'x' %}",
    ];
    for (number, name) in hostile.iter().enumerate() {
        let email = format!("user{number}@example.com");
        let _ = register(&email, name).await.expect(201);
        let _ = mailbox.wait_for_mail_to(&email, SOON).await.unwrap();
        // Who has proved their address is greeted by their name.
        sqlx::query("UPDATE users SET email_verified_at = now()").execute(app.pool()).await.unwrap();
        let forgot = app.post("/api/v1/auth/forgot-password", &json!({ "email": email }));
        let _ = forgot.answer().await.expect(202);
        let is_reset =
            |mail: &Mail| mail.is_to(&email) && mail.text().is_some_and(|text| text.contains("reset-password"));
        let mail = mailbox.wait_for(is_reset, SOON).await.unwrap();
        assert_eq!(mail.to, std::slice::from_ref(&email), "{name}");
        let raw = String::from_utf8_lossy(&mail.raw).into_owned();
        let head = raw.split_once("\r\n\r\n").unwrap().0.to_lowercase();
        for header in ["bcc:", "cc:", "reply-to:"] {
            assert!(!head.lines().any(|line| line.starts_with(header)), "{name}: {head}");
        }
        assert_eq!(head.lines().filter(|line| line.starts_with("to:")).count(), 1, "{head}");
        let html = mail.html().unwrap();
        assert!(!html.contains("<script>") && !html.contains("<img src=x"), "{html}");
        assert!(html.contains("7 * 7") || !name.contains("7 * 7"), "as it was written: {html}");
    }
    assert_eq!(mailbox.mails().len(), 2 * hostile.len());
}
