//! Bad bodies, each at every route that takes a body: a 4xx problem that says
//! where, never a 500, and nothing written.

use callboard_tests::answer::Answer;
use callboard_tests::app::{App, Send as _};
use callboard_tests::raw;
use serde_json::{Value, json};

use super::operations::{self, Operation};

const JSON: &str = "application/json";
const MEBIBYTE: usize = 1 << 20;

/// A bad body and what has to become of it.
struct Bad {
    what: String,
    content_type: Option<&'static str>,
    content_encoding: Option<&'static str>,
    body: Vec<u8>,
    /// Status and code; none where they are the field's own affair.
    expected: Option<(u16, &'static str)>,
    /// Place and code in `errors`.
    error: Option<String>,
}

impl Bad {
    fn new(what: impl Into<String>, body: impl Into<Vec<u8>>, status: u16, code: &'static str) -> Self {
        let (what, body) = (what.into(), body.into());
        Self {
            what,
            content_type: Some(JSON),
            content_encoding: None,
            body,
            expected: Some((status, code)),
            error: None,
        }
    }

    fn of_type(self, content_type: impl Into<Option<&'static str>>) -> Self {
        Self { content_type: content_type.into(), ..self }
    }

    fn encoded(self, content_encoding: &'static str) -> Self {
        Self { content_encoding: Some(content_encoding), ..self }
    }

    fn invalid(what: impl Into<String>, body: impl Into<Vec<u8>>, error: impl Into<String>) -> Self {
        Self { error: Some(error.into()), ..Self::new(what, body, 422, "validation_failed") }
    }

