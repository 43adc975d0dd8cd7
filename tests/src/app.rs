//! The API in this process: on free ports, with a database and a Redis prefix of
//! its own, built as `main` builds it.
#![expect(clippy::expect_used, clippy::missing_panics_doc, reason = "what fails here fails the test")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use callboard_api::app::{Application, Listeners};
use callboard_api::state::AppState;
use callboard_shared::domain::{MailKey, TokenPurpose};
use callboard_shared::telemetry::Telemetry;
use callboard_worker::app::Worker;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use uuid::Uuid;

use crate::answer::Answer;
use crate::installation::Installation;
use crate::logs::Logs;
use crate::mailbox::Mailbox;
use crate::services::Services;
use crate::settings::{SECRET, Variables};
use crate::wait::{SOON, wait_for};

/// A password that is strong enough.
pub const PASSWORD: &str = "quiet lantern over the harbour";

/// Longer than any answer of a healthy API takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running API. Dropping it stops it.
#[derive(Debug)]
pub struct App {
    /// Its settings.
    pub variables: Variables,
    http: SocketAddr,
    metrics: SocketAddr,
    state: AppState,
    client: Client,
    _stop: DropGuard,
    // Dropped last, in this order: the log is shown after everything else.
    installation: Arc<Installation>,
    logs: Arc<Logs>,
}

/// Somebody who has registered, verified their address and logged in.
#[derive(Debug, Clone)]
pub struct Person {
    /// Their id.
    pub id: Uuid,
    /// An access token of theirs.
    pub token: String,
}

/// A worker in this process. Dropping it stops it.
#[derive(Debug)]
pub struct AppWorker {
    /// Where its metrics and probes are.
    pub metrics: SocketAddr,
    _stop: DropGuard,
}

impl App {
    /// Starts one with the settings that tests need.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// Starts one with these settings besides.
    pub async fn start_with(more: &[(&str, &str)]) -> Self {
        let logs = Arc::new(Logs::keep());
        Self::within(Arc::new(Installation::new().await), logs, more).await
    }

    /// Starts one on servers of the test's own.
    pub async fn start_on(services: &Services) -> Self {
        let logs = Arc::new(Logs::keep());
        Self::within(Arc::new(Installation::on(services).await), logs, &[]).await
    }

    /// Starts another one of the same installation, with these settings besides.
    pub async fn start_beside(&self, more: &[(&str, &str)]) -> Self {
        Self::within(Arc::clone(&self.installation), Arc::clone(&self.logs), more).await
    }

    async fn within(installation: Arc<Installation>, logs: Arc<Logs>, more: &[(&str, &str)]) -> Self {
        let variables = installation.variables.clone().with_all(more);
        let settings = variables.api();
        let listeners = Listeners { http: free_port().await, metrics: free_port().await };
        let telemetry = Telemetry::new("callboard-api").expect("metrics");
        let application = Application::build(&settings, listeners, telemetry).expect("the API is built");
        let (http, metrics, state) =
            (application.address(), application.metrics_address(), application.state().clone());
        let shutdown = CancellationToken::new();
        tokio::spawn(application.run_until_stopped(shutdown.clone()));
        let stop = shutdown.drop_guard();
        Self { variables, http, metrics, state, client: client(), _stop: stop, installation, logs }
    }

