//! Writes the body of every error: RFC 9457, in the client's language.
//!
//! Handlers and layers leave a [`Problem`] in the answer's extensions; a bare
//! error status (a framework's own refusal) gets the problem of its status.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};

use axum::{
    Json,
    extract::{Request, State},
    http::{HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tracing::error;

use crate::{
    error::{Code, Problem},
    extract::{Language, RequestInfo},
};

/// While a part is down, its fault is logged once in this many seconds.
const OUTAGE_LOG_SECONDS: u64 = 10;

/// What rendering needs: where the pages are, and when an outage was last logged.
#[derive(Debug, Clone)]
pub struct Renderer(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    public_url: String,
    started: Instant,
    /// Seconds after `started` until which outages stay unlogged.
    quiet_until: AtomicU64,
}

impl Renderer {
    /// `public_url` is where clients reach `/problems/<code>`.
    #[must_use]
    pub fn new(public_url: &str) -> Self {
        Self(Arc::new(Inner {
            public_url: public_url.trim_end_matches('/').to_owned(),
            started: Instant::now(),
            quiet_until: AtomicU64::new(0),
        }))
    }

    /// Logs what is at fault on our side: every internal error, but an outage
    /// only once in a while (the request's own line tells of each 503).
    fn log(&self, problem: &Problem) {
        let Some(cause) = problem.cause() else { return };
        let code = problem.code();
        if code == Code::ServiceUnavailable && !self.outage_is_news() {
            return;
        }
        error!(code = code.entry().slug, cause, "request failed");
    }

    fn outage_is_news(&self) -> bool {
        let now = self.0.started.elapsed().as_secs();
        let quiet_until = &self.0.quiet_until;
        let until = quiet_until.load(Ordering::Relaxed);
        // Of several that see the same end of quiet, one wins and logs.
        now >= until
            && quiet_until
                .compare_exchange(until, now + OUTAGE_LOG_SECONDS, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// The middleware itself.
pub async fn render(State(renderer): State<Renderer>, request: Request, next: Next) -> Response {
    let Language(locale) = Language::from_headers(request.headers());
    let info = request.extensions().get::<RequestInfo>().cloned();
    let instance = request.uri().path().to_owned();

    let mut response = next.run(request).await;
    let problem = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => problem,
        None if is_bare_error(&response) => Problem::new(Code::for_status(response.status())),
        None => return response,
    };
    renderer.log(&problem);

    let request_id = info.as_ref().map_or("", RequestInfo::id);
    let body = problem.body(locale, &renderer.0.public_url, &instance, request_id);
    let mut answer = (problem.code().entry().status, Json(body)).into_response();
    let headers = answer.headers_mut();
    let content_length = headers.remove(header::CONTENT_LENGTH);
    headers.extend(response.headers_mut().drain());
    headers.remove(header::CONTENT_LENGTH);
    headers.extend(content_length.map(|length| (header::CONTENT_LENGTH, length)));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(locale.as_str()));
    headers.append(header::VARY, HeaderValue::from_static("accept-language"));
    answer
}

/// An error without a body that is meant for the client: no page and no JSON of ours.
fn is_bare_error(response: &Response) -> bool {
    let status = response.status();
    let media = response.headers().get(header::CONTENT_TYPE).map_or(&b""[..], HeaderValue::as_bytes);
    let is_ours = media.starts_with(b"text/html") || media.starts_with(b"application/json");
    (status.is_client_error() || status.is_server_error()) && !is_ours
}
