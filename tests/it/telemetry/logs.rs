//! What both programs log.

use std::time::Duration;

use callboard_tests::app::{PASSWORD, Send as _, client};
use callboard_tests::installation::{Installation, api_url};
use callboard_tests::wait::{SOON, wait_for};
use serde_json::{Value, json};

use crate::journey::Journey;

/// A log in JSON, line by line.
fn lines(log: &str) -> Vec<Value> {
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
}

/// The lines that tell of one request or one job.
fn telling(log: &str, what: &str) -> Vec<Value> {
    lines(log).into_iter().filter(|line| line["message"] == what).collect()
}

#[tokio::test]
async fn no_secret_and_nobodys_address_is_logged_even_at_debug() {
    let mut journey = Journey::begin(&[("LOG_LEVEL", "debug")]).await;
    journey.travel("ada.king@example.com", "countess", "en").await;
    // What fails may say more than what works.
    journey.mailbox.refuse_recipients(550, 1);
    let body = json!({ "email": "refused@example.com", "password": PASSWORD });
    let _ = journey.post("/api/v1/auth/register", &body).answer().await.expect(201);
    let _ = journey.post("/api/v1/auth/register", &body).answer().await.problem(409, "email_taken");
    let wrong = json!({ "login": "ada.king@example.com", "password": "wrong horse battery" });
    let _ = journey.post("/api/v1/auth/login", &wrong).answer().await.problem(401, "invalid_credentials");
    let bad = json!({ "token": "a-token-that-is-wrong" });
    let _ = journey.post("/api/v1/auth/verify-email", &bad).answer().await.problem(400, "verification_token_invalid");
    let _ = journey
        .get("/api/v1/auth/me")
        .bearer_auth("a-bearer-that-is-wrong")
        .answer()
        .await
        .problem(401, "invalid_token");
    let refused = || async { journey.worker.log().contains("discarded").then_some(()) };
    wait_for(SOON, "the refused mail is told", refused).await;

    let more = ["refused@example.com", "wrong horse battery", "a-token-that-is-wrong", "a-bearer-that-is-wrong"];
    let secrets = journey.secrets.iter().map(String::as_str).chain(more);
    for secret in secrets.chain(["ada.king", "argon2", "eyJ", "password="]) {
        for (program, log) in [("api", journey.api.log()), ("worker", journey.worker.log())] {
            let line = log.lines().find(|line| line.to_lowercase().contains(&secret.to_lowercase()));
            assert!(line.is_none(), "{secret} in the log of {program}: {line:?}");
        }
    }
    // The logs that were searched do have what was done.
    assert!(journey.api.log().contains("/api/v1/auth/register"));
    assert!(journey.worker.log().contains("email.verify_address"));
}

#[tokio::test]
async fn a_request_and_its_job_are_a_line_each_with_the_same_request_id() {
    let mut journey = Journey::begin(&[]).await;
    let ada = journey.travel("ada@example.com", "ada", "en").await;
    let _ = journey.get("/nowhere").header("x-request-id", "forged id").answer().await;
    assert!(!journey.api.log().contains("forged id"));

    let requests = telling(&journey.api.log(), "request");
    let registered: Vec<_> = requests.iter().filter(|line| line["request_id"] == ada.request_id.as_str()).collect();
    assert_eq!(registered.len(), 1, "{requests:#?}");
    let line = registered[0];
    assert_eq!((&line["method"], &line["route"]), (&json!("POST"), &json!("/api/v1/auth/register")));
    assert_eq!((&line["status"], &line["level"]), (&json!(201), &json!("INFO")));
    assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{line}");
    assert!(line["principal"].as_str().unwrap().starts_with("user:"), "{line}");
    // Three logins, two looks, two pages, a form, one that is nowhere, and the registration.
    assert_eq!(requests.len(), 10, "{requests:#?}");

    let told = || async { Some(telling(&journey.worker.log(), "job")).filter(|jobs| !jobs.is_empty()) };
    let (jobs, _) = wait_for(SOON, "the job is told", told).await;
    assert_eq!(jobs.len(), 1, "{jobs:#?}");
    let span = &jobs[0]["spans"][0];
    assert_eq!((&span["request_id"], &span["id"]), (&json!(ada.request_id), &json!(ada.job)), "{}", jobs[0]);
    assert_eq!((&span["kind"], &span["attempt"]), (&json!("email.verify_address"), &json!(1)));
    assert_eq!(jobs[0]["outcome"], "completed");
    assert!(jobs[0]["waited"].is_number() && jobs[0]["ran"].is_number(), "{}", jobs[0]);
    // And every other line is one object too.
    assert!(!lines(&journey.worker.log()).is_empty());
}

#[tokio::test]
async fn log_files_have_everything_and_errors_apart() {
    let place = Installation::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("made/for/it");
    let nobody = "postgres://nobody@127.0.0.1:1/none";
    let api = place
        .start_api(&[
            ("LOG_DIR", path.to_str().unwrap()),
            ("LOG_FORMAT", "pretty"),
            ("DATABASE_URL", nobody),
            ("DATABASE_ACQUIRE_TIMEOUT_SECONDS", "1"),
        ])
        .await;
    let body = json!({ "email": "ada@example.com", "password": PASSWORD });
    let register = || client().post(api_url(&api) + "/api/v1/auth/register").json(&body).answer();
    for answer in futures::future::join_all((0..10).map(|_| register())).await {
        let _ = answer.problem(503, "service_unavailable");
    }
    assert_eq!(api.terminate(Duration::from_secs(10)).await.code(), Some(0));

    let app = std::fs::read_to_string(path.join("app.log")).unwrap();
    let errors = lines(&std::fs::read_to_string(path.join("error.log")).unwrap());
    assert_eq!(telling(&app, "request").len(), 10);
    assert_eq!(telling(&app, "listening").len(), 1);
    let told: Vec<_> = errors.iter().filter(|line| line["message"] == "request failed").collect();
    assert_eq!(told.len(), 1, "an outage is no flood: {errors:#?}");
    assert!(errors.iter().all(|line| line["level"] == "ERROR"), "{errors:#?}");
    assert!(lines(&app).iter().any(|line| line["level"] == "INFO"));
}

#[tokio::test]
async fn a_folder_that_can_not_be_made_is_told() {
    let place = Installation::new().await;
    for name in ["callboard-api", "callboard-worker"] {
        let (status, said) = place.program(name).variable("LOG_DIR", "/dev/null/logs").run().await;
        assert!(matches!(status.code(), Some(1 | 2)), "{status}: {said}");
        assert!(said.contains("LOG_DIR: /dev/null/logs"), "{said}");
    }
}
