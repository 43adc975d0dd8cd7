//! The application: built from settings and listeners, run until it is stopped.
//! `main` and the tests do the same with it.

use std::{fmt, io, net::SocketAddr, ops::Deref, sync::Arc, time::Duration};

use axum::extract::FromRef;
use callboard_queue::{Metrics as QueueMetrics, Queue};
use callboard_shared::{
    config::{AppEnv, TrustedProxies},
    database,
    health::{Check, Health, Status},
    telemetry::{Inside, Telemetry, serve_metrics},
};
use sqlx::PgPool;
use tokio::{net::TcpListener, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use crate::{
    auth::{
        AccessTokens, Identities, Passwords,
        access::Access,
        oauth::{self, SocialLogin},
        totp::TotpKey,
    },
    extract::{BodyLimits, FingerprintKey},
    first_admin,
    limits::Limits,
    lists::Lists,
    metrics::HttpMetrics,
    middleware::{cors, problems::Renderer, security::BehindTls, shed::Shedder},
    router::{self, App},
    serve::serve,
    services::{
        email_change::EmailChanges, password_reset::PasswordResets, sessions::Sessions, verification::Verification,
    },
    settings::{FirstAdmin, Settings},
};

/// What PostgreSQL calls this process.
const NAME: &str = "callboard-api";

/// How long open requests may take to end once the application is stopped.
const GRACE: Duration = Duration::from_secs(20);

/// Longest wait for what is left then: a peer that hangs must not hold up
/// the end of the process.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why the application could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
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
    /// A listener does not know its own address.
    #[error("a listener has no address: {0}")]
    Listener(#[from] io::Error),
    /// The OpenAPI description does not become JSON. A defect.
    #[error("the OpenAPI description does not become JSON: {0}")]
    Description(#[from] serde_json::Error),
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
    /// Public lists, served from Redis.
    pub lists: Lists,
    /// How many requests may be under way.
    pub shedder: Shedder,
    /// The proxies whose word about a client's address counts.
    pub trusted_proxies: TrustedProxies,
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
    pub fn new(settings: &Settings, public_url: String, telemetry: &Telemetry) -> Result<Self, BuildError> {
        let queue = Queue::connect(
            database::connect(&settings.database, NAME),
            settings.redis.redis_url.expose(),
            &settings.redis.queue_prefix,
            QueueMetrics::new(telemetry.recorder()),
        )?;
        let metrics = Arc::new(HttpMetrics::new(telemetry.recorder()));
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
            request_timeout: settings.http.request_timeout,
            access: Access::new(),
            lists: Lists::new(settings, &metrics).map_err(BuildError::Redis)?,
            limits: Limits::new(settings, Arc::clone(&metrics)).map_err(BuildError::Redis)?,
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

/// Bound listeners; tests bind port 0.
#[derive(Debug)]
pub struct Listeners {
    /// For clients.
    pub http: TcpListener,
    /// For metrics and probes, inside the network.
    pub metrics: TcpListener,
}

/// An application that is ready to run.
pub struct Application {
    state: AppState,
    app: App,
    listeners: Listeners,
    addresses: (SocketAddr, SocketAddr),
    telemetry: Telemetry,
    first_admin: FirstAdmin,
    max_connections: usize,
}

impl Application {
    /// Builds the application around bound listeners. Nothing is connected to
    /// yet, so this does not fail because a server is down.
    ///
    /// # Errors
    /// When the queue's settings can't be used.
    pub fn build(settings: &Settings, listeners: Listeners, telemetry: Telemetry) -> Result<Self, BuildError> {
        let addresses = (listeners.http.local_addr()?, listeners.metrics.local_addr()?);
        let public_url = settings.http.site.public_url(Some(addresses.0.port()));
        let state = AppState::new(settings, public_url, &telemetry)?;
        Ok(Self {
            app: router::build(&state, cors::layer(&settings.cors))?,
            state,
            listeners,
            addresses,
            telemetry,
            first_admin: settings.first_admin.clone(),
            max_connections: usize::try_from(settings.http.max_connections).unwrap_or(usize::MAX),
        })
    }

    /// Where clients are served.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses.0
    }

    /// Where metrics and probes are served.
    #[must_use]
    pub fn metrics_address(&self) -> SocketAddr {
        self.addresses.1
    }

    /// What the handlers share.
    #[must_use]
    pub fn state(&self) -> &AppState {
        &self.state
    }

    /// Serves until `shutdown`; then lets open requests end, for a while, and
    /// closes the connections to PostgreSQL. Metrics are served to the end.
    ///
    /// # Errors
    /// When the listener for metrics failed.
    pub async fn run_until_stopped(self, shutdown: CancellationToken) -> io::Result<()> {
        let Self { state, app, listeners, telemetry, first_admin, max_connections, .. } = self;
        let drained = CancellationToken::new();
        let tasks = TaskTracker::new();
        telemetry.spawn_upkeep(&tasks, drained.clone());
        tasks.spawn(first_admin::ensure(state.clone(), first_admin, shutdown.clone()));
        let inside = Arc::new(state.clone());
        let metrics = tasks.spawn(serve_metrics(listeners.metrics, telemetry, inside, drained.clone()));
        tasks.close();

        serve(listeners.http, app, max_connections, shutdown, GRACE).await;
        drained.cancel();
        let rest = async {
            tasks.wait().await;
            state.lists.ended().await;
            tokio::join!(state.queue.pool().close(), state.probe.close());
        };
        if timeout(FAREWELL, rest).await.is_err() {
            warn!("tasks or connections to PostgreSQL did not end in time and are left behind");
            return Ok(());
        }
        metrics.await?
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Application").field("addresses", &self.addresses).finish_non_exhaustive()
    }
}
