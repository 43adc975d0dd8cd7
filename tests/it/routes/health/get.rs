use callboard_tests::app::{App, Send as _};
use reqwest::Client;
use serde_json::json;

/// A port of loopback that nobody listens on.
const NOBODY: &str = "127.0.0.1:1";

async fn probe(client: &Client, address: std::net::SocketAddr, path: &str) -> (u16, serde_json::Value) {
    let answer = client.get(format!("http://{address}{path}")).answer().await;
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

#[tokio::test]
async fn all_is_well() {
    let app = App::start().await;
    let health = app.get("/health").answer().await.expect(200).json();
    assert_eq!(
        (&health["status"], &health["app"], &health["environment"]),
        (&json!("ok"), &json!("callboard"), &json!("development"))
    );
    assert_eq!(health["version"], env!("CARGO_PKG_VERSION"));
    for part in ["postgres", "redis"] {
        assert_eq!(health["checks"][part]["status"], "ok", "{health}");
        assert!(health["checks"][part]["latency_ms"].as_f64().unwrap() > 0.0, "{health}");
    }
    assert_eq!(app.get("/livez").answer().await.expect(200).json(), json!({ "status": "ok" }));
    assert_eq!(app.get("/readyz").answer().await.expect(200).json(), json!({ "status": "ok" }));
    let client = callboard_tests::app::client();
    assert_eq!(probe(&client, app.metrics_address(), "/readyz").await.0, 200);
    assert_eq!(probe(&client, app.metrics_address(), "/livez").await.0, 200);
}

#[tokio::test]
async fn without_redis_it_is_degraded_and_ready() {
    let app = App::start_with(&[("REDIS_URL", &format!("redis://{NOBODY}"))]).await;
    let health = app.get("/health").answer().await.expect(200).json();
    assert_eq!(health["status"], "degraded");
    assert_eq!(health["checks"]["redis"]["status"], "degraded");
    assert_eq!(app.get("/readyz").answer().await.expect(200).json(), json!({ "status": "degraded" }));
    let _ = app.get("/livez").answer().await.expect(200);
    let (status, inside) = probe(&callboard_tests::app::client(), app.metrics_address(), "/readyz").await;
    assert_eq!((status, &inside["status"]), (200, &json!("degraded")));
    // What needs only PostgreSQL goes on.
    app.register("ada@example.com").await;
    app.login("ada").await;
}

#[tokio::test]
async fn without_postgres_it_is_down_and_says_no_more() {
    let url = format!("postgres://someone:a-password@{NOBODY}/a_database");
    let app = App::start_with(&[("DATABASE_URL", &url), ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1")]).await;
    let health = app.get("/health").answer().await.expect(503);
    assert_eq!(health.json()["status"], "down");
    assert_eq!(health.json()["checks"]["postgres"]["status"], "down");

    let body = json!({ "email": "ada@example.com", "password": callboard_tests::app::PASSWORD });
    let login = json!({ "login": "ada@example.com", "password": callboard_tests::app::PASSWORD });
    let resend = json!({ "email": "ada@example.com" });
    let requests = [
        app.get("/readyz"),
        app.post("/api/v1/auth/register", &body),
        app.post("/api/v1/auth/login", &login),
        app.post("/api/v1/auth/resend-verification", &resend),
    ];
    for request in requests {
        let answer = request.answer().await;
        let problem = answer.problem(503, "service_unavailable");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
        for inside in
            ["postgres://", "someone", "a-password", "a_database", "127.0.0.1:1/", "sqlx", "refused", "os error"]
        {
            assert!(!problem.0.to_string().contains(inside), "{inside} in {}", problem.0);
        }
    }
    let _ = app.get("/livez").answer().await.expect(200);
    assert_eq!(probe(&callboard_tests::app::client(), app.metrics_address(), "/readyz").await.0, 503);
}
