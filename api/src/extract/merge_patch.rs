//! A JSON merge patch (RFC 7396).

use std::{borrow::Cow, fmt, marker::PhantomData};

use axum::extract::{FromRef, FromRequest, Request};
use serde::{
    Deserialize, Deserializer, Serialize,
    de::{Error as _, MapAccess, Visitor},
};
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{Schema, SchemaType, Type},
    },
};

use super::{BodyLimits, Input, body::media_type, json, list::fields_of};
use crate::error::{Code, FieldError, Problem, Text};

const UNKNOWN_FIELD: Text = Text::fixed("There is no such field here.", "알 수 없는 항목입니다.");

/// The body of a PATCH: what is named is set, `null` takes away, all else stays.
#[derive(Debug)]
pub struct MergePatch(Map<String, Value>);

impl MergePatch {
    /// `document` with the patch applied, checked as the body of a PUT is: there
    /// is one set of rules for what a resource may be.
    ///
    /// # Errors
    /// 422 with pointers, for the fields of the patch and for what they leave.
    pub fn apply<T: Input>(self, document: &T::Raw) -> Result<T, Problem>
    where
        T::Raw: Serialize + ToSchema,
    {
        // Serde sees the other unknown names; these leave no trace.
        let known = fields_of::<T::Raw>();
        if let Some((name, _)) = self.0.iter().find(|(name, value)| value.is_null() && !known.contains(name)) {
            return Err(Problem::validation(vec![FieldError::field(name, "unknown_field", UNKNOWN_FIELD)]));
        }
        let mut patched = serde_json::to_value(document).map_err(Problem::internal)?;
        merge(&mut patched, Value::Object(self.0));
        json::checked(json::from_value(patched)?)
    }
}

/// The members of an object, each named once: of a name that is given twice
/// `serde_json`'s own map keeps the last, silently.
#[derive(Debug)]
struct Members(Map<String, Value>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Members, A::Error> {
        let mut members = Map::new();
        while let Some((name, value)) = access.next_entry::<String, Value>()? {
            if members.contains_key(&name) {
                // In serde's own words, which `ShapeFault` reads.
                return Err(A::Error::custom(format_args!("duplicate field `{name}`")));
            }
            members.insert(name, value);
        }
        Ok(Members(members))
    }
}

/// RFC 7396 § 2, to the letter.
fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(&name);
            } else {
                merge(target.entry(name).or_insert(Value::Null), value);
            }
        }
    }
}

/// How the description shows a patch of the document `T`: nothing is required,
/// and what may be left out of the document may be taken away by `null`.
#[derive(Debug)]
pub struct Patch<T>(PhantomData<T>);

impl<T: ToSchema> PartialSchema for Patch<T> {
    fn schema() -> RefOr<Schema> {
        let mut schema = T::schema();
        if let RefOr::T(Schema::Object(document)) = &mut schema {
            let required = std::mem::take(&mut document.required);
            for (name, property) in &mut document.properties {
                if let RefOr::T(Schema::Object(property)) = property
                    && !required.contains(name)
                    && let SchemaType::Type(kind) = &property.schema_type
                {
                    property.schema_type = SchemaType::from_iter([kind.clone(), Type::Null]);
                    property.default = None;
                }
            }
        }
        schema
    }
}

impl<T: ToSchema> ToSchema for Patch<T> {
    fn name() -> Cow<'static, str> {
        format!("{}Patch", T::name().trim_end_matches("Body")).into()
    }
}

impl<S> FromRequest<S> for MergePatch
where
    S: Send + Sync,
    BodyLimits: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let media = media_type(request.headers());
        if !matches!(media.as_deref(), Some("application/merge-patch+json" | "application/json")) {
            return Err(Problem::new(Code::UnsupportedMediaType).with_detail(Text::fixed(
                "Send the patch as application/merge-patch+json.",
                "패치는 application/merge-patch+json으로 보내세요.",
            )));
        }
        let body = BodyLimits::from_ref(state).read_text(request).await?;
        let Members(members) = json::from_json(&body)?;
        Ok(Self(members))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_is_named_once() {
        let read = |body| json::from_json::<Members>(body).map(|Members(members)| members);
        assert_eq!(read(r#"{"a":{"b":1},"c":null}"#).unwrap().len(), 2);
        for body in [r#"{"a":1,"a":2}"#, r#"{"a":null,"b":1,"a":null}"#] {
            assert!(read(body).unwrap_err().to_string().contains("#/a: This field is given twice."), "{body}");
        }
    }

    /// The examples of RFC 7396, appendix A, whose patch is an object.
    #[test]
    fn it_merges_as_the_standard_says() {
        for (mut target, patch, result) in [
            (json!({"a":"b"}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"b"}), json!({"b":"c"}), json!({"a":"b","b":"c"})),
            (json!({"a":"b"}), json!({"a":null}), json!({})),
            (json!({"a":"b","b":"c"}), json!({"a":null}), json!({"b":"c"})),
            (json!({"a":["b"]}), json!({"a":"c"}), json!({"a":"c"})),
            (json!({"a":"c"}), json!({"a":["b"]}), json!({"a":["b"]})),
            (json!({"a":{"b":"c"}}), json!({"a":{"b":"d","c":null}}), json!({"a":{"b":"d"}})),
            (json!({"a":[{"b":"c"}]}), json!({"a":[1]}), json!({"a":[1]})),
            (json!({"e":null}), json!({"a":1}), json!({"e":null,"a":1})),
            (json!([1, 2]), json!({"a":"b","c":null}), json!({"a":"b"})),
            (json!({}), json!({"a":{"bb":{"ccc":null}}}), json!({"a":{"bb":{}}})),
        ] {
            merge(&mut target, patch);
            assert_eq!(target, result);
        }
    }
}
