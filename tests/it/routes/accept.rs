//! What a client takes, and what routes give.

use callboard_tests::answer::is_korean;
use callboard_tests::app::{App, Send as _};
use serde_json::json;

use super::operations;

#[tokio::test]
async fn a_client_that_excludes_json_is_refused_before_anything_is_done() {
    let app = App::start().await;
    let body = json!({ "email": "ada@example.com", "password": callboard_tests::app::PASSWORD });
    for accept in ["text/html", "image/*, text/plain;q=0.5", "application/json;q=0", "*/*;q=0", "application/xml"] {
        let _ = app.get("/api/v1/hello").header("accept", accept).answer().await.problem(406, "not_acceptable");
        let request = app.post("/api/v1/auth/register", &body).header("accept", accept);
        let _ = request.answer().await.problem(406, "not_acceptable");
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
    let request = app.get("/api/v1/hello").header("accept", "text/html").header("accept-language", "ko");
    let problem = request.answer().await.problem(406, "not_acceptable").0;
    assert!(is_korean(problem["detail"].as_str().unwrap()), "{problem}");
}

#[tokio::test]
async fn a_client_that_takes_json_in_any_way_gets_it() {
    let app = App::start().await;
    for accept in [
        "*/*",
        "application/*",
        "application/json",
        "APPLICATION/JSON;charset=utf-8",
        "application/problem+json",
        "text/html,application/xhtml+xml,*/*;q=0.8",
        "*/*;q=0, application/json",
        "nonsense",
    ] {
        let answer = app.get("/api/v1/hello").header("accept", accept).answer().await.expect(200);
        assert_eq!(answer.header("content-type"), "application/json", "{accept}");
    }
}

/// Probes are asked by all sorts of things.
#[tokio::test]
async fn probes_and_pages_are_not_so_strict() {
    let app = App::start().await;
    for (path, accept) in
        [("/livez", "text/plain"), ("/docs", "application/json"), ("/api/v1/auth/verify-email?token=x", "text/html")]
    {
        assert_ne!(app.get(path).header("accept", accept).answer().await.status, 406, "{path}");
    }
}

#[tokio::test]
async fn routes_that_may_answer_406_say_so() {
    let app = App::start().await;
    for operation in operations::all() {
        let request = app.request(&operation.method, &operation.path).header("accept", "image/png");
        if request.answer().await.status == 406 {
            assert!(operation.statuses.contains(&406), "{} {}", operation.method, operation.template);
        }
    }
}
