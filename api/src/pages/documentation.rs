//! Swagger UI and ReDoc. Swagger UI's files are in the binary; ReDoc's script
//! comes from its CDN, and that page's CSP names it.

use std::sync::Arc;

use axum::{
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

/// ReDoc loads itself from its CDN, searches in a worker made from a blob, and
/// writes its styles into the page.
const REDOC_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src https://cdn.redoc.ly; style-src 'unsafe-inline'; \
     img-src data: https://cdn.redoc.ly; connect-src 'self'; worker-src blob:; \
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
    let config =
        Config::new(["/openapi.json"]).try_it_out_enabled(true).persist_authorization(true).validator_url("none");
    let asset =
        utoipa_swagger_ui::serve(&file, Arc::new(config)).ok().flatten().ok_or_else(|| Problem::new(Code::NotFound))?;
    let headers =
        [(header::CONTENT_TYPE, asset.content_type), (header::CACHE_CONTROL, "public, max-age=3600".to_owned())];
    Ok((headers, asset.bytes.into_owned()).into_response())
}

/// `GET /redoc`: ReDoc.
pub async fn redoc() -> Response {
    let policy = [(header::CONTENT_SECURITY_POLICY, REDOC_POLICY)];
    (policy, Html(include_str!("../../templates/redoc.html"))).into_response()
}
