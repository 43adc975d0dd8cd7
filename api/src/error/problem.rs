//! A problem: the error a handler returns, and the body a client gets (RFC 9457).

use std::{error::Error, fmt, sync::Arc};

use axum::{
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use callboard_shared::domain::Locale;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Code, FieldError, FieldProblem, Text};

/// Seconds after which a client may try again when a part is out of reach.
const RETRY_AFTER_SECONDS: u16 = 5;

/// The API's error: a [`Code`] of the catalogue with what is special this time.
///
/// A handler returns it; `middleware::problems` writes the body, because only
/// there are the request id, the path and the client's language known.
#[derive(Debug, Clone)]
pub struct Problem(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    code: Code,
    detail: Option<Text>,
    errors: Vec<FieldError>,
    headers: Vec<(HeaderName, HeaderValue)>,
    members: serde_json::Map<String, serde_json::Value>,
    cause: Option<Arc<dyn Error + Send + Sync>>,
}

impl Problem {
    /// A problem with the catalogue's own explanation as its detail.
    #[must_use]
    pub fn new(code: Code) -> Self {
        let problem = Self(Box::new(Inner {
            code,
            detail: None,
            errors: Vec::new(),
            headers: Vec::new(),
            members: serde_json::Map::new(),
            cause: None,
        }));
        match code {
            Code::ServiceUnavailable | Code::Timeout => {
                problem.with_header(header::RETRY_AFTER, HeaderValue::from(RETRY_AFTER_SECONDS))
            }
            Code::Unauthenticated
            | Code::InvalidCredentials
            | Code::RefreshTokenInvalid
            | Code::TotpRequired
            | Code::MfaTokenInvalid
            | Code::WrongCode => problem.with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            Code::InvalidToken => problem
                .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Bearer error="invalid_token""#)),
            // What is left of a slow body must not be taken for the next request.
            Code::RequestTimeout | Code::BodyTooLarge => {
                problem.with_header(header::CONNECTION, HeaderValue::from_static("close"))
            }
            _ => problem,
        }
    }

    /// Values that were read but are not acceptable, each with its place.
    #[must_use]
    pub fn validation(errors: Vec<FieldError>) -> Self {
        Self::new(Code::ValidationFailed).with_errors(errors)
    }

    /// A fault of ours: `cause` goes to the log, never to the client.
    pub fn internal(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::new(Code::InternalError).with_cause(cause)
    }

    /// A part we need is out of reach: `cause` goes to the log, never to the client.
    pub fn unavailable(cause: impl Error + Send + Sync + 'static) -> Self {
        Self::new(Code::ServiceUnavailable).with_cause(cause)
    }

    /// Says what happened this time, in place of the catalogue's explanation.
    #[must_use]
    pub fn with_detail(mut self, detail: Text) -> Self {
        self.0.detail = Some(detail);
        self
    }

    /// Names the places that are at fault.
    #[must_use]
    pub fn with_errors(mut self, errors: Vec<FieldError>) -> Self {
        self.0.errors = errors;
        self
    }

    /// Adds a header to the answer.
    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// Adds a member of its own to the body (RFC 9457 § 3.2).
    #[must_use]
    pub fn with_member(mut self, name: &str, value: serde_json::Value) -> Self {
        self.0.members.insert(name.to_owned(), value);
        self
    }

    fn with_cause(mut self, cause: impl Error + Send + Sync + 'static) -> Self {
        self.0.cause = Some(Arc::new(cause));
        self
    }

    /// The code of the catalogue.
    #[must_use]
    pub fn code(&self) -> Code {
        self.0.code
    }

    /// The places that are at fault.
    #[must_use]
    pub fn errors(&self) -> &[FieldError] {
        &self.0.errors
    }

    /// What is at fault on our side, for the log: the whole chain of sources.
    #[must_use]
    pub fn cause(&self) -> Option<String> {
        let mut error: &dyn Error = self.0.cause.as_deref()?;
        let mut words = error.to_string();
        while let Some(source) = error.source() {
            let source_words = source.to_string();
            // Many errors repeat their source in their own words.
            if !words.ends_with(&source_words) {
                words = format!("{words}: {source_words}");
            }
            error = source;
        }
        Some(words)
    }

    /// The detail in `locale`.
    #[must_use]
    pub fn detail(&self, locale: Locale) -> String {
        let explanation = self.0.code.entry().explanation;
        let detail = self.0.detail.as_ref().unwrap_or(&explanation);
        detail.in_locale(locale).to_owned()
    }

    /// The body for a client that speaks `locale`.
    #[must_use]
    pub fn body(&self, locale: Locale, public_url: &str, instance: &str, request_id: &str) -> ProblemBody {
        let entry = self.0.code.entry();
        ProblemBody {
            r#type: format!("{public_url}/problems/{}", entry.slug),
            title: entry.title.in_locale(locale).to_owned(),
            status: entry.status.as_u16(),
            detail: self.detail(locale),
            instance: instance.to_owned(),
            code: entry.slug.to_owned(),
            request_id: request_id.to_owned(),
            errors: self.0.errors.iter().map(|e| e.in_locale(locale)).collect(),
            members: self.0.members.clone(),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail(Locale::En))?;
        for error in &self.0.errors {
            write!(f, "\n{}: {}", error.place, error.detail.en)?;
        }
        self.cause().map_or(Ok(()), |cause| write!(f, " ({cause})"))
    }
}

impl Error for Problem {}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.0.code.entry().status.into_response();
        for (name, value) in self.0.headers.clone() {
            response.headers_mut().insert(name, value);
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The body of every error: `application/problem+json` (RFC 9457).
///
/// Two codes bring a member of their own: `totp_required` the `mfa_token` for the
/// second step, a string, and `in_use` the `references`, an array of objects with
/// `resource`, `field` and `count`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody {
    /// A URL that explains the kind of problem.
    #[schema(format = "uri", example = "http://127.0.0.1:8000/problems/validation_failed")]
    pub r#type: String,
    /// A short name of the kind of problem, in the client's language.
    #[schema(example = "Invalid values")]
    pub title: String,
    /// The HTTP status.
    #[schema(example = 422, minimum = 400, maximum = 599)]
    pub status: u16,
    /// What happened this time, in the client's language.
    pub detail: String,
    /// The path of the request.
    #[schema(example = "/api/v1/auth/register")]
    pub instance: String,
    /// The stable code of the kind of problem.
    #[schema(example = "validation_failed")]
    pub code: String,
    /// The request's id, as in the log and in `X-Request-ID`.
    #[schema(example = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11")]
    pub request_id: String,
    /// Which places are at fault, when the problem is about values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    pub errors: Vec<FieldProblem>,
    /// What else some kinds of problem tell.
    #[serde(flatten)]
    #[schema(ignore)]
    pub members: serde_json::Map<String, serde_json::Value>,
}
