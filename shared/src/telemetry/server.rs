//! The listener for the inside: metrics and probes, apart from the public port.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use axum::{Json, Router};
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::Telemetry;
use crate::health::Health;

/// Prometheus' text form.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What the listener asks of the process that it stands in.
pub trait Inside: Send + Sync + 'static {
    /// Brings gauges up to date that are read rather than counted. Called at
    /// each scrape, so it must be cheap.
    fn sample(&self) -> impl Future<Output = ()> + Send;

    /// How well the process is.
    fn health(&self) -> impl Future<Output = Health> + Send;
}

/// How long open requests may take to end after `shutdown`. Whoever asks for
/// metrics and reads no answer must not hold up the end of the process.
const FAREWELL: Duration = Duration::from_secs(3);

/// Serves `/metrics`, `/livez` and `/readyz` until `shutdown`.
///
/// `/livez` says 200 as long as the process answers at all: restarting it would
/// not bring PostgreSQL back. `/readyz` says 503 while it can't do its work.
///
/// # Errors
/// When the listener fails for good.
pub async fn serve_metrics(
    listener: TcpListener,
    telemetry: Telemetry,
    inside: Arc<impl Inside>,
    shutdown: CancellationToken,
) -> io::Result<()> {
    let router = Router::new()
        .route("/metrics", get(metrics))
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(ready))
        .with_state((telemetry, inside));
    let serving = axum::serve(listener, router).with_graceful_shutdown(shutdown.clone().cancelled_owned());
    let too_long = async {
        shutdown.cancelled().await;
        sleep(FAREWELL).await;
    };
    tokio::select! {
        ended = serving.into_future() => ended,
        () = too_long => {
            debug!("a request for metrics or a probe did not end in time");
            Ok(())
        }
    }
}

async fn metrics<I: Inside>(State((telemetry, inside)): State<(Telemetry, Arc<I>)>) -> impl IntoResponse {
    inside.sample().await;
    ([(header::CONTENT_TYPE, TEXT)], telemetry.render())
}

async fn ready<I: Inside>(State((_, inside)): State<(Telemetry, Arc<I>)>) -> impl IntoResponse {
    let health = inside.health().await;
    let status = if health.is_ready() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(health))
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncWriteExt as _;
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    use super::*;
    use crate::health::{Check, Status, probe};

    struct Well(bool);

    impl Inside for Well {
        async fn sample(&self) {}

        async fn health(&self) -> Health {
            Health::of([("postgres", Check::known(self.0, Status::Down).await)])
        }
    }

    #[tokio::test]
    async fn probes_tell_readiness_from_liveness() {
        for is_well in [true, false] {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let telemetry = Telemetry::new("callboard-test").unwrap();
            let shutdown = CancellationToken::new();
            let server = tokio::spawn(serve_metrics(listener, telemetry, Arc::new(Well(is_well)), shutdown.clone()));
            assert_eq!(probe(address, "/readyz").await.unwrap(), is_well);
            assert!(probe(address, "/livez").await.unwrap());
            assert!(probe(address, "/metrics").await.unwrap());
            assert!(!probe(address, "/").await.unwrap());
            shutdown.cancel();
            server.await.unwrap().unwrap();
            assert!(probe(address, "/livez").await.is_err());
        }
    }

    /// It begins a request and never ends it.
    #[tokio::test]
    async fn a_stuck_peer_does_not_hold_up_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut peer = TcpStream::connect(address).await.unwrap();
        peer.write_all(b"GET /livez HTTP/1.1\r\n").await.unwrap();
        let telemetry = Telemetry::new("callboard-test").unwrap();
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve_metrics(listener, telemetry, Arc::new(Well(true)), shutdown.clone()));
        // Connections are accepted in order, so the peer's is open once another was answered.
        assert!(probe(address, "/livez").await.unwrap());
        tokio::time::pause();
        shutdown.cancel();
        timeout(2 * FAREWELL, server).await.expect("it ends").unwrap().unwrap();
    }
}
