//! A JSON body, checked in shape and values.

use axum::extract::{FromRef, FromRequest, Request};
use serde::de::DeserializeOwned;

use super::{BodyLimits, Faults, Input, body::media_type, fault::ShapeFault};
use crate::error::{Code, FieldError, Problem, Text};

/// The JSON body as a checked `T`.
///
/// Refuses with 415 what is not `application/json`, with 400 what is not JSON,
/// and with 422 and pointers what has the wrong shape or values.
#[derive(Debug)]
pub struct ValidJson<T>(pub T);

impl<S, T> FromRequest<S> for ValidJson<T>
where
    S: Send + Sync,
    T: Input,
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        checked(from_json(&read(request, state).await?)?).map(Self)
    }
}

/// The text of a body that says it is JSON.
pub(super) async fn read<S>(request: Request, state: &S) -> Result<String, Problem>
where
    BodyLimits: FromRef<S>,
{
    if !is_json(&request) {
        return Err(Problem::new(Code::UnsupportedMediaType));
    }
    BodyLimits::from_ref(state).read_text(request).await
}

/// Whether the request says that its body is JSON.
pub(super) fn is_json(request: &Request) -> bool {
    media_type(request.headers()).is_some_and(|media| {
        media == "application/json" || (media.starts_with("application/") && media.ends_with("+json"))
    })
}

/// The checked value, or one problem that names every value at fault.
pub(super) fn checked<T: Input>(raw: T::Raw) -> Result<T, Problem> {
    let mut faults = Faults::default();
    let value = T::parse(raw, &mut faults);
    let errors = faults.into_errors();
    match value {
        Some(value) if errors.is_empty() => Ok(value),
        _ => Err(Problem::validation(errors)),
    }
}

/// Reads one JSON object and nothing after it.
pub(super) fn from_json<T: DeserializeOwned>(body: &str) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_str(body);
    // serde would take a bare array as the fields of a struct in their order.
    if body.trim_start().starts_with('[') {
        serde_json::from_str::<serde::de::IgnoredAny>(body).map_err(|error| malformed(&error))?;
        return Err(not_an_object());
    }
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        if error.inner().is_data() {
            Problem::validation(vec![ShapeFault::read(error.inner()).at(error.path())])
        } else {
            malformed(error.inner())
        }
    })?;
    deserializer.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

/// Reads a value that was JSON already.
pub(super) fn from_value<T: DeserializeOwned>(value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| Problem::validation(vec![ShapeFault::read(error.inner()).at(error.path())]))
}

fn not_an_object() -> Problem {
    let detail = Text::fixed("The body must be a JSON object.", "본문은 JSON 객체여야 합니다.");
    Problem::validation(vec![FieldError::pointer("#".into(), "wrong_type", detail)])
}

fn malformed(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let words = error.to_string();
    let reason = words.split(" at line ").next().unwrap_or(&words);
    Problem::new(Code::MalformedJson).with_detail(Text::new(
        format!("The body is not valid JSON: {reason} at line {line}, column {column}."),
        format!("본문이 올바른 JSON이 아닙니다: {line}행 {column}열 ({reason})."),
    ))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        #[expect(dead_code, reason = "only its refusal is looked at")]
        name: String,
    }

    fn refusal(body: &str) -> (Code, String) {
        let problem = from_json::<Raw>(body).unwrap_err();
        (problem.code(), problem.to_string())
    }

    #[test]
    fn what_is_not_json_is_told_with_its_position() {
        for body in ["", "{", "nope", r#"{"name":"a"} x"#, "{\"name\":\"a\0\"}", r#"{"name":"\ud800"}"#] {
            let (code, words) = refusal(body);
            assert_eq!(code, Code::MalformedJson, "{body:?}");
            assert!(words.contains("line 1, column"), "{words}");
        }
    }

    #[test]
    fn what_is_json_of_another_shape_is_a_validation_problem() {
        for body in [r#"["a"]"#, r#""a""#, "5", "null", "{}", r#"{"name":null}"#] {
            assert_eq!(refusal(body).0, Code::ValidationFailed, "{body:?}");
        }
        assert_eq!(refusal("[1,").0, Code::MalformedJson);
    }
}
