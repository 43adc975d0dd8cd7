//! Bad bodies, each at every route that takes a body: a 4xx problem that says
//! where, never a 500, and nothing written.

use std::io::Write as _;

use callboard_api::auth::access::Needs;
use callboard_tests::answer::Answer;
use callboard_tests::app::{App, Send as _};
use callboard_tests::raw;
use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};

use super::operations::{self, Operation};

const JSON: &str = "application/json";
const MEBIBYTE: usize = 1 << 20;
const USERS: &str = "SELECT count(*) FROM users";
const JOBS: &str = "SELECT count(*) FROM queue_jobs_all";

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

/// Those that take a whole body. What a PATCH refuses depends on what is there:
/// each resource's own tests have it.
fn with_operations() -> impl Iterator<Item = (Operation, Value)> {
    let all = operations::all().into_iter().filter(|operation| operation.method != "PATCH");
    all.filter_map(|operation| Some((operation.clone(), operation.good?)))
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
        Bad::new("gzip that is none", fine.clone(), 400, "malformed_request").encoded("gzip"),
        Bad::new("half of a gzip", &gzipped(&fine)[..20], 400, "malformed_request").encoded("gzip"),
        Bad::new("gzip of what is no JSON", gzipped("x"), 400, "malformed_json").encoded("gzip"),
        Bad::new("gzip twice", gzipped(&fine), 415, "unsupported_media_type").encoded("gzip, gzip"),
        Bad::new("brotli", fine.clone(), 415, "unsupported_media_type").encoded("br"),
        Bad::new("a byte too many once unpacked", gzipped(padded(&fine, MEBIBYTE + 1)), 413, "body_too_large")
            .encoded("gzip"),
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
    ];
    for name in ["id", "role", "owner_id", "is_active", "version", "created_at"] {
        if !operation.fields.contains(name) {
            let body = format!("{{\"{name}\":\"x\",{inside}");
            bad.push(Bad::invalid(format!("a {name} of one's own"), body, format!("#/{name} unknown_field")));
        }
    }
    for name in &operation.required {
        let mut without = good.clone();
        without.as_object_mut().unwrap().remove(name);
        bad.push(Bad::invalid(format!("no {name}"), without.to_string(), format!("#/{name} required")));
    }
    for (name, value) in good.as_object().unwrap().iter().filter(|(_, value)| value.is_string()) {
        for wrong in [json!(5), json!(true), json!([value]), json!({ "a": value }), json!(1.5)] {
            let mut with = good.clone();
            with[name] = wrong.clone();
            bad.push(Bad::invalid(format!("{name}: {wrong}"), with.to_string(), format!("#/{name} wrong_type")));
        }
        let twice = format!("{{\"{name}\":{value},{inside}");
        bad.push(Bad::invalid(format!("{name} twice"), twice, format!("#/{name} duplicate_field")));
        for (what, odd) in [
            ("10,001 characters", "a".repeat(10_001)),
            ("10,001 letters of Korean", "가".repeat(10_001)),
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

/// The same as gzip.
fn gzipped(body: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body.as_ref()).unwrap();
    encoder.finish().unwrap()
}

/// The same JSON in this many bytes.
fn padded(json: &str, bytes: usize) -> String {
    format!("{json}{}", " ".repeat(bytes - json.len()))
}

async fn send(app: &App, token: &str, operation: &Operation, bad: &Bad, language: &str) -> Answer {
    let mut request =
        app.request(&operation.method, &operation.path).bearer_auth(token).header("accept-language", language);
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
    let token = app.person("root", "admin").await.token;
    let (users, jobs) = (app.count(USERS).await, app.count(JOBS).await);
    for (operation, good) in with_operations() {
        for bad in bad_bodies(&operation, &good) {
            let case = format!("{} {}, {}", operation.method, operation.path, bad.what);
            let answer = send(&app, &token, &operation, &bad, "en").await;
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
    assert_eq!((app.count(USERS).await, app.count(JOBS).await), (users, jobs));
}

#[tokio::test]
async fn a_bad_body_is_told_in_korean_too() {
    let app = App::start().await;
    let token = app.person("root", "admin").await.token;
    for (operation, good) in with_operations() {
        for bad in bad_bodies(&operation, &good) {
            let problem = send(&app, &token, &operation, &bad, "ko-KR,ko;q=0.9,en;q=0.5").await.any_problem().0;
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
    for (index, (operation, good)) in with_operations().enumerate() {
        // What succeeds may end a session: each has its own.
        let token = app.person(&format!("root{index}"), "admin").await.token;
        let body = padded(&good.to_string(), MEBIBYTE);
        let request = app.request(&operation.method, &operation.path).header("content-type", JSON).body(body);
        let status = request.bearer_auth(token).answer().await.status;
        assert_ne!(status, 413, "{}", operation.path);
        assert!(status < 500, "{}: {status}", operation.path);
    }
}

#[tokio::test]
async fn a_gzip_body_is_what_is_in_it() {
    let app = App::start().await;
    for (n, encoding) in ["gzip", "GZIP", "x-gzip"].into_iter().enumerate() {
        let body = json!({ "email": format!("ada{n}@example.com"), "password": callboard_tests::app::PASSWORD });
        let packed = gzipped(padded(&body.to_string(), MEBIBYTE));
        let request = app.request("POST", "/api/v1/auth/register").header("content-type", JSON);
        let _ = request.header("content-encoding", encoding).body(packed).answer().await.expect(201);
    }
}

/// A gibibyte of blanks in a mebibyte: only the first few are unpacked.
#[tokio::test]
async fn a_bomb_is_refused_before_it_goes_off() {
    let app = App::start().await;
    let blanks = vec![b' '; MEBIBYTE];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..1_024 {
        encoder.write_all(&blanks).unwrap();
    }
    let bomb = encoder.finish().unwrap();
    assert!(bomb.len() < 2 * MEBIBYTE, "{}", bomb.len());
    let request = app.request("POST", "/api/v1/auth/register").header("content-type", JSON);
    let answer = request.header("content-encoding", "gzip").body(bomb.clone()).answer().await;
    let _ = answer.problem(413, "body_too_large");
    assert_eq!(answer.header("connection"), "close");
    let metrics = app.metrics().await;
    assert!(metrics.contains("http_server_requests_rejected_total{reason=\"size\"} 1\n"), "{metrics}");
    let read = metrics.lines().find_map(|line| line.strip_prefix("http_server_request_body_bytes_sum ")).unwrap();
    let read: f64 = read.parse().unwrap();
    assert!(read < 500_000.0, "a few mebibytes come from a few kibibytes, and a buffer more: {read} of {}", bomb.len());
}

/// Without `Content-Length`, only reading tells how long a body is.
#[tokio::test]
async fn a_chunked_body_is_counted_as_it_comes() {
    let app = App::start().await;
    for (operation, good) in with_operations().filter(|(operation, _)| operation.needs == Needs::Anybody) {
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
