//! Queries, bodies and paths that are made to break something.

use std::io::Write as _;
use std::time::{Duration, Instant};

use callboard_tests::app::{App, PASSWORD, Send as _, client};
use callboard_tests::installation::{Installation, api_url};
use callboard_tests::raw;
use flate2::{Compression, write::GzEncoder};
use futures::future::join_all;
use serde_json::json;

const LISTS: [&str; 6] =
    ["/api/v1/accounts", "/api/v1/api-keys", "/api/v1/audit-log", "/api/v1/items", "/api/v1/profiles", "/api/v1/users"];

const MEBIBYTE: usize = 1 << 20;

/// The path with this parameter, encoded.
fn with(path: &str, name: &str, value: &str) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    format!("{path}?{}", query.append_pair(name, value).finish())
}

#[tokio::test]
async fn c26_sql_in_sorts_and_filters() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    for list in LISTS {
        for sort in ["id;drop", "id; DROP TABLE users --", "(SELECT 1)", "id desc", "1", "password_hash", "id'", "-"] {
            let answer = app.get(&with(list, "sort", sort)).bearer_auth(&root.token).answer().await;
            assert_eq!(answer.status, 400, "{list} by {sort}: {}", answer.text());
            let _ = answer.any_problem();
        }
        for (name, value) in [
            ("id", "' OR '1'='1"),
            ("id", "x'; DROP TABLE users; --"),
            ("created_at_gte", "2026-01-01' OR 1=1 --"),
            ("created_at_gte", "now()"),
            ("id' OR '1'='1", "1"),
            ("id) OR (1=1", "1"),
            ("fields", "id,password_hash"),
            ("fields", "*"),
            ("cursor", "' OR 1=1 --"),
            ("cursor", "AAAA"),
            ("limit", "1; DROP TABLE users"),
            ("skip", "-1"),
            ("count", "exact' --"),
        ] {
            let answer = app.get(&with(list, name, value)).bearer_auth(&root.token).answer().await;
            assert_eq!(answer.status, 400, "{list}?{name}={value}: {}", answer.text());
            let problem = answer.any_problem().0.to_string().to_lowercase();
            for inside in ["sqlx", "syntax error", "postgres", "column"] {
                assert!(!problem.contains(inside), "{problem}");
            }
        }
        // A text to search for is taken as it is, and finds nothing.
        for text in ["' OR '1'='1", "%", "_", r"\", "%' OR 1=1 --", "$1", "';SELECT pg_sleep(9)--", "&|!()", "가'"] {
            let answer = app.get(&with(list, "q", text)).bearer_auth(&root.token).answer().await;
            assert!([200, 400].contains(&answer.status), "{list} for {text}: {}", answer.text());
            let found = answer.json()["items"].as_array().map_or(0, Vec::len);
            assert_eq!(found, 0, "{list} for {text}: {}", answer.text());
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM users").await, 1);
}

#[tokio::test]
async fn c28_too_much_and_too_slow() {
    let app = App::start_with(&[("BODY_READ_TIMEOUT_SECONDS", "1")]).await;
    let root = app.person("root", "admin").await;
    for list in LISTS {
        for query in ["limit=1000000", "limit=101", "limit=0", "limit=-1", "skip=1000000", "limit=99999999999999999999"]
        {
            let answer = app.get(&format!("{list}?{query}")).bearer_auth(&root.token).answer().await;
            assert_eq!(answer.status, 400, "{list}?{query}: {}", answer.text());
        }
    }
    let large = json!({ "email": "ada@example.com", "password": "x".repeat(MEBIBYTE) });
    let _ = app.post("/api/v1/auth/register", &large).answer().await.problem(413, "body_too_large");
    let large = json!({ "title": "x".repeat(MEBIBYTE), "price": "1" });
    let _ = app.post("/api/v1/items", &large).bearer_auth(&root.token).answer().await.problem(413, "body_too_large");
    let slow = "POST /api/v1/auth/register HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n\
                Content-Length: 100\r\n\r\n{";
    let asked = Instant::now();
    let _ = raw::exchange(app.address(), slow.as_bytes()).await.problem(408, "request_timeout");
    assert!(asked.elapsed() < Duration::from_secs(10), "{:?}", asked.elapsed());
}

#[tokio::test]
async fn c29_wrong_media_types_and_parameters_given_twice() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    let body = json!({ "title": "Studio", "price": "1000" }).to_string();
    for kind in [
        "text/plain",
        "application/xml",
        "text/html",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
    ] {
        let request = app.request("POST", "/api/v1/items").bearer_auth(&root.token).header("content-type", kind);
        let _ = request.body(body.clone()).answer().await.problem(415, "unsupported_media_type");
    }
    let without = app.request("POST", "/api/v1/items").bearer_auth(&root.token).body(body);
    let _ = without.answer().await.problem(415, "unsupported_media_type");
    for list in LISTS {
        for twice in ["limit=1&limit=2", "sort=id&sort=-id", "cursor=a&cursor=b", "limit=1&limit=1", "limit[]=1"] {
            let answer = app.get(&format!("{list}?{twice}")).bearer_auth(&root.token).answer().await;
            assert_eq!(answer.status, 400, "{list}?{twice}: {}", answer.text());
        }
    }
    let twice = app.get("/api/v1/auth/verify-email?token=a&token=b").answer().await;
    let _ = twice.problem(400, "invalid_parameter");
    assert_eq!(app.count("SELECT count(*) FROM items").await, 0);
}

