//! The whole way of a registration, through the real programs.

use std::time::{Duration, Instant};

use callboard_tests::answer::{Answer, is_korean};
use callboard_tests::app::{PASSWORD, Send as _, client};
use callboard_tests::installation::{Installation, api_url};
use callboard_tests::mailbox::Mailbox;
use callboard_tests::process::Process;
use callboard_tests::wait::{SOON, wait_for, wait_until};
use reqwest::{Client, RequestBuilder};
use serde_json::{Value, json};

/// The promise is a second; a busy machine gets more.
const MAIL: Duration = Duration::from_secs(5);

/// The programs, and somebody who uses them.
pub(crate) struct Journey {
    pub(crate) place: Installation,
    pub(crate) api: Process,
    pub(crate) worker: Process,
    pub(crate) mailbox: Mailbox,
    client: Client,
    /// What must not get into a log.
    pub(crate) secrets: Vec<String>,
}

/// What one person ended up with.
pub(crate) struct Traveller {
    pub(crate) request_id: String,
    pub(crate) token: String,
    pub(crate) job: String,
}

impl Journey {
    pub(crate) async fn begin(more: &[(&str, &str)]) -> Self {
        let place = Installation::new().await;
        let mailbox = Mailbox::start().await.unwrap();
        let api = place.start_api(more).await;
        let worker = place.start_worker(&api, &mailbox, more).await;
        let secrets = vec![PASSWORD.to_owned(), callboard_tests::settings::SECRET.to_owned()];
        Self { place, api, worker, mailbox, client: client(), secrets }
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(api_url(&self.api) + path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(api_url(&self.api) + path).json(body)
    }

    async fn form(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.client.post(api_url(&self.api) + path).form(fields).answer().await
    }

    fn token(&mut self, answer: Answer) -> String {
        let token = answer.expect(200).json()["access_token"].as_str().unwrap().to_owned();
        self.secrets.push(token.clone());
        token
    }

    /// Registers, follows the link, logs in by all ways, and looks at oneself and
    /// at the job.
    pub(crate) async fn travel(&mut self, email: &str, username: &str, language: &str) -> Traveller {
        let is_here = |text: &str| is_korean(text) == (language == "ko");
        let name = format!("Bearer of {username}");
        let body = json!({ "email": email, "password": PASSWORD, "username": username, "full_name": name });
        let asked = Instant::now();
        let request = self.post("/api/v1/auth/register", &body).header("accept-language", language);
        let registered = request.answer().await.expect(201);
        let request_id = registered.header("x-request-id").to_owned();

        let mail = self.mailbox.wait_for_mail_to(email, MAIL).await.unwrap();
        assert!(asked.elapsed() < MAIL, "{:?}", asked.elapsed());
        assert!(is_here(&mail.subject()), "{}", mail.subject());
        let link = mail.first_link().unwrap();
        assert!(mail.html().unwrap().contains(&link), "{link}");
        let path = link.strip_prefix(&api_url(&self.api)).unwrap().to_owned();
        let secret = path.split_once("token=").unwrap().1.to_owned();
        self.secrets.extend([email.to_owned(), name, secret.clone()]);

        for shown in ["en", "ko"] {
            let page = self.get(&path).header("accept-language", shown).answer().await.expect(200);
            assert_eq!(is_korean(page.text()), shown == "ko");
        }
        let me = self.login_and_look(json!({ "login": email, "password": PASSWORD })).await;
        assert!(me["email_verified_at"].is_null(), "looking at the page verifies nothing");
        let page = self.form("/api/v1/auth/verify-email", &[("token", &secret)]).await.expect(200);
        assert!(page.header("content-type").starts_with("text/html"));
        let me = self.login_and_look(json!({ "login": username, "password": PASSWORD })).await;
        assert!(me["email_verified_at"].is_string());
        assert_eq!((&me["email"], &me["locale"]), (&json!(email), &json!(language)));

        let fields = [("grant_type", "password"), ("username", username), ("password", PASSWORD)];
        let answer = self.form("/api/v1/auth/login", &fields).await;
        let token = self.token(answer);
        let job = sqlx::query_scalar("SELECT id::text FROM queue_jobs_all WHERE owner = $1")
            .bind(me["id"].as_str())
            .fetch_one(self.place.pool())
            .await
            .unwrap();
        Traveller { request_id, token, job }
    }

    async fn login_and_look(&mut self, body: Value) -> Value {
        let answer = self.post("/api/v1/auth/login", &body).answer().await;
        let token = self.token(answer);
        self.get("/api/v1/auth/me").bearer_auth(token).answer().await.expect(200).json()
    }

    /// The job as this person sees it.
    pub(crate) async fn job(&self, job: &str, token: &str) -> Answer {
        self.get(&format!("/api/v1/jobs/{job}")).bearer_auth(token).answer().await
    }
}

#[tokio::test]
async fn a_registration_becomes_a_verified_user() {
    let mut journey = Journey::begin(&[]).await;
    let ada = journey.travel("ada.king@example.com", "countess", "en").await;
    let gil = journey.travel("gildong@example.com", "hong", "ko").await;

    for traveller in [&ada, &gil] {
        // The finish is committed in batches after the mail was taken.
        let finished = || async {
            let job = journey.job(&traveller.job, &traveller.token).await.expect(200).json();
            (job["status"] == "finished").then_some(job)
        };
        let (job, _) = wait_for(SOON, "the job is finished", finished).await;
        assert_eq!((&job["state"], &job["attempt"]), (&json!("completed"), &json!(1)));
        assert_eq!(job["result"], json!({ "sent": true }));
    }
    // Each sees only their own.
    for (traveller, other) in [(&ada, &gil), (&gil, &ada)] {
        let _ = journey.job(&other.job, &traveller.token).await.problem(404, "not_found");
    }
    assert_eq!(journey.mailbox.mails().len(), 2);

    let (api, worker) = (journey.api, journey.worker);
    assert_eq!(worker.terminate(SOON).await.code(), Some(0));
    assert_eq!(api.terminate(SOON).await.code(), Some(0));
}

/// `healthcheck` is what the image's health check runs.
#[tokio::test]
async fn the_health_checks_of_both_programs_ask_the_running_ones() {
    let journey = Journey::begin(&[]).await;
    let http = journey.api.addresses().http.unwrap().port().to_string();
    let metrics = journey.worker.addresses().metrics.port().to_string();
    for (program, variable, port, code) in [
        ("callboard-api", "PORT", http.as_str(), 0),
        ("callboard-api", "PORT", "1", 1),
        ("callboard-worker", "METRICS_PORT", metrics.as_str(), 0),
        ("callboard-worker", "METRICS_PORT", "1", 1),
    ] {
        // The worker is ready a moment after it listens: once it is registered.
        wait_until(SOON, format!("{program} at {port} says {code}"), || async {
            let check = callboard_tests::process::Program::new(program).argument("healthcheck");
            check.variable(variable, port).run().await.0.code() == Some(code)
        })
        .await;
    }
}
