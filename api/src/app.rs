//! The application: built from settings and listeners, run until it is stopped.
//! `main` and the tests do the same with it.

use std::{fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use callboard_shared::telemetry::{Telemetry, serve_metrics};
use tokio::{net::TcpListener, time::timeout};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::warn;

use crate::{
    first_admin,
    middleware::cors,
    router::{self, App},
    serve::serve,
    settings::{FirstAdmin, Settings},
    state::{AppState, StateError},
};

/// How long open requests may take to end once the application is stopped.
const GRACE: Duration = Duration::from_secs(20);

/// Longest wait for what is left then: a peer that hangs must not hold up
/// the end of the process.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why the application could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// What handlers share could not be made.
    #[error(transparent)]
    State(#[from] StateError),
    /// A listener does not know its own address.
    #[error("a listener has no address: {0}")]
    Listener(#[from] io::Error),
    /// The OpenAPI description does not become JSON. A defect.
    #[error("the OpenAPI description does not become JSON: {0}")]
    Description(#[from] serde_json::Error),
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
            state.commits.ended().await;
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
