//! The OpenAPI description: what is common to all routes. Each route describes
//! itself where its handler is; what follows from the table of routes
//! ([`access`](crate::auth::access)) is added here.

mod headers;
mod operations;
mod problems;
mod security;

use std::collections::BTreeSet;

use axum::http::Method;
use utoipa::{
    OpenApi,
    openapi::{OpenApi as Document, PathItem, RefOr, path::Operation},
};

use crate::{
    auth::access::{Needs, RULES, Rule},
    error::{FieldProblem, ProblemBody},
};

pub use problems::*;
use security::Schemes;

/// The description without its routes.
#[derive(Debug, OpenApi)]
#[openapi(
    info(
        title = "Callboard",
        description = "The back office of a talent agency as a REST API, and the job platform under it.\n\n\
            Every error is `application/problem+json` (RFC 9457) with a stable `code`; its `type` \
            leads to a page that explains it. Unknown fields and query parameters are refused.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    servers((url = "/", description = "This installation")),
    tags(
        (name = "accounts", description = "Clients, from the first contact on. A member sees their own, staff see all."),
        (name = "api-keys", description = "Keys by which services act for a user, within their scopes"),
        (name = "audit", description = "Who did what to what, when and from where; nothing in it is ever changed"),
        (name = "auth", description = "Registration, login, sessions, the second factor, and links in mails"),
        (name = "items", description = "The price list, which everybody may read"),
        (name = "jobs", description = "Work that requests have caused, how far it is, and what keeps it waiting"),
        (name = "profiles", description = "Contact people at clients; they can't log in"),
        (name = "queues", description = "Where jobs wait, and the workers that run them"),
        (name = "schedules", description = "Jobs by the clock"),
        (name = "service", description = "The service itself: its health, and the caller's limits"),
        (name = "users", description = "Who can log in, and what they may do"),
    ),
    components(schemas(ProblemBody, FieldProblem)),
    modifiers(&Schemes),
)]
pub struct Description;

/// What kind of operation this is, as its path and its answers tell.
#[derive(Debug, Clone, Copy)]
#[expect(clippy::struct_excessive_bools, reason = "four answers to four questions")]
struct Kind {
    /// A row that has an `ETag`.
    is_versioned: bool,
    /// Makes such a row.
    makes_versioned: bool,
    /// Takes an `Idempotency-Key`.
    is_idempotent: bool,
    /// May answer with a page for people.
    has_page: bool,
}

impl Kind {
    /// `versioned` are the paths of such rows.
    fn of(operation: &Operation, rule: &Rule, versioned: &BTreeSet<String>) -> Self {
        let makes = rule.method == Method::POST;
        let is_business = rule.needs != Needs::Anybody && !rule.path.starts_with("/api/v1/auth/");
        let mut answers = operation.responses.responses.values();
        Self {
            is_versioned: versioned.contains(rule.path),
            makes_versioned: makes && versioned.contains(&format!("{}/{{id}}", rule.path)),
            is_idempotent: makes && is_business,
            has_page: answers.any(|answer| matches!(answer, RefOr::T(it) if it.content.contains_key("text/html"))),
        }
    }
}

/// Completes the description once all routes are in it: who may call, the problems
/// and headers that every answer may have, what operations are called, and what
/// leads from one to the next.
pub fn complete(document: &mut Document) {
    let changed = document.paths.paths.iter().filter(|(_, item)| item.patch.is_some());
    let versioned: BTreeSet<String> = changed.map(|(path, _)| path.clone()).collect();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in each(item) {
            operations::name(operation, &method, path);
            operations::describe(operation);
            let Some(rule) = RULES.iter().find(|rule| rule.path == path && rule.method == method) else { continue };
            let kind = Kind::of(operation, rule, &versioned);
            problems::complete(operation, rule, kind.is_idempotent, kind.is_versioned);
            security::add(operation, rule);
            headers::add_request_headers(operation, rule, kind);
            headers::add_answer_headers(operation, rule, kind);
        }
    }
    operations::link(document);
    operations::show_bodies(document);
    operations::loosen_pages(document);
    let components = document.components.get_or_insert_default();
    headers::declare(components);
    problems::declare(components);
}

fn each(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let PathItem { get, put, post, delete, patch, .. } = item;
    let all = [
        (Method::GET, get),
        (Method::PUT, put),
        (Method::POST, post),
        (Method::DELETE, delete),
        (Method::PATCH, patch),
    ];
    all.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::router;

    /// The operations by name, with their methods and paths.
    fn described() -> Vec<(String, &'static Rule, Value)> {
        let mut document = router::description();
        let mut all = Vec::new();
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in each(item) {
                let rule = RULES.iter().find(|rule| rule.path == path && rule.method == method).unwrap();
                all.push((format!("{method} {path}"), rule, serde_json::to_value(operation).unwrap()));
            }
        }
        assert!(all.len() >= 70, "{}", all.len());
        all
    }

    fn refers(list: &Value, to: &str) -> bool {
        list.as_array().is_some_and(|list| list.iter().any(|it| it["$ref"].as_str().is_some_and(|it| it.ends_with(to))))
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_and_words_for_its_readers() {
        let mut names = BTreeSet::new();
        for (operation, _, it) in described() {
            assert!(names.insert(it["operationId"].as_str().unwrap().to_owned()), "{operation}: {}", it["operationId"]);
            assert!(!it.to_string().contains("# Errors"), "{operation} speaks to programmers of the API");
        }
    }

    #[test]
    fn what_makes_or_does_something_takes_an_idempotency_key() {
        for (operation, rule, it) in described() {
            let takes_key = refers(&it["parameters"], "/IdempotencyKey");
            let is_of_auth = rule.path.starts_with("/api/v1/auth/");
            let acts = rule.method == Method::POST && it["security"].is_array() && !is_of_auth;
            assert_eq!(takes_key, acts, "{operation}");
            let answer = ["200", "201", "202"].into_iter().find(|status| it["responses"][status].is_object());
            let headers = &it["responses"][answer.unwrap_or_default()]["headers"];
            assert_eq!(takes_key, headers["Idempotent-Replayed"].is_object(), "{operation}");
        }
    }

    #[test]
    fn a_row_has_a_version_that_its_readers_and_writers_may_name() {
        let mut versioned = 0;
        for (operation, rule, it) in described() {
            let answers = &it["responses"];
            assert_eq!(refers(&it["parameters"], "/IfMatch"), answers["412"].is_object(), "{operation}");
            assert_eq!(refers(&it["parameters"], "/IfNoneMatch"), answers["304"].is_object(), "{operation}");
            if answers["304"].is_object() {
                versioned += 1;
                assert!(answers["200"]["headers"]["ETag"].is_object() && rule.method == Method::GET, "{operation}");
            }
        }
        assert!(versioned >= 4, "{versioned}");
    }

    #[test]
    fn whoever_is_refused_is_told_what_to_do() {
        for (operation, _, it) in described() {
            for (status, header) in [("401", "WWW-Authenticate"), ("429", "Retry-After"), ("503", "Retry-After")] {
                let answer = &it["responses"][status];
                assert!(answer.is_null() || answer["headers"][header].is_object(), "{operation} {status}");
            }
        }
    }
}
