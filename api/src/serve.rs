//! Serves HTTP on a listener: every connection a tracked task that ends at shutdown.
//!
//! This stands in for `axum::serve`, which has no limit on the time a client
//! takes for its headers, none on the number of connections, and none on how long
//! open requests hold up a shutdown.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use hyper::{Request, body::Incoming, server::conn::http1};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    time::{Instant, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::util::MapRequest;
use tracing::{debug, warn};

use crate::{middleware::client_ip::Peer, router::App};

/// Longest time for the headers of a request, and for an idle connection. Longer
/// than the minute for which load balancers keep idle ones, so that theirs end
/// first and none sends a request into a connection that is being closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);

/// Pause after an accept that failed for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// While accepting fails, that is logged once in this time.
const QUIET: Duration = Duration::from_secs(10);

/// Serves `app` on at most `max_connections` at a time until `shutdown`; more wait
/// in the system's queue. Then takes no more connections, lets the open
/// requests end, and cuts off what is left after `grace`.
pub async fn serve(
    listener: TcpListener,
    app: App,
    max_connections: usize,
    shutdown: CancellationToken,
    grace: Duration,
) {
    let connections = TaskTracker::new();
    let cut_off = CancellationToken::new();
    let permits = Arc::new(Semaphore::new(max_connections.min(Semaphore::MAX_PERMITS)));
    let mut trouble = Trouble::default();
    let accept = async || {
        // The semaphore is never closed, so there always is a permit to wait for.
        let permit = Arc::clone(&permits).acquire_owned().await.ok();
        listener.accept().await.map(|(stream, peer)| (stream, peer, permit))
    };
    while let Some(accepted) = shutdown.run_until_cancelled(accept()).await {
        match accepted {
            Ok((stream, peer, permit)) => {
                let connection = connection(stream, peer, app.clone(), shutdown.clone());
                let cut_off = cut_off.clone();
                connections.spawn(async move {
                    cut_off.run_until_cancelled(connection).await;
                    drop(permit);
                });
            }
            Err(error) => trouble.pause_after(&error).await,
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

async fn connection(stream: TcpStream, peer: SocketAddr, app: App, shutdown: CancellationToken) {
    // Answers are written whole; waiting to fill a packet would only delay them.
    let _ = stream.set_nodelay(true);
    let app = MapRequest::new(app, move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Peer(peer));
        request
    });
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

/// Accepting that fails, and when that was last logged.
#[derive(Default)]
struct Trouble {
    logged: Option<Instant>,
}

impl Trouble {
    async fn pause_after(&mut self, error: &io::Error) {
        use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
        if matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
            return;
        }
        if self.is_news() {
            warn!(%error, "can't accept connections");
        }
        sleep(ACCEPT_PAUSE).await;
    }

    fn is_news(&mut self) -> bool {
        let is_news = self.logged.is_none_or(|logged| logged.elapsed() >= QUIET);
        if is_news {
            self.logged = Some(Instant::now());
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tower::Layer as _;
    use tower_http::normalize_path::NormalizePathLayer;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn trouble_is_told_once_in_a_while() {
        let mut trouble = Trouble::default();
        assert!(trouble.is_news());
        assert!(!trouble.is_news());
        tokio::time::advance(QUIET).await;
        assert!(trouble.is_news());
    }

    async fn ask(stream: &mut TcpStream) -> io::Result<usize> {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await?;
        stream.read(&mut [0; 512]).await
    }

    #[tokio::test]
    async fn one_connection_more_waits_until_another_ends() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let app = NormalizePathLayer::trim_trailing_slash().layer(Router::new().route("/", get(async || "hello")));
        let shutdown = CancellationToken::new();
        let server = tokio::spawn(serve(listener, app, 1, shutdown.clone(), Duration::from_secs(1)));
        let mut first = TcpStream::connect(address).await.unwrap();
        assert!(ask(&mut first).await.unwrap() > 0);
        let mut second = TcpStream::connect(address).await.unwrap();
        // The first is answered while the second waits, so the server isn't merely slow.
        let mut asked = Box::pin(ask(&mut second));
        tokio::select! {
            biased;
            answered = &mut asked => panic!("{answered:?}"),
            again = ask(&mut first) => assert!(again.unwrap() > 0),
        }
        drop(first);
        assert!(asked.await.unwrap() > 0);
        shutdown.cancel();
        server.await.unwrap();
    }
}
