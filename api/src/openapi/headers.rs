//! Headers of requests and answers, declared once and referred to.

use axum::http::Method;
use serde_json::{Value, json};
use utoipa::openapi::{
    Components, HeaderBuilder, Object, Ref, RefOr, Required, Response, ResponseBuilder,
    path::{Operation, ParameterBuilder, ParameterIn},
    schema::{ObjectBuilder, SchemaFormat, Type},
};

use super::Kind;
use crate::{
    auth::access::{Needs, Rule},
    limits::Limit,
};

/// Lists that are kept in Redis.
const CACHED: [&str; 1] = ["/api/v1/items"];

/// What `If-Match` and `If-None-Match` take; of tags they take several too.
const TAGS: &str = r#"^(\*|(W/)?"[!#-+.-~-]*")$"#;

/// Says what is in the headers, under the names that answers and operations refer to.
pub(super) fn declare(components: &mut Components) {
    for (name, schema, about, example) in answer_headers() {
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(about)).example(example).build();
        components.headers.insert(name.to_owned(), header.into());
    }
    for (key, name, schema, about) in request_headers() {
        let parameter = ParameterBuilder::new()
            .name(name)
            .parameter_in(ParameterIn::Header)
            .required(Required::False)
            .description(Some(about))
            .schema(Some(schema))
            .build();
        components.parameters.insert(key.to_owned(), parameter.into());
    }
}

