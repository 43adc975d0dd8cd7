//! What answers carry, and what is not answered on the public port.

use callboard_tests::app::{App, Send as _};
use callboard_tests::raw;
use serde_json::json;

const EVERYWHERE: [&str; 9] = [
    "/",
    "/health",
    "/docs",
    "/redoc",
    "/openapi.json",
    "/api/v1/items",
    "/api/v1/auth/me",
    "/api/v1/auth/reset-password?token=x",
    "/nowhere",
];

#[tokio::test]
async fn c30_security_headers() {
    let plain = App::start().await;
    let tls = App::start_with(&[("PUBLIC_URL", "https://callboard.example")]).await;
    for app in [&plain, &tls] {
        for path in EVERYWHERE {
            let answer = app.get(path).answer().await;
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
            let policy = answer.header("content-security-policy");
            for directive in ["default-src 'none'", "frame-ancestors 'none'"] {
                assert!(policy.contains(directive), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe-eval"), "{path}: {policy}");
            assert!(
                !policy.split(';').any(|part| part.contains("script-src") && part.contains("unsafe-inline")),
                "{policy}"
            );
            assert_eq!(answer.header("server"), "", "{path}");
            assert_eq!(answer.header("x-powered-by"), "", "{path}");
        }
    }
    assert!(tls.get("/").answer().await.header("strict-transport-security").contains("max-age="));
    assert_eq!(plain.get("/").answer().await.header("strict-transport-security"), "");
}

#[tokio::test]
async fn c31_evil_origins() {
    const LISTED: &str = "https://app.example.com";
    let closed = App::start().await;
    let open = App::start_with(&[("CORS_ORIGINS", LISTED), ("CORS_CREDENTIALS", "true")]).await;
    for app in [&closed, &open] {
        for evil in [
            "https://evil.example",
            "null",
            "*",
            "https://app.example.com.evil.example",
            "https://evil-app.example.com",
            "https://app.example.com:8443",
            "http://app.example.com",
            "https://app.example.com@evil.example",
            "https://APP.example.com.evil",
        ] {
            for path in EVERYWHERE {
                let simple = app.get(path).header("origin", evil).answer().await;
                let preflight = app.request("OPTIONS", path).header("origin", evil);
                let preflight = preflight
                    .header("access-control-request-method", "DELETE")
                    .header("access-control-request-headers", "authorization")
                    .answer()
                    .await;
                for answer in [simple, preflight] {
                    assert_eq!(answer.header("access-control-allow-origin"), "", "{path} from {evil}");
                    assert!(answer.headers.values().all(|value| value != evil), "{path} from {evil}");
                }
            }
        }
    }
    let fine = open.get("/api/v1/items").header("origin", LISTED).answer().await;
    assert_eq!(fine.header("access-control-allow-origin"), LISTED);
}

#[tokio::test]
async fn c34_metrics_and_trace_on_the_public_port() {
    let app = App::start().await;
    for path in
        ["/metrics", "/metrics/", "//metrics", "/./metrics", "/%6detrics", "/api/v1/metrics", "/docs/../metrics"]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        let answer = raw::exchange(app.address(), request.as_bytes()).await;
        assert!([400, 404].contains(&answer.status), "{path}: {}", answer.status);
        assert!(!String::from_utf8_lossy(&answer.body).contains("http_server_requests"), "{path}");
    }
    assert!(app.metrics().await.contains("http_server_requests"), "it is on a port of its own");
    for path in ["/", "/api/v1/items", "/api/v1/auth/login", "/docs", "/livez"] {
        for method in ["TRACE", "TRACK"] {
            let answer = app.request(method, path).header("x-secret", "echo-me").json(&json!({})).answer().await;
            assert_eq!(answer.status, 405, "{method} {path}");
            assert!(!answer.text().contains("echo-me"), "{method} {path}");
        }
    }
}
