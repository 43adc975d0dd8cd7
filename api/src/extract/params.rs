//! Query parameters: read strictly, or refused where a route takes none.

use axum::{
    extract::FromRequestParts,
    http::{Uri, request::Parts},
};
use callboard_shared::db::listing::{Kind, Value};
use serde::de::DeserializeOwned;

use super::{fault::ShapeFault, list::LONGEST_SEARCH, list_docs::in_words};
use crate::error::{Code, FieldError, Problem, Text};

/// The most faults that one answer names: a short request must not get a long one.
const MOST_ERRORS: usize = 20;

/// What is wrong with the parameters of a list, each by its name.
#[derive(Debug, Default)]
pub(super) struct Refusals(Vec<FieldError>);

impl Refusals {
    /// Notes why the parameter `name` is not taken.
    pub(super) fn refuse<T>(
        &mut self,
        name: &str,
        code: &'static str,
        en: impl Into<String>,
        ko: impl Into<String>,
    ) -> Option<T> {
        // Of a thousand wrong ones the first few are enough to see what is wrong.
        if self.0.len() < MOST_ERRORS {
            self.0.push(FieldError::parameter(name, code, Text::new(en.into(), ko.into())));
        }
        None
    }

    /// Notes a parameter that is given twice.
    pub(super) fn twice(&mut self, name: &str) {
        self.refuse::<()>(
            name,
            "duplicate_parameter",
            "This parameter is given twice.",
            "같은 매개변수가 두 번 있습니다.",
        );
    }

    /// Notes a parameter that there isn't.
    pub(super) fn unknown<T>(&mut self, name: &str) -> Option<T> {
        self.refuse(name, "unknown_parameter", "There is no such parameter here.", "알 수 없는 매개변수입니다.")
    }

    /// The value of a kind, or a noted refusal.
    pub(super) fn value(&mut self, name: &str, kind: Kind, raw: &str) -> Option<Value> {
        if let Some(value) = kind.parse(raw) {
            return Some(value);
        }
        let (en, ko) = in_words(kind);
        self.refuse(name, "invalid_value", format!("This must be {en}."), format!("{ko}여야 합니다."))
    }

    /// The whole number, or a noted refusal.
    pub(super) fn number(&mut self, name: &str, value: &str, least: i64, most: i64) -> Option<i64> {
        let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
        match value.parse() {
            Ok(number) if is_plain && (least..=most).contains(&number) => Some(number),
            _ => self.refuse(
                name,
                "out_of_range",
                format!("This must be a whole number from {least} to {most}."),
                format!("{least} 이상 {most} 이하의 정수여야 합니다."),
            ),
        }
    }

    /// The text to look for, or a noted refusal.
    pub(super) fn words(&mut self, name: &str, value: &str) -> Option<String> {
        let words = value.trim();
        if words.is_empty() || words.chars().count() > LONGEST_SEARCH || words.contains('\0') {
            return self.refuse(
                name,
                "invalid_value",
                format!("The text to look for has 1 to {LONGEST_SEARCH} characters."),
                format!("검색어는 1자 이상 {LONGEST_SEARCH}자 이하여야 합니다."),
            );
        }
        Some(words.to_owned())
    }

    /// Whether nothing was refused.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The answer that names all of them.
    pub(super) fn into_problem(self) -> Problem {
        let is_unknown = self.0.iter().all(|error| error.code == "unknown_parameter");
        let code = if is_unknown { Code::UnknownParameter } else { Code::InvalidParameter };
        Problem::new(code).with_errors(self.0)
    }
}

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
