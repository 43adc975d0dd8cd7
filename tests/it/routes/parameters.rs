//! Odd paths and query parameters, at every route.

use callboard_tests::app::{App, Send as _};
use callboard_tests::raw;

use super::operations;

/// Links in mails carry what mailers add.
const LENIENT: &str = "/api/v1/auth/verify-email";

#[tokio::test]
async fn an_unknown_parameter_is_refused() {
    let app = App::start().await;
    for operation in operations::all() {
        // Links in mails and the way back from a provider are lenient; lists name
        // what they don't know by themselves.
        if operation.takes_query {
            continue;
        }
        for (query, parameter) in
            [("limit=5", "limit"), ("a=%00", "a"), ("%00=1", "\0"), ("x", "x"), ("%FF=%FE", "\u{fffd}"), ("=", "")]
        {
            let path = format!("{}?{query}", operation.path);
            let mut request = app.request(&operation.method, &path);
            if let Some(good) = &operation.good {
                request = request.json(good);
            }
            let problem = request.answer().await.problem(400, "unknown_parameter");
            assert_eq!(problem.errors(), [format!("{parameter} unknown_parameter")], "{path}");
            assert!(operation.statuses.contains(&400), "{path}");
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused() {
    let app = App::start().await;
    let problem = app.get(&format!("{LENIENT}?token=a&token=b")).answer().await.problem(400, "invalid_parameter");
    assert_eq!(problem.errors(), ["token duplicate_field"]);
    let problem = app.get("/api/v1/hello?a=1&a=2").answer().await.problem(400, "unknown_parameter");
    assert_eq!(problem.errors(), ["a unknown_parameter", "a unknown_parameter"]);
}

#[tokio::test]
async fn odd_segments_of_a_path_are_client_errors() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let token = app.login("ada").await;
    let cases = [
        ("/api/v1/hello/%00", 422, "validation_failed"),
        ("/api/v1/hello/%0d%0aX:1", 422, "validation_failed"),
        ("/api/v1/hello/%FF", 400, "malformed_request"),
        ("/api/v1/hello/%C0%80", 400, "malformed_request"),
        (&format!("/api/v1/hello/{}", "a".repeat(10_000)), 422, "validation_failed"),
        (&format!("/api/v1/hello/{}", "a".repeat(101)), 422, "validation_failed"),
        ("/api/v1/hello/a/b", 404, "unknown_route"),
        ("/api/v1/jobs/5", 404, "not_found"),
        ("/api/v1/jobs/%00", 404, "not_found"),
        ("/api/v1/jobs/%FF", 404, "not_found"),
        ("/api/v1/jobs/019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a1", 404, "not_found"),
        ("/api/v1/jobs/019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11", 404, "not_found"),
        ("/api/v1/auth/", 404, "unknown_route"),
        ("/api/v1/jobs/5/why", 404, "not_found"),
        ("/problems/no_such_code", 404, "not_found"),
        ("/problems/%00", 404, "not_found"),
        ("/docs/no-such-file.js", 404, "not_found"),
        ("/docs/..%2f..%2fetc%2fpasswd", 404, "not_found"),
        ("/%00", 404, "unknown_route"),
        ("/%FF", 404, "unknown_route"),
        ("/nope", 404, "unknown_route"),
        ("/API/v1/hello", 404, "unknown_route"),
        ("/metrics", 404, "unknown_route"),
    ];
    for (path, status, code) in cases {
        let answer = app.get(path).bearer_auth(&token).answer().await;
        let problem = answer.problem(status, code);
        assert_eq!(problem.0["errors"].as_array().is_some(), status == 422, "{path}: {}", problem.0);
    }
}

/// What is no HTTP at all never reaches a route.
#[tokio::test]
async fn raw_nul_bytes_in_the_request_line_are_refused() {
    let app = App::start().await;
    for line in ["GET /api/v1/hello/\0 HTTP/1.1", "GET /?a=\0 HTTP/1.1", "G\0T / HTTP/1.1"] {
        let request = format!("{line}\r\nHost: test\r\nConnection: close\r\n\r\n");
        assert_eq!(raw::exchange(app.address(), request.as_bytes()).await.status, 400, "{line:?}");
    }
}