fn answer_headers() -> Vec<(&'static str, Object, &'static str, Option<Value>)> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let whole = || ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(0)).build();
    let number = ObjectBuilder::new().schema_type(Type::Number).minimum(Some(0)).build();
    let path = text().format(Some(SchemaFormat::Custom("uri-reference".to_owned()))).build();
    let of_policies = |pattern: &str| text().pattern(Some(pattern)).build();
    vec![
        ("Cache-Control", text().build(), "Whether and how the answer may be kept", Some(json!("no-store"))),
        ("Content-Language", text().enum_values(Some(["en", "ko"])).build(), "The language of the texts", None),
        (
            "ETag",
            text().pattern(Some(r#"^(W/)?"v[0-9]+"$"#)).build(),
            "The version, for `If-Match` and `If-None-Match`",
            Some(json!("\"v7\"")),
        ),
        (
            "Idempotent-Replayed",
            text().enum_values(Some(["true"])).build(),
            "There when the same request was done before, and this is its answer of then",
            None,
        ),
        ("Location", path, "Where what was made is", Some(json!("/api/v1/items/019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11"))),
        (
            "RateLimit",
            of_policies(r#"^"[a-z-]+";r=[0-9]+;t=[0-9]+"#),
            "What is left: `r` requests, and all of them again in `t` seconds",
            Some(json!("\"general\";r=598;t=1")),
        ),
        (
            "RateLimit-Policy",
            of_policies(r#"^"[a-z-]+";q=[0-9]+;w=[0-9]+"#),
            "The limit that counts here: `q` requests in `w` seconds",
            Some(json!("\"general\";q=600;w=60")),
        ),
        ("Retry-After", whole(), "The seconds after which trying again makes sense", Some(json!(1))),
        (
            "WWW-Authenticate",
            text().pattern(Some("^Bearer")).build(),
            "How to say who calls, and what was wrong with what was said (RFC 6750)",
            Some(json!("Bearer error=\"invalid_token\"")),
        ),
        ("X-Cache", text().enum_values(Some(["hit", "miss"])).build(), "Whether the answer came from the cache", None),
        ("X-Process-Time", number, "How long the answer took, in seconds", Some(json!(0.0021))),
        ("X-Request-ID", text().build(), "The request's id: the client's own, or a new one", None),
    ]
}

/// None has an example: the documentation's page would send it with every request.
fn request_headers() -> Vec<(&'static str, &'static str, Object, &'static str)> {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let tags = || text().pattern(Some(TAGS)).build();
    vec![
        ("AcceptLanguage", "Accept-Language", text().build(), "The language of the texts in the answer: `en` or `ko`"),
        (
            "IdempotencyKey",
            "Idempotency-Key",
            text().pattern(Some("^[!-~]{1,255}$")).build(),
            "Makes sure that this is done once: the same request under the same key, within 24 hours, gets the \
             answer of the first. Use a new key, such as a UUID, for each new request.",
        ),
        (
            "IfMatch",
            "If-Match",
            tags(),
            "The `ETag` of the version that this is a change of, such as `\"v7\"`: 412 when it has been changed since",
        ),
        (
            "IfNoneMatch",
            "If-None-Match",
            tags(),
            "The `ETag` of the version that is there already, such as `\"v7\"`: 304 while it is the present one",
        ),
    ]
}

/// Adds what a client may send with this operation.
pub(super) fn add_request_headers(operation: &mut Operation, rule: &Rule, kind: Kind) {
    let mut names = Vec::new();
    if rule.path.starts_with("/api/") {
        names.push("AcceptLanguage");
    }
    if kind.is_idempotent {
        names.push("IdempotencyKey");
    }
    if is_conditional(rule, kind) {
        names.push("IfNoneMatch");
    } else if kind.is_versioned && rule.method != Method::GET {
        names.push("IfMatch");
    }
    let parameters = operation.parameters.get_or_insert_default();
    parameters.extend(names.iter().map(|name| RefOr::Ref(Ref::new(format!("#/components/parameters/{name}")))));
}

/// Whether it answers 304 to who has the version already: not for what a URL
/// shows of whoever asks, nor for schedules, whose ticks go on without a new
/// version; nobody keeps these.
fn is_conditional(rule: &Rule, kind: Kind) -> bool {
    let is_kept = !(rule.path.ends_with("/me") || rule.path.starts_with("/api/v1/schedules/"));
    kind.is_versioned && rule.method == Method::GET && is_kept
}

/// Adds what each answer carries, and the answer that is nothing but headers.
pub(super) fn add_answer_headers(operation: &mut Operation, rule: &Rule, kind: Kind) {
    let responses = &mut operation.responses.responses;
    if is_conditional(rule, kind) {
        let known = ResponseBuilder::new().description("The client has this version already").build();
        responses.insert("304".to_owned(), known.into());
    }
    for (status, response) in responses {
        let RefOr::T(response) = response else { continue };
        for name in names(status, rule, kind) {
            let reference = RefOr::Ref(Ref::new(format!("#/components/headers/{name}")));
            response.headers.entry(name.to_owned()).or_insert(reference);
        }
        add_page(kind, status, response);
    }
}

fn names(status: &str, rule: &Rule, kind: Kind) -> Vec<&'static str> {
    let mut names = vec!["X-Request-ID", "X-Process-Time", "Cache-Control"];
    let is_error = status >= "400";
    if is_error {
        names.push("Content-Language");
    }
    if rule.limit != Limit::Free {
        names.extend(["RateLimit", "RateLimit-Policy"]);
    }
    if status == "401" || (status == "403" && rule.needs != Needs::Anybody) {
        names.push("WWW-Authenticate");
    }
    if ["429", "503"].contains(&status) || (status == "409" && kind.is_idempotent) {
        names.push("Retry-After");
    }
    if !is_error && kind.is_idempotent {
        names.push("Idempotent-Replayed");
        if ["201", "202"].contains(&status) {
            names.push("Location");
        }
    }
    if (status == "201" && kind.makes_versioned) || (kind.is_versioned && ["200", "304"].contains(&status)) {
        names.push("ETag");
    }
    if status == "200" && rule.method == Method::GET && CACHED.contains(&rule.path) {
        names.push("X-Cache");
    }
    names
}

/// A browser's form is answered with a page, also where it is refused.
fn add_page(kind: Kind, status: &str, response: &mut Response) {
    if kind.has_page && ["400", "409", "422", "503"].contains(&status) {
        let page = utoipa::openapi::ContentBuilder::new()
            .schema(Some(ObjectBuilder::new().schema_type(Type::String).build()))
            .build();
        response.content.insert("text/html".to_owned(), page.into());
    }
}
