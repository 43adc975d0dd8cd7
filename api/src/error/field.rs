//! One place in a request that is at fault.

use std::fmt;

use callboard_shared::domain::Locale;
use serde::Serialize;
use utoipa::ToSchema;

use super::Text;

/// Where in the request a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In the body: a JSON pointer as a URI fragment, `#/items/0/price`.
    Body(String),
    /// In the path or the query: a parameter's name.
    Parameter(String),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Body(pointer) => f.write_str(pointer),
            Self::Parameter(name) => f.write_str(name),
        }
    }
}

/// A value that is at fault, with the reason in each language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// Where the value stands.
    pub place: Place,
    /// Stable `snake_case` code of the reason.
    pub code: &'static str,
    /// The reason in words.
    pub detail: Text,
}

impl FieldError {
    /// A fault of a top-level field of the body.
    #[must_use]
    pub fn field(name: &str, code: &'static str, detail: Text) -> Self {
        let name = name.replace('~', "~0").replace('/', "~1");
        Self::pointer(format!("#/{name}"), code, detail)
    }

    /// A fault at a JSON pointer, `#/items/0/price`.
    #[must_use]
    pub fn pointer(pointer: String, code: &'static str, detail: Text) -> Self {
        Self { place: Place::Body(pointer), code, detail }
    }

    /// A fault of a path or query parameter.
    #[must_use]
    pub fn parameter(name: &str, code: &'static str, detail: Text) -> Self {
        Self { place: Place::Parameter(name.to_owned()), code, detail }
    }

    /// The fault as a client that speaks `locale` gets it.
    #[must_use]
    pub fn in_locale(&self, locale: Locale) -> FieldProblem {
        let (pointer, parameter) = match &self.place {
            Place::Body(pointer) => (Some(pointer.clone()), None),
            Place::Parameter(name) => (None, Some(name.clone())),
        };
        FieldProblem {
            pointer,
            parameter,
            code: self.code.to_owned(),
            detail: self.detail.in_locale(locale).to_owned(),
        }
    }
}

/// One place that is at fault: a pointer into the body, or a parameter's name.
#[derive(Debug, Serialize, ToSchema)]
pub struct FieldProblem {
    /// A JSON pointer into the body, as a URI fragment.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "#/email", nullable = false)]
    pub pointer: Option<String>,
    /// The name of a path or query parameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub parameter: Option<String>,
    /// The stable code of the reason.
    #[schema(example = "too_long")]
    pub code: String,
    /// The reason, in the client's language.
    pub detail: String,
}
