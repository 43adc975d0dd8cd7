//! A list's parameters as the OpenAPI description tells them, from the same
//! declaration that they are parsed by.

use std::marker::PhantomData;

use callboard_shared::db::listing::{Kind, Listed};
use serde_json::json;
use utoipa::{
    IntoParams, ToSchema,
    openapi::{
        Required,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::{KnownFormat, Object, ObjectBuilder, SchemaFormat, Type},
    },
};

use super::list::{FARTHEST_SKIP, LIMITS, LONGEST_SEARCH, RANGES, fields_of};

/// What can be looked for: something but blanks, without the character NUL.
const WORDS: &str = r"^[^\u0000]*[^\s\u0000][^\u0000]*$";

/// The parameters of a list of `T`, for `params(…)` of a route.
#[derive(Debug)]
pub struct ListParams<T>(PhantomData<T>);

impl<T: Listed + ToSchema> IntoParams for ListParams<T> {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let listing = T::LISTING;
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let mut sorts: Vec<String> = Vec::new();
        for column in listing.columns.iter().filter(|column| column.sorts) {
            sorts.extend([column.name.to_owned(), format!("-{}", column.name)]);
        }
        let one_of = sorts.iter().map(|sort| regex_literal(sort)).collect::<Vec<_>>().join("|");
        let fields = fields_of::<T>().join("|");
        let mut all = vec![
            limit_parameter("Rows a page."),
            cursor_parameter(
                "The page after or before: `next_cursor` or `prev_cursor` of another page, with the same `sort`.",
            ),
            parameter(
                "skip",
                "Rows to leave out, instead of a cursor; gives the `total` too.",
                whole(0, FARTHEST_SKIP, 0),
            ),
            parameter(
                "count",
                "`exact` counts all that match, as `total`.",
                text().enum_values(Some(["exact"])).build(),
            ),
            parameter(
                "sort",
                &format!("The order, by one or several of {}.", sorts.join(", ")),
                text().pattern(Some(format!("^({one_of})(,({one_of}))*$"))).build(),
            ),
            parameter(
                "fields",
                "The fields to show, instead of all.",
                text().pattern(Some(format!("^({fields})(,({fields}))*$"))).build(),
            ),
        ];
        if !listing.search.is_empty() {
            all.push(search_parameter(&format!("Text to look for in {}.", listing.search.join(" and "))));
        }
        for column in listing.columns {
            if column.equals {
                let about = format!("Only where {} is this.", column.name);
                all.push(parameter(column.name, &about, schema(column.kind)));
            }
            for (end, comparison) in RANGES.iter().filter(|_| column.ranges) {
                let about = format!("Only where {} is {comparison:?} this.", column.name);
                all.push(parameter(&format!("{}{end}", column.name), &spaced(&about), schema(column.kind)));
            }
        }
        all
    }
}

fn whole(least: i64, most: i64, usual: i64) -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least))
        .maximum(Some(most))
        .default(Some(json!(usual)))
        .build()
}

/// How many rows a page has.
pub(super) fn limit_parameter(about: &str) -> Parameter {
    parameter("limit", about, whole(1, LIMITS.1, LIMITS.0))
}

/// Where a page begins.
pub(super) fn cursor_parameter(about: &str) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String).pattern(Some("^[A-Za-z0-9_-]+$"));
    parameter("cursor", about, text.build())
}

/// What is looked for in texts.
pub(super) fn search_parameter(about: &str) -> Parameter {
    let text = ObjectBuilder::new().schema_type(Type::String);
    parameter("q", about, text.pattern(Some(WORDS)).max_length(Some(LONGEST_SEARCH)).build())
}

/// An optional parameter of the query.
pub(super) fn parameter(name: &str, about: &str, schema: Object) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(about))
        .schema(Some(schema))
        .build()
}

/// What a filter by values of a kind takes.
pub(super) fn schema(kind: Kind) -> Object {
    let text = ObjectBuilder::new().schema_type(Type::String);
    match kind {
        Kind::Uuid => text.format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))).build(),
        Kind::Text | Kind::CaseInsensitive => text.pattern(Some(r"^[^\u0000]*$")).build(),
        Kind::OneOf(words) => text.enum_values(Some(words.iter().copied())).build(),
        Kind::Timestamp => text.format(Some(SchemaFormat::KnownFormat(KnownFormat::DateTime))).build(),
        Kind::Decimal => text.pattern(Some(r"^-?[0-9]{1,12}(\.[0-9]{1,2})?$")).build(),
        Kind::Boolean => ObjectBuilder::new().schema_type(Type::Boolean).build(),
    }
}

/// What a kind's values are, in English and Korean.
pub(super) const fn in_words(kind: Kind) -> (&'static str, &'static str) {
    match kind {
        Kind::Uuid => ("an id (a UUID)", "UUID 형식의 ID"),
        Kind::Text | Kind::CaseInsensitive => ("text without the character NUL", "NUL 문자가 없는 텍스트"),
        Kind::OneOf(_) => ("one of the values that the description lists", "문서에 나열된 값 중 하나"),
        Kind::Timestamp => {
            ("a time of RFC 3339, such as 2026-01-31T09:00:00Z", "2026-01-31T09:00:00Z와 같은 RFC 3339 표기")
        }
        Kind::Decimal => ("a decimal number", "십진수"),
        Kind::Boolean => ("true or false", "true 또는 false 중 하나"),
    }
}

/// `GreaterOrEqual` as words.
fn spaced(words: &str) -> String {
    words
        .replace("GreaterOrEqual", "at least")
        .replace("LessOrEqual", "at most")
        .replace("Greater", "above")
        .replace("Less", "below")
}

fn regex_literal(text: &str) -> String {
    text.replace('-', r"\-")
}