    fn any_refusal(what: impl Into<String>, body: impl Into<Vec<u8>>) -> Self {
        Self { expected: None, ..Self::new(what, body, 0, "") }
    }
}

fn with_operations() -> impl Iterator<Item = (Operation, Value)> {
    operations::all().into_iter().filter_map(|operation| Some((operation.clone(), operation.good?)))
}

fn bad_bodies(operation: &Operation, good: &Value) -> Vec<Bad> {
    let fine = good.to_string();
    let inside = fine.trim_start_matches('{');
    let mut bad = vec![
        Bad::new("an empty body", "", 400, "malformed_json"),
        Bad::new("blanks", " \n ", 400, "malformed_json"),
        Bad::new("half an object", &fine[..fine.len() / 2], 400, "malformed_json"),
        Bad::new("something behind the object", format!("{fine} {fine}"), 400, "malformed_json"),
        Bad::new("a comma too many", format!("{},}}", fine.trim_end_matches('}')), 400, "malformed_json"),
        Bad::new("half an array", "[1,", 400, "malformed_json"),
        Bad::new("a raw NUL", fine.replace(':', ":\0"), 400, "malformed_json"),
        Bad::new("a raw NUL in a text", fine.replacen(":\"", ":\"\0", 1), 400, "malformed_json"),
        Bad::new("NUL alone", "\0", 400, "malformed_json"),
        Bad::new("half a surrogate pair", fine.replacen(":\"", ":\"\\ud800", 1), 400, "malformed_json"),
        Bad::new("a number beyond all", fine.replacen(":\"", ":1e999,\"a\":\"", 1), 400, "malformed_json"),
        Bad::new("a deep nest", "[".repeat(100_000), 400, "malformed_json"),
        Bad::new("invalid UTF-8", [fine.as_bytes(), b"\xff"].concat(), 400, "invalid_utf8"),
        Bad::new(
            "UTF-16",
            fine.encode_utf16().flat_map(u16::to_le_bytes).chain([0xd8]).collect::<Vec<_>>(),
            400,
            "invalid_utf8",
        ),
        Bad::new("an overlong NUL", b"{\"a\":\"\xc0\x80\"}".to_vec(), 400, "invalid_utf8"),
        Bad::new("no content type", fine.clone(), 415, "unsupported_media_type").of_type(None),
        Bad::new("plain text", fine.clone(), 415, "unsupported_media_type").of_type("text/plain"),
        Bad::new("no media type", fine.clone(), 415, "unsupported_media_type").of_type("json"),
        Bad::new("a multipart form", fine.clone(), 415, "unsupported_media_type")
            .of_type("multipart/form-data; boundary=x"),
        Bad::new("another charset", fine.clone(), 415, "unsupported_media_type")
            .of_type("application/json; charset=euc-kr"),
        Bad::new("gzip", fine.clone(), 415, "unsupported_media_type").encoded("gzip"),
        Bad::new("an unknown encoding", fine.clone(), 415, "unsupported_media_type").encoded("rot13"),
        Bad::new("a byte too many", padded(&fine, MEBIBYTE + 1), 413, "body_too_large"),
        Bad::new("3 MiB", padded(&fine, 3 * MEBIBYTE), 413, "body_too_large"),
        Bad::invalid("an array", format!("[{fine}]"), "# wrong_type"),
        Bad::invalid("a text", "\"text\"", "# wrong_type"),
        Bad::invalid("a number", "5", "# wrong_type"),
        Bad::invalid("null", "null", "# wrong_type"),
        Bad::invalid("an unknown field", format!("{{\"nope\":1,{inside}"), "#/nope unknown_field"),
        Bad::invalid("an odd unknown field", format!("{{\"a/b~c\":1,{inside}"), "#/a~1b~0c unknown_field"),
        Bad::invalid("a field with a NUL in its name", format!("{{\"a\\u0000\":1,{inside}"), "#/a\0 unknown_field"),
        Bad::invalid("a role of one's own", format!("{{\"role\":\"admin\",{inside}"), "#/role unknown_field"),
    ];
    for name in operation.required {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(*name);
        bad.push(Bad::invalid(format!("no {name}"), without.to_string(), format!("#/{name} required")));
    }
    for (name, value) in good.as_object().unwrap() {
        for wrong in [json!(5), json!(true), json!([value]), json!({ "a": value }), json!(1.5)] {
            let mut with = good.clone();
            with[name] = wrong.clone();
            bad.push(Bad::invalid(format!("{name}: {wrong}"), with.to_string(), format!("#/{name} wrong_type")));
        }
        let twice = format!("{{\"{name}\":{value},{inside}");
        bad.push(Bad::invalid(format!("{name} twice"), twice, format!("#/{name} duplicate_field")));
        for (what, odd) in [
            ("10,000 characters", "a".repeat(10_000)),
            ("10,000 letters of Korean", "가".repeat(10_000)),
            ("a NUL", "a\0@example.com".to_owned()),
            ("NUL alone", "\0".to_owned()),
            ("nothing", String::new()),
        ] {
            let mut with = good.clone();
            with[name] = json!(odd);
            bad.push(Bad::any_refusal(format!("{name} of {what}"), with.to_string()));
        }
    }
    bad
}

/// The same JSON in this many bytes.
fn padded(json: &str, bytes: usize) -> String {
    format!("{json}{}", " ".repeat(bytes - json.len()))
}

async fn send(app: &App, operation: &Operation, bad: &Bad, language: &str) -> Answer {
    let mut request = app.request(&operation.method, &operation.path).header("accept-language", language);
    if let Some(content_type) = bad.content_type {
        request = request.header("content-type", content_type);
    }
    if let Some(content_encoding) = bad.content_encoding {
        request = request.header("content-encoding", content_encoding);
    }
    request.body(bad.body.clone()).answer().await
}

#[tokio::test]
async fn a_bad_body_is_a_problem_that_says_where() {
    let app = App::start().await;
    for (operation, good) in with_operations() {
        for bad in bad_bodies(&operation, &good) {
            let case = format!("{} {}, {}", operation.method, operation.path, bad.what);
            let answer = send(&app, &operation, &bad, "en").await;
            let problem = answer.any_problem();
            assert!((400..500).contains(&answer.status), "{case}: {}", problem.0);
            assert!(operation.statuses.contains(&answer.status), "{case}: {} is not described", answer.status);
            if let Some(expected) = bad.expected {
                assert_eq!((answer.status, problem.code()), expected, "{case}: {}", problem.0);
            }
            if let Some(error) = bad.error {
                assert_eq!(problem.errors(), [error], "{case}: {}", problem.0);
            }
            if answer.status == 422 {
                assert!(!problem.errors().is_empty(), "{case}: {}", problem.0);
            }
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 0);
    assert_eq!(app.count("SELECT count(*) FROM queue_jobs_all").await, 0);
}

#[tokio::test]
async fn a_bad_body_is_told_in_korean_too() {
    let app = App::start().await;
    for (operation, good) in with_operations() {
        for bad in bad_bodies(&operation, &good) {
            let problem = send(&app, &operation, &bad, "ko-KR,ko;q=0.9,en;q=0.5").await.any_problem().0;
            let errors = problem["errors"].as_array().into_iter().flatten();
            for told in [&problem].into_iter().chain(errors) {
                let detail = told["detail"].as_str().unwrap();
                assert!(callboard_tests::answer::is_korean(detail), "{} {}: {detail}", operation.path, bad.what);
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_fills_the_limit_is_read() {
    let app = App::start().await;
    for (operation, good) in with_operations() {
        let body = padded(&good.to_string(), MEBIBYTE);
        let request = app.request(&operation.method, &operation.path).header("content-type", JSON).body(body);
        let status = request.answer().await.status;
        assert_ne!(status, 413, "{}", operation.path);
        assert!(status < 500, "{}: {status}", operation.path);
    }
}

/// Without `Content-Length`, only reading tells how long a body is.
#[tokio::test]
async fn a_chunked_body_is_counted_as_it_comes() {
    let app = App::start().await;
    for (operation, good) in with_operations() {
        for (bytes, is_refused) in [(MEBIBYTE + 1, true), (MEBIBYTE, false)] {
            let head = format!(
                "{} {} HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Type: application/json\r\n\
                 Transfer-Encoding: chunked\r\n\r\n",
                operation.method, operation.path
            );
            let body = padded(&good.to_string(), bytes);
            let chunks: Vec<_> = body.as_bytes().chunks(60_000).map(chunk).collect();
            let request = [head.into_bytes(), chunks.concat(), b"0\r\n\r\n".to_vec()].concat();
            let answer = raw::exchange(app.address(), &request).await;
            if is_refused {
                let _ = answer.problem(413, "body_too_large");
            } else {
                assert!(answer.status < 500 && answer.status != 413, "{}: {}", operation.path, answer.status);
            }
        }
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// A client that asks first is told before it has sent anything.
#[tokio::test]
async fn a_body_that_is_announced_as_too_large_is_not_asked_for() {
    let app = App::start().await;
    for length in [MEBIBYTE + 1, usize::MAX / 1_000] {
        let request = format!(
            "POST /api/v1/auth/register HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
             Expect: 100-continue\r\nContent-Length: {length}\r\n\r\n"
        );
        let _ = raw::exchange(app.address(), request.as_bytes()).await.problem(413, "body_too_large");
    }
}

/// An array in place of an object would be taken by serde as the fields in order.
#[tokio::test]
async fn the_fields_in_an_array_register_nobody() {
    let app = App::start().await;
    let body = json!(["ada@example.com", callboard_tests::app::PASSWORD, null, null, null]);
    let problem = app.post("/api/v1/auth/register", &body).answer().await.problem(422, "validation_failed");
    assert_eq!(problem.errors(), ["# wrong_type"]);
}
