//! `GET /api/v1/rate-limits`

use callboard_tests::app::{App, Send as _};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/rate-limits";

/// The entry of this name in the answer.
fn named(answer: &Value, name: &str) -> Value {
    let items = answer["items"].as_array().unwrap();
    items.iter().find(|item| item["name"] == name).unwrap_or_else(|| panic!("no {name}: {answer}")).clone()
}

#[tokio::test]
async fn shows_what_is_left_to_an_address() {
    let app = App::start_with(&[("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "3"), ("RATE_LIMIT_RESET_PER_HOUR", "2")]).await;
    let fresh = app.get(PATH).answer().await.expect(200).json();
    assert_eq!(
        named(&fresh, "anonymous"),
        json!({ "name": "anonymous", "counted_by": "address", "limit": 3, "window_seconds": 60, "remaining": 3, "reset_seconds": 0 })
    );
    assert_eq!(
        (&named(&fresh, "reset")["limit"], &named(&fresh, "reset")["window_seconds"]),
        (&json!(6), &json!(3600))
    );

    let _ = app.get("/api/v1/hello").answer().await.expect(200);
    let spent = named(&app.get(PATH).answer().await.expect(200).json(), "anonymous");
    assert_eq!(spent["remaining"], 2, "{spent}");
    assert!((1..=20).contains(&spent["reset_seconds"].as_u64().unwrap()), "{spent}");
}

#[tokio::test]
async fn shows_a_person_their_own() {
    let app = App::start_with(&[("RATE_LIMIT_PER_MINUTE", "5")]).await;
    app.register("ada@example.com").await;
    let token = app.login("ada@example.com").await;
    let _ = app.get("/api/v1/auth/me").bearer_auth(&token).answer().await.expect(200);
    let limits = app.get(PATH).bearer_auth(&token).answer().await.expect(200).json();
    let general = named(&limits, "general");
    assert_eq!((&general["counted_by"], &general["limit"]), (&json!("principal"), &json!(5)));
    assert_eq!(general["remaining"], 4, "{general}");
    assert!(limits["items"].as_array().unwrap().iter().all(|item| item["name"] != "anonymous"), "{limits}");
}

#[tokio::test]
async fn is_free() {
    let app = App::start_with(&[("RATE_LIMIT_ANONYMOUS_PER_MINUTE", "1")]).await;
    let _ = app.get("/api/v1/hello").answer().await.expect(200);
    let _ = app.get("/api/v1/hello").answer().await.problem(429, "rate_limited");
    for _ in 0..5 {
        let answer = app.get(PATH).answer().await.expect(200);
        assert_eq!(named(&answer.json(), "anonymous")["remaining"], 0);
        assert_eq!(answer.header("ratelimit"), "", "a free route tells of no limit");
    }
}
