//! A body that is JSON or an HTML form.

use axum::extract::{FromRef, FromRequest, Request};

use super::{
    BodyLimits, FormInput,
    body::media_type,
    fault::ShapeFault,
    json::{checked, from_json, is_json},
};
use crate::error::{Code, FieldError, Problem, Text};

/// How a body was sent; a form is answered with a page where there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
}

/// The body as a checked `T`, and how it was sent.
#[derive(Debug)]
pub struct JsonOrForm<T>(pub T, pub BodyKind);

impl<S, T> FromRequest<S> for JsonOrForm<T>
where
    S: Send + Sync,
    T: FormInput,
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let limits = BodyLimits::from_ref(state);
        if is_json(&request) {
            let body = limits.read_text(request).await?;
            return Ok(Self(checked(from_json(&body)?)?, BodyKind::Json));
        }
        if media_type(request.headers()).as_deref() == Some("application/x-www-form-urlencoded") {
            let body = limits.read_text(request).await?;
            let raw = from_form::<T::Form>(&body)?.into();
            return Ok(Self(checked(raw)?, BodyKind::Form));
        }
        Err(Problem::new(Code::UnsupportedMediaType).with_detail(Text::fixed(
            "Send the body as application/json or application/x-www-form-urlencoded.",
            "본문은 application/json 또는 application/x-www-form-urlencoded로 보내세요.",
        )))
    }
}

fn from_form<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, Problem> {
    serde_urlencoded::from_str(body).map_err(|error| {
        let fault = ShapeFault::read(&error);
        let name = fault.field.as_deref().unwrap_or_default();
        Problem::validation(vec![FieldError::field(name, fault.code, fault.detail)])
    })
}
