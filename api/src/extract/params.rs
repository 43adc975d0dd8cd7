//! Query parameters: read strictly, or refused where a route takes none.

use axum::{
    extract::{FromRequestParts, Request},
    http::request::Parts,
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;

use super::fault::ShapeFault;
use crate::error::{Code, FieldError, Problem, Text};

/// The query parameters as a `T`; whether unknown ones are refused is for `T` to
/// say (`#[serde(deny_unknown_fields)]`; links in mails are lenient).
#[derive(Debug)]
pub struct Params<T>(pub T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        serde_urlencoded::from_str(query).map(Self).map_err(|error| {
            let fault = ShapeFault::read(&error);
            let code = match fault.code {
                "unknown_field" => Code::UnknownParameter,
                _ => Code::InvalidParameter,
            };
            let name = fault.field.as_deref().unwrap_or_default();
            Problem::new(code).with_errors(vec![FieldError::parameter(name, fault.code, fault.detail)])
        })
    }
}

/// Middleware of the routes that take no query parameters at all.
pub async fn refuse_parameters(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    let Ok(given) = serde_urlencoded::from_str::<Vec<(String, String)>>(query) else {
        return Problem::new(Code::InvalidParameter).into_response();
    };
    if given.is_empty() {
        return next.run(request).await;
    }
    let errors = given.iter().map(|(name, _)| {
        let detail = Text::fixed("This route takes no query parameters.", "이 경로는 쿼리 매개변수를 받지 않습니다.");
        FieldError::parameter(name, "unknown_parameter", detail)
    });
    Problem::new(Code::UnknownParameter).with_errors(errors.collect()).into_response()
}
