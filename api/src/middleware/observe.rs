//! Watches a request from its first to its last moment: id, span, time, one log
//! line, metrics.

use std::{net::IpAddr, sync::Arc, time::Instant};

use axum::{
    body::HttpBody,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode},
    middleware::Next,
    response::Response,
};
use tracing::{Instrument, error_span, info, warn};

use super::{
    client_ip::{Peer, client_ip},
    measured::measured,
};
use crate::{
    extract::{REQUEST_ID, RequestInfo},
    metrics::{HttpMetrics, InFlight, Rejection},
    state::AppState,
};

const PROCESS_TIME: HeaderName = HeaderName::from_static("x-process-time");

/// The route of requests that matched none: one label, whatever the path was.
const NO_ROUTE: &str = "(none)";

/// The status noted when the client went away before its answer.
const CLIENT_CLOSED: u16 = 499;

/// The middleware itself.
pub async fn observe(State(state): State<AppState>, mut request: Request, next: Next) -> Response {
    let metrics = &state.metrics;
    let info = RequestInfo::from_headers(request.headers()).of_client_at(origin(&state, &request));
    // At the highest level, so that the id is on every line, whatever LOG_LEVEL is.
    let span = error_span!("request", request_id = info.id(), trace_id = info.trace_id());
    let mut exchange = Exchange::begin(metrics, &request, info.clone());
    request.extensions_mut().insert(info.clone());
    if !request.body().is_end_stream() {
        request = request.map(|body| measured(body, metrics.request_bytes()));
    }

    let response = next.run(request).instrument(span).await;
    let mut response = response.map(|body| measured(body, metrics.response_bytes()));
    if response.status() == StatusCode::PAYLOAD_TOO_LARGE {
        metrics.rejected(Rejection::Size);
    }

    exchange.status = response.status().as_u16();
    let seconds = format!("{:.6}", exchange.started.elapsed().as_secs_f64());
    let headers = response.headers_mut();
    for (name, value) in [(REQUEST_ID, info.id()), (PROCESS_TIME, &seconds)] {
        // Both are printable ASCII by construction.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    // Here, where a time-out and a panic pass too.
    if let Some(rate) = info.rate() {
        rate.add_to(headers);
    }
    response
}

/// The address of the client; none for a request that came over no connection.
fn origin(state: &AppState, request: &Request) -> Option<IpAddr> {
    let Peer(peer) = request.extensions().get()?;
    Some(client_ip(peer.ip(), request.headers(), &state.trusted_proxies))
}

/// One request under way. Its end is told when it is dropped, so that a request
/// whose client went away is told too.
struct Exchange {
    metrics: Arc<HttpMetrics>,
    in_flight: InFlight,
    info: RequestInfo,
    method: &'static str,
    route: Option<MatchedPath>,
    started: Instant,
    status: u16,
}

impl Exchange {
    fn begin(metrics: &Arc<HttpMetrics>, request: &Request, info: RequestInfo) -> Self {
        Self {
            in_flight: metrics.begin(),
            metrics: Arc::clone(metrics),
            info,
            method: method_label(request.method()),
            route: request.extensions().get::<MatchedPath>().cloned(),
            started: Instant::now(),
            status: CLIENT_CLOSED,
        }
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        let elapsed = self.started.elapsed();
        let (method, status) = (self.method, self.status);
        let route = self.route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
        self.in_flight.end();
        self.metrics.ended(method, route, status, elapsed);

        let request_id = self.info.id();
        let principal = self.info.principal().unwrap_or("anonymous");
        let duration_ms = (elapsed.as_secs_f64() * 1e6).round() / 1e3;
        if status >= 500 {
            warn!(method, route, status, duration_ms, principal, request_id, "request");
        } else {
            info!(method, route, status, duration_ms, principal, request_id, "request");
        }
    }
}

/// The method as a label; clients may invent methods, labels must stay few.
fn method_label(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "OTHER",
    }
}