/// This many mebibytes of blanks as gzip, a thousandth of that.
fn bomb(mebibytes: usize) -> Vec<u8> {
    let blanks = vec![b' '; MEBIBYTE];
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    for _ in 0..mebibytes {
        encoder.write_all(&blanks).unwrap();
    }
    encoder.finish().unwrap()
}

/// The most memory that a process has used so far, where the system tells it.
fn peak(pid: u32) -> Option<usize> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse::<usize>().ok().map(|kibibytes| kibibytes * 1_024)
}

/// Forty at once, of a gibibyte each: what is unpacked is some mebibytes.
#[tokio::test]
async fn c37_gzip_bombs_in_bounded_memory() {
    let place = Installation::new().await;
    let api = place.start_api(&[]).await;
    let one = bomb(1_024);
    assert!(one.len() < 2 * MEBIBYTE, "{}", one.len());
    // The same in many members, each of which is small.
    let many = bomb(1).repeat(1_024);
    let before = peak(api.pid());
    // On a connection of its own: those of the bombs are being closed.
    let (client, another) = (client(), client());
    let send = async |number: usize| {
        let path = ["/api/v1/auth/register", "/api/v1/auth/login"][number % 2];
        let request = client.post(format!("{}{path}", api_url(&api))).header("content-type", "application/json");
        let body = if number % 4 < 2 { one.clone() } else { many.clone() };
        // Who goes on sending may be cut off before they have read the refusal.
        request.header("content-encoding", "gzip").body(body).send().await.ok().map(|answer| answer.status().as_u16())
    };
    let statuses = join_all((0..40).map(send)).await;
    // Of many members one is read, and anything behind it is no gzip.
    assert!(statuses.iter().flatten().all(|status| [400, 413].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&Some(413)), "{statuses:?}");
    if let (Some(before), Some(after)) = (before, peak(api.pid())) {
        let grown = after.saturating_sub(before);
        assert!(grown < 300 * MEBIBYTE, "by {} MiB", grown / MEBIBYTE);
    }
    // It goes on.
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let _ = another.post(api_url(&api) + "/api/v1/auth/register").json(&body).answer().await.expect(201);
}

#[tokio::test]
async fn c38_paths_that_climb_out() {
    let app = App::start().await;
    for folder in ["/docs", "/problems", "/assets", "/api/v1/auth/oauth", "/api/v1/hello", ""] {
        for climb in [
            "../../../../../../etc/passwd",
            "..%2f..%2f..%2f..%2fetc%2fpasswd",
            "%2e%2e/%2e%2e/%2e%2e/etc/passwd",
            "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
            "..%252f..%252fetc%252fpasswd",
            "..%5c..%5cetc%5cpasswd",
            "....//....//etc/passwd",
            "..%c0%af..%c0%afetc/passwd",
            "%2fetc%2fpasswd",
            "/etc/passwd",
            "file:%2f%2f%2fetc%2fpasswd",
            "index.html%00.css",
            "..%2fCargo.toml",
            ".env",
            ".git/config",
        ] {
            let request = format!("GET {folder}/{climb} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
            let answer = raw::exchange(app.address(), request.as_bytes()).await;
            let said = String::from_utf8_lossy(&answer.body).into_owned();
            // Whom one says hello to is free text.
            let is_greeting = folder == "/api/v1/hello" && answer.status == 200;
            assert!(
                is_greeting || [400, 404, 422].contains(&answer.status),
                "{folder}/{climb}: {} {said}",
                answer.status
            );
            for inside in ["root:", "[package]", "[core]", "DATABASE_URL="] {
                assert!(!said.contains(inside), "{folder}/{climb}: {said}");
            }
        }
    }
}
