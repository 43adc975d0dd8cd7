//! What every answer has, and what every request may carry.

use callboard_tests::app::{App, Send as _};
use serde_json::json;
use uuid::Uuid;

const EVERYWHERE: [&str; 8] =
    ["/", "/health", "/api/v1/hello", "/api/v1/auth/me", "/nowhere", "/docs", "/problems", "/openapi.json"];

#[tokio::test]
async fn every_answer_has_the_security_headers() {
    let app = App::start().await;
    for path in EVERYWHERE {
        let answer = app.get(path).answer().await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{path}: {policy}");
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(answer.header("strict-transport-security"), "", "{path}: not behind TLS");
        assert_eq!(answer.header("server"), "", "{path}");
    }
}

#[tokio::test]
async fn browsers_are_told_to_stay_with_tls_where_there_is_tls() {
    let app = App::start_with(&[("PUBLIC_URL", "https://callboard.example")]).await;
    for path in EVERYWHERE {
        assert_eq!(app.get(path).answer().await.header("strict-transport-security"), "max-age=31536000", "{path}");
    }
    let problem = app.get("/nowhere").answer().await.problem(404, "unknown_route");
    assert_eq!(problem.0["type"], "https://callboard.example/problems/unknown_route");
}

#[tokio::test]
async fn answers_are_not_stored_but_for_assets() {
    let app = App::start().await;
    for path in EVERYWHERE {
        assert_eq!(app.get(path).answer().await.header("cache-control"), "no-store", "{path}");
    }
    for path in ["/assets/page.css", "/docs/swagger-ui.css"] {
        assert_eq!(app.get(path).answer().await.header("cache-control"), "public, max-age=3600", "{path}");
    }
}

#[tokio::test]
async fn every_answer_tells_its_time_and_its_id() {
    let app = App::start().await;
    for path in EVERYWHERE {
        let answer = app.get(path).answer().await;
        let seconds: f64 = answer.header("x-process-time").parse().unwrap();
        assert!((0.0..30.0).contains(&seconds), "{path}: {seconds}");
        let id: Uuid = answer.header("x-request-id").parse().unwrap();
        assert_eq!(id.get_version_num(), 7, "{path}");
    }
}

#[tokio::test]
async fn a_printable_request_id_is_taken_over_and_any_other_replaced() {
    let app = App::start().await;
    for id in
        ["abc-123", "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11", r##"!"#$%&'()*+,/:;<=>?@[]^_`{|}~"##, &"x".repeat(128)]
    {
        for path in ["/api/v1/hello", "/nowhere"] {
            assert_eq!(app.get(path).header("x-request-id", id).answer().await.header("x-request-id"), id);
        }
    }
    for id in ["", " ", "a b", "a\tb", "\u{e9}", &"x".repeat(129)] {
        let answer = app.get("/nowhere").header("x-request-id", id.as_bytes()).answer().await;
        let made: Uuid = answer.problem(404, "unknown_route").0["request_id"].as_str().unwrap().parse().unwrap();
        assert_eq!(made.get_version_num(), 7, "{id:?}");
    }
}

#[tokio::test]
async fn a_trailing_slash_is_the_same_route() {
    let app = App::start().await;
    for path in ["/api/v1/hello", "/api/v1/hello/Ada", "/docs", "/problems", "/livez"] {
        let (with, without) = (app.get(&format!("{path}/")).answer().await, app.get(path).answer().await);
        assert_eq!((with.status, with.body), (200, without.body), "{path}");
    }
    let body = json!({ "email": "ada@example.com", "password": callboard_tests::app::PASSWORD });
    let _ = app.post("/api/v1/auth/register/", &body).answer().await.expect(201);
}

#[tokio::test]
async fn an_origin_that_is_not_listed_is_never_reflected() {
    const LISTED: &str = "https://app.example.com";
    let closed = App::start().await;
    let open = App::start_with(&[("CORS_ORIGINS", LISTED)]).await;
    let strangers =
        ["https://evil.example", "null", "https://app.example.com.evil.example", "http://app.example.com", "*"];
    for app in [&closed, &open] {
        for origin in strangers {
            for path in EVERYWHERE {
                let answer = app.get(path).header("origin", origin).answer().await;
                assert_eq!(answer.header("access-control-allow-origin"), "", "{path} from {origin}");
            }
            let preflight = app.request("OPTIONS", "/api/v1/hello").header("origin", origin);
            let answer = preflight.header("access-control-request-method", "GET").answer().await;
            assert_eq!(answer.header("access-control-allow-origin"), "", "a preflight from {origin}");
        }
    }
    assert_eq!(closed.get("/").header("origin", LISTED).answer().await.header("access-control-allow-origin"), "");
}

#[tokio::test]
async fn a_listed_origin_may_call_and_read_problems_too() {
    const LISTED: &str = "https://app.example.com";
    let app = App::start_with(&[("CORS_ORIGINS", LISTED), ("CORS_METHODS", "GET,POST")]).await;
    for path in EVERYWHERE {
        let answer = app.get(path).header("origin", LISTED).answer().await;
        assert_eq!(answer.header("access-control-allow-origin"), LISTED, "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "", "{path}");
        assert!(answer.list("access-control-expose-headers").contains("x-request-id"), "{path}");
        assert!(answer.list("vary").contains("origin"), "{path}: {:?}", answer.headers);
    }
    let preflight = app.request("OPTIONS", "/api/v1/auth/register").header("origin", LISTED);
    let answer = preflight.header("access-control-request-method", "POST").answer().await.expect(200);
    assert_eq!(answer.list("access-control-allow-methods"), ["GET", "POST"].map(str::to_owned).into());
    assert!(answer.list("access-control-allow-headers").iter().any(|name| name.eq_ignore_ascii_case("authorization")));
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_can_read_it() {
    let app = App::start().await;
    for path in ["/openapi.json", "/docs", "/problems"] {
        let plain = app.get(path).answer().await;
        assert_eq!(plain.header("content-encoding"), "", "{path}");
        let packed = app.get(path).header("accept-encoding", "gzip").answer().await;
        assert_eq!(packed.header("content-encoding"), "gzip", "{path}");
        assert_eq!(packed.body[..2], [0x1f, 0x8b], "{path}");
        assert!(packed.list("vary").contains("accept-encoding"), "{path}: {:?}", packed.headers);
        assert!(packed.body.len() < plain.body.len(), "{path}");
    }
}

#[tokio::test]
async fn a_forged_host_leads_nowhere() {
    let app = App::start().await;
    for (header, value) in [("host", "evil.example"), ("x-forwarded-host", "evil.example")] {
        for path in EVERYWHERE {
            let answer = app.get(path).header(header, value).answer().await;
            assert!(!answer.text().contains("evil.example"), "{path}");
        }
    }
}
