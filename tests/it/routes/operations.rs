//! Every operation of the API, from its own description, so that a new route is
//! in the tables of the other files from its first day.

use std::collections::BTreeSet;

use callboard_tests::app::PASSWORD;
use serde_json::{Value, json};

/// One method of one path.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: String,
    /// The path with its parameters filled in.
    pub(crate) path: String,
    /// The path as the description has it.
    pub(crate) template: String,
    /// A JSON body that is fine, for what takes one.
    pub(crate) good: Option<Value>,
    /// The fields of it that can't be left out.
    pub(crate) required: &'static [&'static str],
    /// The statuses that the description tells of.
    pub(crate) statuses: BTreeSet<u16>,
}

/// All of them.
pub(crate) fn all() -> Vec<Operation> {
    let description = serde_json::to_value(callboard_api::router::description()).unwrap();
    let mut operations = Vec::new();
    for (template, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(statuses) = operation["responses"].as_object() else { continue };
            let (good, required) = body_of(method, template).unzip();
            operations.push(Operation {
                method: method.to_uppercase(),
                path: template.replace("{name}", "Ada").replace("{id}", "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11"),
                template: template.clone(),
                good,
                required: required.unwrap_or_default(),
                statuses: statuses.keys().map(|status| status.parse().unwrap()).collect(),
            });
        }
    }
    operations
}

/// A body that is fine, and what of it can't be left out.
fn body_of(method: &str, template: &str) -> Option<(Value, &'static [&'static str])> {
    match (method, template) {
        ("get", _) => None,
        ("post", "/api/v1/auth/register") => Some((
            json!({ "email": "ada@example.com", "password": PASSWORD, "username": "ada", "full_name": "Ada King", "locale": "en" }),
            &["email", "password"],
        )),
        ("post", "/api/v1/auth/login") => {
            Some((json!({ "login": "ada", "password": PASSWORD }), &["login", "password"]))
        }
        ("post", "/api/v1/auth/resend-verification") => Some((json!({ "email": "ada@example.com" }), &["email"])),
        ("post", "/api/v1/auth/verify-email") => Some((json!({ "token": "t" }), &["token"])),
        _ => panic!("say here what a good body of {method} {template} is"),
    }
}
