//! What is wrong with a body's shape or values, told by pointer.

use std::fmt::Display;

use callboard_shared::domain::{InvalidValue, Locale};
use serde_path_to_error::{Path, Segment};

use crate::error::{FieldError, Text};

/// Collects the faults of a body's values.
#[derive(Debug, Default)]
pub struct Faults(Vec<FieldError>);

impl Faults {
    /// The value, or a noted fault of the field `name`.
    pub fn check<T, E: Into<Reason>>(&mut self, name: &str, value: Result<T, E>) -> Option<T> {
        value
            .map_err(|error| {
                let reason = error.into();
                self.note(FieldError::field(name, reason.code, reason.detail));
            })
            .ok()
    }

    /// As [`check`](Self::check), for a field that may be left out: `Some(None)` then.
    #[expect(clippy::option_option, reason = "outer: whether it is acceptable; inner: whether it was given")]
    pub fn check_optional<T, E: Into<Reason>>(&mut self, name: &str, value: Option<Result<T, E>>) -> Option<Option<T>> {
        match value {
            None => Some(None),
            Some(value) => self.check(name, value).map(Some),
        }
    }

    /// Notes a fault.
    pub fn note(&mut self, fault: FieldError) {
        self.0.push(fault);
    }

    /// The noted faults, in the order they were found.
    #[must_use]
    pub fn into_errors(self) -> Vec<FieldError> {
        self.0
    }
}

/// Why a value is not acceptable.
#[derive(Debug)]
pub struct Reason {
    /// Stable `snake_case` code.
    pub code: &'static str,
    /// The reason in words.
    pub detail: Text,
}

impl From<InvalidValue> for Reason {
    fn from(value: InvalidValue) -> Self {
        Self { code: value.code(), detail: Text::new(value.detail(Locale::En), value.detail(Locale::Ko)) }
    }
}

/// A fault that serde found in the shape of a body or of parameters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ShapeFault {
    /// The field it names, when the fault lies in an object's names.
    pub(super) field: Option<String>,
    pub(super) code: &'static str,
    pub(super) detail: Text,
}

impl ShapeFault {
    /// Reads serde's message. Its wording is part of serde's `de::Error` trait
    /// (`missing_field`, `unknown_field`, `duplicate_field`, `invalid_type`), and
    /// the test below fails when it changes.
    pub(super) fn read(error: &impl Display) -> Self {
        let message = error.to_string();
        let named = |prefix: &str| {
            let rest = message.strip_prefix(prefix)?.strip_prefix('`')?;
            let end = rest.find("`, expected").or_else(|| rest.find("`, there are no"));
            Some(rest[..end.or_else(|| rest.rfind('`'))?].to_owned())
        };
        if let Some(field) = named("missing field ") {
            return Self::of(Some(field), "required", "This field is required.", "필수 항목입니다.");
        }
        if let Some(field) = named("unknown field ") {
            return Self::of(Some(field), "unknown_field", "There is no such field here.", "알 수 없는 항목입니다.");
        }
        if let Some(field) = named("duplicate field ") {
            return Self::of(
                Some(field),
                "duplicate_field",
                "This field is given twice.",
                "같은 항목이 두 번 있습니다.",
            );
        }
        let expected = message
            .rsplit_once(", expected ")
            .map(|(_, words)| words.split(" at line ").next().unwrap_or(words))
            .map(|words| if words.starts_with("struct ") { "an object" } else { words });
        match expected {
            Some(words) if message.starts_with("invalid type: ") => Self {
                field: None,
                code: "wrong_type",
                detail: Text::new(
                    format!("Expected {words}."),
                    format!("형식이 다릅니다. 필요한 형식: {}.", in_korean(words)),
                ),
            },
            _ => Self::of(
                None,
                "invalid_value",
                "This value is not one that can be taken here.",
                "여기에 쓸 수 없는 값입니다.",
            ),
        }
    }

    fn of(field: Option<String>, code: &'static str, en: &'static str, ko: &'static str) -> Self {
        let detail = Text::fixed(en, ko);
        Self { field, code, detail }
    }

    /// The fault as an entry of `errors`, `path` being where serde stood.
    pub(super) fn at(self, path: &Path) -> FieldError {
        let mut pointer = String::from("#");
        let mut names: Vec<String> = path.iter().filter_map(segment_name).collect();
        // serde stands on the object for a missing name, on the name for others.
        if let Some(field) = self.field
            && names.last() != Some(&field)
        {
            names.push(field);
        }
        for name in names {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        }
        FieldError::pointer(pointer, self.code, self.detail)
    }
}

fn segment_name(segment: &Segment) -> Option<String> {
    match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    }
}

/// serde's names of JSON's types, in Korean.
fn in_korean(expected: &str) -> &str {
    match expected {
        "a string" => "문자열",
        "a boolean" => "true 또는 false",
        "a sequence" => "배열",
        "an object" | "a map" => "객체",
        other if other.starts_with('i') || other.starts_with('u') => "정수",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Raw {
        #[expect(dead_code, reason = "only its refusal is looked at")]
        email: String,
        #[expect(dead_code, reason = "only its refusal is looked at")]
        inner: Option<Box<Raw>>,
    }

    fn fault(json: &str) -> (String, &'static str) {
        let mut deserializer = serde_json::Deserializer::from_str(json);
        let error = serde_path_to_error::deserialize::<_, Raw>(&mut deserializer).unwrap_err();
        let fault = ShapeFault::read(error.inner()).at(error.path());
        (fault.place.to_string(), fault.code)
    }

    #[test]
    fn each_fault_of_shape_is_told_by_pointer() {
        assert_eq!(fault("{}"), ("#/email".into(), "required"));
        assert_eq!(fault(r#"{"email":5}"#), ("#/email".into(), "wrong_type"));
        assert_eq!(fault(r#"{"emial":"a"}"#), ("#/emial".into(), "unknown_field"));
        assert_eq!(fault(r#"{"a/b~`":1}"#), ("#/a~1b~0`".into(), "unknown_field"));
        assert_eq!(fault(r#"{"email":"a","email":"b"}"#), ("#/email".into(), "duplicate_field"));
        assert_eq!(fault(r#"{"inner":{}}"#), ("#/inner/email".into(), "required"));
        assert_eq!(fault(r#"{"inner":{"x":1}}"#), ("#/inner/x".into(), "unknown_field"));
    }

    #[test]
    fn a_wrong_type_names_the_wanted_one_and_not_the_value() {
        let fault = ShapeFault::read(&"invalid type: integer `123456`, expected a string at line 1 column 9");
        assert_eq!(fault.detail.en, "Expected a string.");
        assert_eq!(fault.detail.ko, "형식이 다릅니다. 필요한 형식: 문자열.");
    }
}
