//! Too many requests under way.

use callboard_tests::app::{App, PASSWORD, Send as _};
use callboard_tests::wait::{SOON, wait_until};
use serde_json::json;

/// Of five places, writes get four. A table that another transaction has locked
/// holds these up.
#[tokio::test]
async fn writes_are_refused_before_reads_and_probes_never() {
    let app = App::start_with(&[("MAX_IN_FLIGHT", "5")]).await;
    let mut blocker = app.pool().begin().await.unwrap();
    sqlx::query("LOCK TABLE users IN ACCESS EXCLUSIVE MODE").execute(&mut *blocker).await.unwrap();
    let register = |n: usize| {
        let body = json!({ "email": format!("ada{n}@example.com"), "password": PASSWORD });
        app.post("/api/v1/auth/register", &body)
    };
    let held: Vec<_> = (0..4).map(|n| tokio::spawn(register(n).answer())).collect();
    let waiting = || async {
        app.count(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
        .await
            == 4
    };
    wait_until(SOON, "four registrations wait for the table", waiting).await;

    for language in ["en", "ko"] {
        let answer = register(9).header("accept-language", language).answer().await;
        let problem = answer.problem(503, "overloaded").0;
        let is_korean = callboard_tests::answer::is_korean(problem["detail"].as_str().unwrap());
        assert_eq!(is_korean, language == "ko", "{problem}");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    }
    let _ = app.get("/api/v1/hello").answer().await.expect(200);
    for probe in ["/livez", "/readyz", "/health"] {
        let _ = app.get(probe).answer().await.expect(200);
    }
    let metrics = app.metrics().await;
    assert!(metrics.contains("http_server_requests_rejected_total{reason=\"shed\"} 2\n"), "{metrics}");

    blocker.rollback().await.unwrap();
    for held in held {
        let _ = held.await.unwrap().expect(201);
    }
    let _ = register(9).answer().await.expect(201);
}
