//! Serves HTTP on a listener: every connection a tracked task that ends at shutdown.
//!
//! This stands in for `axum::serve`, which has no limit on the time a client
//! takes for its headers, and none on how long open requests hold up a shutdown.

use std::{io, pin::pin, time::Duration};

use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{debug, warn};

use crate::router::App;

/// Longest time for the headers of a request, and for an idle connection.
const HEADER_TIMEOUT: Duration = Duration::from_mins(1);

/// Pause after an accept that failed for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `app` until `shutdown`; then takes no more connections, lets the open
/// requests end, and cuts off what is left after `grace`.
pub async fn serve(listener: TcpListener, app: App, shutdown: CancellationToken, grace: Duration) {
    let connections = TaskTracker::new();
    let cut_off = CancellationToken::new();
    while let Some(accepted) = shutdown.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(stream, app.clone(), shutdown.clone());
                let cut_off = cut_off.clone();
                connections.spawn(async move { cut_off.run_until_cancelled(connection).await });
            }
            Err(error) => pause_after(&error).await,
        }
    }
    drop(listener);
    connections.close();
    if timeout(grace, connections.wait()).await.is_err() {
        warn!(open = connections.len(), "requests did not end in time and are cut off");
        cut_off.cancel();
        connections.wait().await;
    }
}

async fn connection(stream: TcpStream, app: App, shutdown: CancellationToken) {
    // Answers are written whole; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(app));
    let mut serving = pin!(serving);
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        // A client that went away or spoke no HTTP: its own affair.
        debug!(%error, "connection ended early");
    }
}

async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        return;
    }
    warn!(%error, "can't accept connections");
    sleep(ACCEPT_PAUSE).await;
}
