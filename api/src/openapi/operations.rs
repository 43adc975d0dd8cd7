//! What operations are called, what follows them, and what their bodies look like.

use std::collections::BTreeMap;

use axum::http::Method;
use serde_json::{Map, Value, json};
use utoipa::openapi::{
    OpenApi as Document, RefOr,
    link::{Link, LinkBuilder},
    path::Operation,
    schema::{ArrayItems, Schema},
};

use super::each;

/// The part of a path that names one row.
const ONE: &str = "/{id}";

/// The same where rows have names.
const NAMED: &str = "/{name}";

/// Gives an operation the name that generated clients call it by. What its handler
/// is called is unique in its module alone.
pub(super) fn name(operation: &mut Operation, method: &Method, path: &str) {
    let own = operation.operation_id.take().unwrap_or_default();
    let nouns = path
        .trim_start_matches("/api/v1")
        .replace(&format!("s{ONE}"), "")
        .replace(&format!("s{NAMED}"), "")
        .split('/')
        .filter(|part| !["", "auth", "{provider}"].contains(part))
        .map(|part| part.trim_matches(['{', '}']).replace('-', "_"))
        .collect::<Vec<_>>()
        .join("_");
    let one = nouns.strip_suffix('s').unwrap_or(&nouns).to_owned();
    let is_action = path.starts_with("/api/v1/auth/");
    let acted_on = nouns.strip_suffix(&format!("_{own}")).filter(|_| method == Method::POST && !is_action);
    let name = acted_on.map(|acted_on| format!("{own}_{acted_on}"));
    let name = name.unwrap_or_else(|| match (method, own.as_str()) {
        _ if nouns.is_empty() => own,
        (_, "page") => format!("{nouns}_page"),
        (_, "list" | "begin" | "unlink" | "revoke" | "replace" | "update") => format!("{own}_{nouns}"),
        (&Method::POST, _) if is_action => nouns,
        (&Method::POST, _) => format!("create_{one}"),
        (&Method::DELETE, "revoke_others") => format!("revoke_other_{nouns}"),
        (&Method::DELETE, _) => format!("delete_{nouns}"),
        _ => format!("get_{nouns}"),
    });
    operation.operation_id = Some(name);
}

/// Takes out of the words what the source's documentation has for programmers: the
/// statuses are told where they are described.
pub(super) fn describe(operation: &mut Operation) {
    let told = operation.description.take().unwrap_or_default();
    let told = told.split("# Errors").next().unwrap_or_default().trim();
    operation.description = Some(told.to_owned()).filter(|told| !told.is_empty());
}

/// Links what is made to what can be done with it, and a login to its renewal.
pub(super) fn link(document: &mut Document) {
    let mut links: BTreeMap<String, BTreeMap<String, RefOr<Link>>> = BTreeMap::new();
    for (path, item) in &mut document.paths.paths {
        let Some(collection) = path.strip_suffix(ONE) else { continue };
        for id in each(item).filter_map(|(_, operation)| operation.operation_id.clone()) {
            links.entry(collection.to_owned()).or_default().insert(id.clone(), link_to(&id).into());
        }
    }
    for (path, item) in &mut document.paths.paths {
        let Some(links) = links.get(path) else { continue };
        let made = item.post.as_mut().and_then(|operation| operation.responses.responses.get_mut("201"));
        if let Some(RefOr::T(made)) = made {
            made.links.extend(links.clone());
        }
    }
    let login = document.paths.paths.get_mut("/api/v1/auth/login").and_then(|item| item.post.as_mut());
    if let Some(RefOr::T(tokens)) = login.and_then(|login| login.responses.responses.get_mut("200")) {
        let body = json!({ "refresh_token": "$response.body#/refresh_token" });
        let link = LinkBuilder::new().operation_id("refresh").request_body(Some(body)).build();
        tokens.links.insert("refresh".to_owned(), link.into());
    }
}

fn link_to(operation_id: &str) -> Link {
    LinkBuilder::new().operation_id(operation_id).parameter("id", "$response.body#/id").build()
}

/// Shows a whole body where each field that can't be left out has an example.
pub(super) fn show_bodies(document: &mut Document) {
    let Some(components) = &document.components else { return };
    let examples: BTreeMap<String, Value> = components
        .schemas
        .iter()
        .filter_map(|(name, schema)| Some((format!("#/components/schemas/{name}"), example(schema)?)))
        .collect();
    for item in document.paths.paths.values_mut() {
        for (_, operation) in each(item) {
            let Some(RefOr::T(body)) = &mut operation.request_body else { continue };
            for content in body.content.values_mut() {
                let RefOr::T(content) = content else { continue };
                if let Some(RefOr::Ref(schema)) = &content.schema {
                    content.example = examples.get(&schema.ref_location).cloned();
                }
            }
        }
    }
}

fn example(schema: &RefOr<Schema>) -> Option<Value> {
    let RefOr::T(Schema::Object(object)) = schema else { return None };
    let mut body = Map::new();
    for (name, property) in &object.properties {
        let example = match property {
            RefOr::T(Schema::Object(it)) => it.example.as_ref().or_else(|| it.examples.first()),
            RefOr::T(Schema::Array(it)) => it.example.as_ref().or_else(|| it.examples.first()),
            _ => None,
        };
        body.extend(example.map(|example| (name.clone(), example.clone())));
    }
    let is_whole = object.required.iter().all(|name| body.contains_key(name));
    (is_whole && !body.is_empty()).then_some(Value::Object(body))
}

/// With `fields`, the rows of a page have only those: none is always there.
pub(super) fn loosen_pages(document: &mut Document) {
    let Some(components) = &mut document.components else { return };
    for (name, schema) in &mut components.schemas {
        let RefOr::T(Schema::Object(page)) = schema else { continue };
        let Some(RefOr::T(Schema::Array(rows))) = page.properties.get_mut("items") else { continue };
        if name.starts_with("Page_")
            && let ArrayItems::RefOrSchema(row) = &mut rows.items
            && let RefOr::T(Schema::Object(row)) = &mut **row
        {
            row.required.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_by_what_they_do() {
        for (method, path, own, expected) in [
            (Method::GET, "/", "welcome", "welcome"),
            (Method::GET, "/api/v1/items", "list", "list_items"),
            (Method::POST, "/api/v1/items", "create", "create_item"),
            (Method::PUT, "/api/v1/items/{id}", "replace", "replace_item"),
            (Method::GET, "/api/v1/hello/{name}", "hello_name", "get_hello_name"),
            (Method::POST, "/api/v1/auth/login/totp", "login", "login_totp"),
            (Method::DELETE, "/api/v1/auth/sessions/{id}", "revoke", "revoke_session"),
            (Method::GET, "/api/v1/auth/oauth/{provider}", "begin", "begin_oauth"),
            (Method::GET, "/api/v1/auth/verify-email", "page", "verify_email_page"),
            (Method::POST, "/api/v1/jobs/{id}/cancel", "cancel", "cancel_job"),
            (Method::GET, "/api/v1/jobs/{id}/why", "why", "get_job_why"),
            (Method::GET, "/api/v1/queues/{name}", "show", "get_queue"),
            (Method::PATCH, "/api/v1/schedules/{name}", "update", "update_schedule"),
            (Method::POST, "/api/v1/schedules/{name}/run", "run", "run_schedule"),
        ] {
            let mut operation = Operation::new();
            operation.operation_id = Some(own.to_owned());
            name(&mut operation, &method, path);
            assert_eq!(operation.operation_id.as_deref(), Some(expected), "{method} {path}");
        }
    }
}