    /// Where clients are served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.http
    }

    /// What the handlers share.
    #[must_use]
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// A path's URL.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.http)
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> RequestBuilder {
        self.client.get(self.url(path))
    }

    /// `POST path` with a JSON body.
    pub fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        self.client.post(self.url(path)).json(body)
    }

    /// Any method, without a body.
    pub fn request(&self, method: &str, path: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        self.client.request(method, self.url(path))
    }

    /// What `/metrics` says now.
    pub async fn metrics(&self) -> String {
        scrape(self.metrics).await
    }

    /// The value of the sample that `/metrics` names so, labels included; 0 where it
    /// has none.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.metrics().await;
        let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.map_or(0.0, |value| value.parse().expect("a number"))
    }

    /// What it logs, it and those of the same installation.
    #[must_use]
    pub fn logs(&self) -> &Logs {
        &self.logs
    }

    /// Where metrics and probes are served.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.metrics
    }

    /// Registers this address with [`PASSWORD`]; returns the user's id.
    pub async fn register(&self, email: &str) -> Uuid {
        self.register_with(&json!({ "email": email, "password": PASSWORD })).await
    }

    /// Registers with this body; returns the user's id.
    pub async fn register_with(&self, body: &Value) -> Uuid {
        let user = self.post("/api/v1/auth/register", body).answer().await.expect(201).json();
        user["id"].as_str().and_then(|id| id.parse().ok()).expect("the user's id")
    }

    /// Somebody named `<username>@example.com` with this role, whose address is
    /// verified and who has logged in.
    pub async fn person(&self, username: &str, role: &str) -> Person {
        let email = format!("{username}@example.com");
        let body = json!({ "email": email, "password": PASSWORD, "username": username });
        let id = self.register_with(&body).await;
        sqlx::query("UPDATE users SET role = $2, email_verified_at = clock_timestamp() WHERE id = $1")
            .bind(id)
            .bind(role)
            .execute(self.pool())
            .await
            .expect("the user is there");
        Person { id, token: self.login(username).await }
    }

    /// Logs in with [`PASSWORD`]; returns the access token.
    pub async fn login(&self, login: &str) -> String {
        let body = json!({ "login": login, "password": PASSWORD });
        let tokens = self.post("/api/v1/auth/login", &body).answer().await.expect(200).json();
        tokens["access_token"].as_str().expect("a token").to_owned()
    }

    /// Logs in with [`PASSWORD`]; returns all that the answer has, the refresh
    /// token too.
    pub async fn login_tokens(&self, login: &str) -> Value {
        let body = json!({ "login": login, "password": PASSWORD });
        self.post("/api/v1/auth/login", &body).answer().await.expect(200).json()
    }

    /// How many security notices of this kind were enqueued for a user.
    pub async fn notices(&self, user: Uuid, notice: &str) -> i64 {
        sqlx::query_scalar(
            "SELECT count(*) FROM queue_jobs_all WHERE kind = 'email.security_notice'
             AND payload::jsonb ->> 'user_id' = $1 AND payload::jsonb ->> 'notice' = $2",
        )
        .bind(user.to_string())
        .bind(notice)
        .fetch_one(self.pool())
        .await
        .expect("the ledger")
    }

    /// The user's newest verification token, as their mail has it.
    pub async fn verification_token(&self, user: Uuid) -> String {
        let id: Uuid = sqlx::query_scalar(
            "SELECT id FROM email_verification_tokens WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1",
        )
        .bind(user)
        .fetch_one(self.pool())
        .await
        .expect("the user's token");
        MailKey::derive(SECRET.as_bytes(), TokenPurpose::VerifyEmail).token(id).expose()
    }

    /// The user's newest token that sets a new password, as their mail has it.
    pub async fn reset_token(&self, user: Uuid) -> String {
        let id: Uuid = sqlx::query_scalar(
            "SELECT id FROM password_reset_tokens WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1",
        )
        .bind(user)
        .fetch_one(self.pool())
        .await
        .expect("the user's token");
        MailKey::derive(SECRET.as_bytes(), TokenPurpose::ResetPassword).token(id).expose()
    }

    /// The user's newest token that confirms another address, as their mail has it.
    pub async fn email_change_token(&self, user: Uuid) -> String {
        let id: Uuid = sqlx::query_scalar(
            "SELECT id FROM email_change_tokens WHERE user_id = $1 ORDER BY created_at DESC LIMIT 1",
        )
        .bind(user)
        .fetch_one(self.pool())
        .await
        .expect("the user's token");
        MailKey::derive(SECRET.as_bytes(), TokenPurpose::ChangeEmail).token(id).expose()
    }

    /// The one job that this user's requests have caused, as they see it.
    pub async fn job_of(&self, user: Uuid) -> Uuid {
        let jobs: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM queue_jobs_all WHERE owner = $1")
            .bind(user.to_string())
            .fetch_all(self.pool())
            .await
            .expect("the user's jobs");
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        jobs[0]
    }

    /// Leaves a schedule there as a worker would have declared it that is gone now:
    /// a job of the kind `maintenance.prune_tokens` at midnight.
    pub async fn declare_schedule(&self, name: &str) {
        let job = json!({
            "kind": "maintenance.prune_tokens", "payload_version": 1, "queue": "maintenance", "priority": "low",
            "payload": {}, "max_attempts": 5, "run_at": null, "timeout_ms": 60_000, "expires_in_ms": null,
            "unique": null,
        });
        sqlx::query(
            "INSERT INTO queue_schedules (name, cron, time_zone, misfire, job)
             VALUES ($1, '0 0 * * *', 'UTC', 'run_once', $2) ON CONFLICT DO NOTHING",
        )
        .bind(name)
        .bind(job)
        .execute(self.pool())
        .await
        .expect("the ledger");
    }

    /// What the audit log has of this action: who, what it was done to, and the
    /// details, the oldest first.
    pub async fn audited(&self, action: &str) -> Vec<(String, Option<Uuid>, Value)> {
        sqlx::query_as("SELECT actor, resource_id, details FROM audit_log WHERE action = $1 ORDER BY at, id")
            .bind(action)
            .fetch_all(self.pool())
            .await
            .expect("the audit log")
    }

    /// The test's own connections to the database.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        self.installation.pool()
    }

    /// Waits until a job is in this state, and returns its row as the ledger shows it.
    pub async fn job_in_state(&self, id: Uuid, state: &str) -> Value {
        let look = || async {
            let row: Option<Value> =
                sqlx::query_scalar("SELECT to_jsonb(job) FROM queue_jobs_all AS job WHERE id = $1")
                    .bind(id)
                    .fetch_optional(self.pool())
                    .await
                    .expect("the ledger");
            row.filter(|row| row["state"] == state)
        };
        wait_for(SOON, format!("job {id} is {state}"), look).await.0
    }

    /// Counts with a statement such as `SELECT count(*) FROM users`.
    pub async fn count(&self, statement: &'static str) -> i64 {
        sqlx::query_scalar(statement).fetch_one(self.pool()).await.expect("a count")
    }

    /// Starts a worker beside it that sends its mails to `mailbox`.
    pub async fn start_worker(&self, mailbox: &Mailbox) -> AppWorker {
        self.start_worker_with(&[("SMTP_PORT", &mailbox.address().port().to_string())]).await
    }

    /// Starts a worker beside it with these settings.
    pub async fn start_worker_with(&self, more: &[(&str, &str)]) -> AppWorker {
        let variables = self.variables.clone().with("PUBLIC_URL", self.url("")).with_all(more);
        let worker = Worker::build(variables.worker()).await.expect("the worker is built");
        let metrics = worker.address();
        let shutdown = CancellationToken::new();
        tokio::spawn(worker.run(shutdown.clone()));
        AppWorker { metrics, _stop: shutdown.drop_guard() }
    }
}

/// Sends a request and reads its answer.
pub trait Send: Sized {
    /// The answer.
    fn answer(self) -> impl Future<Output = Answer>;
}

impl Send for RequestBuilder {
    async fn answer(self) -> Answer {
        Answer::read(self.send().await.expect("an answer")).await
    }
}

/// What `/metrics` at this address says now.
pub async fn scrape(address: SocketAddr) -> String {
    let answer = client().get(format!("http://{address}/metrics")).answer().await.expect(200);
    answer.text().to_owned()
}

/// An HTTP client that follows no redirect and no proxy.
#[must_use]
pub fn client() -> Client {
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE);
    builder.tls_backend_preconfigured(callboard_shared::tls::client_config().expect("TLS")).build().expect("a client")
}

async fn free_port() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").await.expect("a free port")
}
