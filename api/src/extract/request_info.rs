//! What is known of a request from its first moment: its id, where it comes from and,
//! later, its principal.

use std::{
    convert::Infallible,
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, Request, request::Parts},
};
use uuid::Uuid;

use super::traceparent;
use crate::limits::RateHeaders;

/// The header that carries a request's id, in both directions.
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest id that is taken over from a client, in bytes.
const MAX_REQUEST_ID: usize = 128;

/// The request's id, origin and principal. Cheap to clone; clones see the same principal.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    id: Arc<str>,
    client_ip: Option<IpAddr>,
    traceparent: Option<Arc<str>>,
    principal: Arc<OnceLock<String>>,
    rate: Arc<OnceLock<RateHeaders>>,
}

impl RequestInfo {
    /// Takes the client's id when it is printable ASCII without spaces and at
    /// most 128 bytes (so that it can't forge log lines), else makes a `UUIDv7`.
    #[must_use]
    pub fn from_headers(headers: &HeaderMap) -> Self {
        let given = headers
            .get(REQUEST_ID)
            .and_then(|value| value.to_str().ok())
            .filter(|id| (1..=MAX_REQUEST_ID).contains(&id.len()))
            .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()));
        Self {
            id: given.map_or_else(|| Uuid::now_v7().to_string().into(), Into::into),
            client_ip: None,
            traceparent: traceparent::from_headers(headers).map(Into::into),
            principal: Arc::default(),
            rate: Arc::default(),
        }
    }

    /// What is known of `request`.
    #[must_use]
    pub fn of<B>(request: &Request<B>) -> Self {
        let known = request.extensions().get::<Self>().cloned();
        known.unwrap_or_else(|| Self::from_headers(request.headers()))
    }

    /// This, of a client at `address`.
    #[must_use]
    pub(crate) fn of_client_at(self, address: Option<IpAddr>) -> Self {
        Self { client_ip: address, ..self }
    }

    /// The request's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The client's address, as far as the proxies that the settings trust tell.
    /// It is there for every request that came over a connection.
    #[must_use]
    pub fn client_ip(&self) -> Option<IpAddr> {
        self.client_ip
    }

    /// The request's `traceparent` (W3C Trace Context), when it has a valid one.
    #[must_use]
    pub fn traceparent(&self) -> Option<&str> {
        self.traceparent.as_deref()
    }

    /// The trace's id in it.
    #[must_use]
    pub fn trace_id(&self) -> Option<&str> {
        self.traceparent()?.get(3..35)
    }

    /// Who the request turned out to come from, for its log line.
    #[must_use]
    pub fn principal(&self) -> Option<&str> {
        self.principal.get().map(String::as_str)
    }

    /// Notes who the request comes from; the first note stays.
    pub fn set_principal(&self, principal: String) {
        // A second principal in one request would be a defect; the first stays.
        let _ = self.principal.set(principal);
    }

    /// What the answer tells of the caller's rate limit, once it was counted.
    #[must_use]
    pub fn rate(&self) -> Option<&RateHeaders> {
        self.rate.get()
    }

    /// Notes what the answer tells of the caller's rate limit.
    pub fn set_rate(&self, rate: RateHeaders) {
        // A request is counted once.
        let _ = self.rate.set(rate);
    }
}

impl<S: Sync> FromRequestParts<S> for RequestInfo {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let known = parts.extensions.get::<Self>().cloned();
        Ok(known.unwrap_or_else(|| Self::from_headers(&parts.headers)))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn id_for(given: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(REQUEST_ID, HeaderValue::from_str(given).unwrap());
        RequestInfo::from_headers(&headers).id().to_owned()
    }

    #[test]
    fn a_printable_id_is_kept_and_any_other_replaced() {
        assert_eq!(id_for("abc-1"), "abc-1");
        assert_eq!(id_for(&"x".repeat(128)), "x".repeat(128));
        for bad in ["", "a b", "a\tb", &"x".repeat(129)] {
            assert!(Uuid::parse_str(&id_for(bad)).is_ok(), "{bad:?} was kept");
        }
    }
}
