//! Swagger UI and ReDoc. Swagger UI's files are in the binary; ReDoc's script
//! comes from a CDN: that page's CSP names the host, and the page the hash of
//! the only file that it may send.

use std::{borrow::Cow, sync::Arc};

use axum::{
    body::Bytes,
    http::{HeaderValue, header},
    response::{Html, IntoResponse, Response},
};
use utoipa_swagger_ui::Config;

use crate::{
    error::{Code, Problem},
    extract::Segment,
};

/// Swagger UI styles its elements inline and draws its icons from data URLs.
const SWAGGER_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'",
);

/// ReDoc is loaded from a CDN, searches in a worker made from a blob, and writes
/// its styles into the page. Its own logo, from another host, stays away.
const REDOC_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src https://cdn.jsdelivr.net; style-src 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; worker-src blob:; \
     frame-ancestors 'none'; base-uri 'none'",
);

/// `GET /docs`: Swagger UI.
pub async fn swagger_ui() -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, SWAGGER_POLICY)];
    (policy, Html(include_str!("../../templates/swagger.html"))).into_response()
}

/// `GET /docs/{file}`: a script, style or icon of Swagger UI.
///
/// # Errors
/// 404 for a file it does not have.
pub async fn swagger_asset(Segment(file): Segment<String>) -> Result<Response, Problem> {
    // A token that is typed in is forgotten with the page: none is left in the browser.
    let config = Config::new(["/openapi.json"]).try_it_out_enabled(true).validator_url("none");
    let asset =
        utoipa_swagger_ui::serve(&file, Arc::new(config)).ok().flatten().ok_or_else(|| Problem::new(Code::NotFound))?;
    let headers =
        [(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, "public, max-age=3600".to_owned())];
    let bytes = match asset.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    };
    Ok((headers, bytes).into_response())
}

/// `GET /redoc`: ReDoc.
pub async fn redoc() -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, REDOC_POLICY)];
    (policy, Html(include_str!("../../templates/redoc.html"))).into_response()
}

#[cfg(test)]
mod tests {
    /// A script of another host runs in our origin, so its page names its bytes.
    #[test]
    fn a_script_from_elsewhere_is_pinned() {
        let page = include_str!("../../templates/redoc.html");
        assert_eq!(page.matches("<script").count(), 1);
        for part in [".net/npm/redoc@2.", "integrity=\"sha384-", "crossorigin=\"anonymous\""] {
            assert!(page.contains(part), "{part}");
        }
    }
}
