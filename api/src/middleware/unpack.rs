//! Unpacks request bodies that are compressed with gzip, as they are read.
//!
//! How much is read is the extractors' affair, which count what comes out
//! ([`BodyLimits`](crate::extract::BodyLimits)), so a bomb is cut off in bounded memory.

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::decompression::{DecompressionBody, RequestDecompressionLayer};

/// In the extensions of a request whose body was compressed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unpacked;

/// The middleware itself. Other encodings stay; who reads the body refuses them.
pub async fn unpack(mut request: Request, next: Next) -> Response {
    if !is_gzip(request.headers()) {
        return next.run(request).await;
    }
    request.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    request.extensions_mut().insert(Unpacked);
    let service =
        RequestDecompressionLayer::new().layer(service_fn(async |request: Request<DecompressionBody<Body>>| {
            Ok::<_, Infallible>(next.clone().run(request.map(Body::new)).await)
        }));
    match service.oneshot(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}

/// Whether gzip is the one encoding of the body.
fn is_gzip(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    let first = encodings.next().map(|encoding| encoding.as_bytes().trim_ascii());
    let is_gzip =
        first.is_some_and(|name| [b"gzip".as_slice(), b"x-gzip"].iter().any(|gzip| name.eq_ignore_ascii_case(gzip)));
    is_gzip && encodings.next().is_none()
}
