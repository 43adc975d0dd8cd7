//! Limits of time.

use std::time::Duration;

use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::raw;
use callboard_tests::wait::wait_until;
use serde_json::json;

/// The head and the first byte, and then nothing.
#[tokio::test]
async fn a_body_that_does_not_come_is_408() {
    let app = App::start_with(&[("BODY_READ_TIMEOUT_SECONDS", "1")]).await;
    for (path, length) in [
        ("/api/v1/auth/register", "Content-Length: 100\r\n\r\n{"),
        ("/api/v1/auth/login", "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n"),
    ] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n{length}");
        let answer = raw::exchange(app.address(), request.as_bytes()).await;
        let _ = answer.problem(408, "request_timeout");
        assert_eq!(answer.header("connection"), "close", "what is left must not become the next request");
    }
}

#[tokio::test]
async fn a_body_that_breaks_off_is_the_clients_fault() {
    let app = App::start().await;
    let request = "POST /api/v1/auth/register HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\
                   Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nno size\r\n";
    let answer = raw::exchange(app.address(), request.as_bytes()).await;
    let _ = answer.problem(400, "malformed_request");
}

/// A table that another transaction has locked holds the handler up.
#[tokio::test]
async fn a_handler_past_its_time_is_503_and_has_changed_nothing() {
    let app = App::start_with(&[("REQUEST_TIMEOUT_SECONDS", "1")]).await;
    let mut blocker = app.pool().begin().await.unwrap();
    sqlx::query("LOCK TABLE email_verification_tokens IN ACCESS EXCLUSIVE MODE").execute(&mut *blocker).await.unwrap();

    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let answer = app.post("/api/v1/auth/register", &body).answer().await;
    let _ = answer.problem(503, "timeout");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    // Nor does it go on waiting in PostgreSQL, with a connection of the pool.
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let deadline = Duration::from_secs(5);
    wait_until(deadline, "nobody waits for the table", || async { app.count(waiting).await == 0 }).await;

    blocker.rollback().await.unwrap();
    // The user of the attempt that was given up would stand in the way.
    app.register("ada@example.com").await;
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs").await, 1);
}
