//! What handlers share: made from the settings, and given to every request.

use std::{ops::Deref, sync::Arc, time::Duration};

use axum::extract::FromRef;
use callboard_queue::{Metrics as QueueMetrics, Queue};
use callboard_shared::{
    config::{AppEnv, TrustedProxies},
    database,
    health::{Check, Health, Status},
    jobs,
    telemetry::{Inside, Telemetry},
};
use sqlx::{AssertSqlSafe, PgPool, SqlSafeStr as _, SqlStr};

use crate::{
    auth::{
        AccessTokens, Identities, Passwords,
        access::Access,
        oauth::{self, SocialLogin},
        totp::TotpKey,
    },
    commits::Commits,
    extract::{BodyLimits, FingerprintKey},
    limits::Limits,
    lists::Lists,
    metrics::HttpMetrics,
    middleware::{problems::Renderer, security::BehindTls, shed::Shedder},
    services::{
        email_change::EmailChanges, password_reset::PasswordResets, sessions::Sessions, verification::Verification,
    },
    settings::Settings,
};

/// What PostgreSQL calls this process.
const NAME: &str = "callboard-api";

/// Longest wait for a lock that another request holds.
const LONGEST_LOCK: Duration = Duration::from_secs(10);

/// Why what handlers share could not be made.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The queue's settings can't be used.
    #[error(transparent)]
    Queue(#[from] callboard_queue::Error),
    /// The key that signs access tokens can't be used.
    #[error("the key that signs access tokens can't be used: {0}")]
    Tokens(#[from] jsonwebtoken::errors::Error),
    /// The providers that people log in by can't be set up.
    #[error(transparent)]
    Providers(#[from] oauth::SetUpError),
    /// The URL of Redis can't be used for counting requests, or for lists.
    #[error("the URL of Redis can't be used: {0}")]
    Redis(#[source] redis::RedisError),
}

/// What handlers share. Cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Parts>);

/// The parts of [`AppState`].
#[derive(Debug)]
pub struct Parts {
    /// The queue, and with it the pool of connections to PostgreSQL.
    pub queue: Queue,
    /// A connection for asking PostgreSQL how it is.
    pub probe: PgPool,
    /// Hashes passwords.
    pub passwords: Passwords,
    /// Signs and checks access tokens.
    pub tokens: AccessTokens,
    /// Tells who a session or a key is.
    pub identities: Identities,
    /// How sessions are renewed.
    pub sessions: Sessions,
    /// Makes verification tokens.
    pub verification: Verification,
    /// Makes the tokens that set a new password.
    pub resets: PasswordResets,
    /// Makes the tokens that confirm a new address.
    pub email_changes: EmailChanges,
    /// The providers that people may log in by.
    pub social: SocialLogin,
    /// Makes the secrets of authenticator apps.
    pub totp: TotpKey,
    /// Knows the body of a request again that carried an `Idempotency-Key`.
    pub fingerprints: FingerprintKey,
    /// Where people reach the API, without a slash at the end.
    pub public_url: String,
    /// The kind of installation.
    pub environment: AppEnv,
    /// How much of a body is read, and for how long.
    pub body_limits: BodyLimits,
    /// What each route needs of its caller.
    pub access: Access,
    /// How often a caller may ask.
    pub limits: Limits,
    /// Work that runs to its end though its client goes away.
    pub commits: Commits,
    /// Public lists, served from Redis.
    pub lists: Lists,
    /// How many requests may be under way.
    pub shedder: Shedder,
    /// The proxies whose word about a client's address counts.
    pub trusted_proxies: TrustedProxies,
    /// What a request's transaction begins with.
    pub begin: SqlStr,
    /// How long a handler may take.
    pub request_timeout: Duration,
    /// The HTTP side's metrics.
    pub metrics: Arc<HttpMetrics>,
    /// Writes the bodies of errors.
    pub renderer: Renderer,
}

impl Deref for AppState {
    type Target = Parts;

    fn deref(&self) -> &Parts {
        &self.0
    }
}

impl AppState {
    /// Makes what handlers share. Nothing is connected to yet.
    ///
    /// # Errors
    /// When the queue's settings can't be used.
    pub fn new(settings: &Settings, public_url: String, telemetry: &Telemetry) -> Result<Self, StateError> {
        let queue = Queue::connect(
            database::connect(&settings.database, NAME),
            settings.redis.redis_url.expose(),
            &settings.redis.queue_prefix,
            QueueMetrics::new(telemetry.recorder()),
        )?
        .named(NAME, env!("CARGO_PKG_VERSION"))
        .with_kinds(&jobs::kinds())
        .with_payload_keys(settings.queue.queue_payload_keys.clone())
        .with_depth_limits(settings.queue.queue_depth_limits.0.clone())
        .checked()?;
        let metrics = Arc::new(HttpMetrics::new(telemetry.recorder()));
        let commits = Commits::default();
        Ok(Self(Arc::new(Parts {
            queue,
            probe: database::probe(&settings.database, NAME),
            passwords: Passwords::new(settings.auth.password_hash_concurrency())
                .with_policy(settings.auth.password_policy),
            tokens: AccessTokens::new(&settings.auth)?,
            identities: Identities::new(),
            sessions: Sessions::new(&settings.auth),
            verification: Verification::new(&settings.token_key, &settings.auth),
            resets: PasswordResets::new(&settings.token_key, &settings.auth),
            email_changes: EmailChanges::new(&settings.token_key, &settings.auth),
            social: SocialLogin::new(&settings.providers, &settings.token_key, &public_url)?,
            totp: TotpKey::new(&settings.token_key),
            fingerprints: FingerprintKey::new(&settings.token_key),
            environment: settings.app.app_env,
            body_limits: BodyLimits {
                max_bytes: usize::try_from(settings.http.body_limit_bytes).unwrap_or(usize::MAX),
                read_timeout: settings.http.body_read_timeout,
            },
            begin: begin_within(settings.http.request_timeout),
            request_timeout: settings.http.request_timeout,
            access: Access::new(),
            lists: Lists::new(settings, &metrics, &commits).map_err(StateError::Redis)?,
            commits,
            limits: Limits::new(settings, Arc::clone(&metrics)).map_err(StateError::Redis)?,
            shedder: Shedder::new(settings.http.max_in_flight, Arc::clone(&metrics)),
            trusted_proxies: settings.http.trusted_proxies.clone(),
            metrics,
            renderer: Renderer::new(&public_url),
            public_url,
        })))
    }

    /// Whether people reach the API by TLS.
    #[must_use]
    pub fn behind_tls(&self) -> BehindTls {
        BehindTls(self.public_url.starts_with("https://"))
    }

    /// How well the process is. Without Redis requests are served, and jobs
    /// start later; without PostgreSQL nothing works.
    pub async fn health(&self) -> Health {
        let redis = async { self.queue.ping_redis().await.is_ok() };
        let (postgres, redis) = tokio::join!(Check::postgres(&self.probe), Check::run(redis, Status::Degraded));
        Health::of([("postgres", postgres), ("redis", redis)])
    }
}

/// What is asked of PostgreSQL ends when the request's time is over: a client that
/// got its 503 must not leave a statement behind that holds a connection.
fn begin_within(request_timeout: Duration) -> SqlStr {
    // PostgreSQL counts milliseconds in 32 bits.
    let milliseconds = |limit: Duration| limit.as_millis().min(i32::MAX.unsigned_abs().into());
    let (statement, lock) = (milliseconds(request_timeout), milliseconds(request_timeout.min(LONGEST_LOCK)));
    let begin: Arc<str> =
        format!("BEGIN; SET LOCAL statement_timeout = {statement}; SET LOCAL lock_timeout = {lock}").into();
    AssertSqlSafe(begin).into_sql_str()
}

impl Inside for AppState {
    async fn sample(&self) {
        self.metrics.sample_pool(self.queue.pool());
        self.queue.sample_depths().await;
    }

    async fn health(&self) -> Health {
        Self::health(self).await
    }
}

impl FromRef<AppState> for BodyLimits {
    fn from_ref(state: &AppState) -> Self {
        state.body_limits
    }
}
