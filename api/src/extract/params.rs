//! Query parameters: read strictly, or refused where a route takes none.

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};
use serde::de::DeserializeOwned;

use super::fault::ShapeFault;
use crate::error::{Code, FieldError, Problem, Text};

/// The most faults that one answer names: a short request must not get a long one.
pub(super) const MOST_ERRORS: usize = 20;

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

/// For the routes that take no query parameters at all.
///
/// # Errors
/// 400 that names each parameter that was given.
pub fn refuse_parameters(uri: &Uri) -> Result<(), Problem> {
    let Some(query) = uri.query().filter(|query| !query.is_empty()) else { return Ok(()) };
    let given: Vec<(String, String)> =
        serde_urlencoded::from_str(query).map_err(|_| Problem::new(Code::InvalidParameter))?;
    if given.is_empty() {
        return Ok(());
    }
    let errors = given.iter().take(MOST_ERRORS).map(|(name, _)| {
        let detail = Text::fixed("This route takes no query parameters.", "이 경로는 쿼리 매개변수를 받지 않습니다.");
        FieldError::parameter(name, "unknown_parameter", detail)
    });
    Err(Problem::new(Code::UnknownParameter).with_errors(errors.collect()))
}
