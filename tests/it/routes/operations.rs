//! Every operation of the API, from its own description, so that a new route is
//! in the tables of the other files from its first day.

use std::collections::BTreeSet;

use callboard_api::auth::access::{Needs, RULES};
use callboard_tests::app::PASSWORD;
use serde_json::{Map, Value, json};

/// An id that nothing has.
pub(crate) const NOBODYS_ID: &str = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11";

/// One method of one path.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    pub(crate) method: String,
    /// The path with its parameters filled in.
    pub(crate) path: String,
    /// The path as the description has it.
    pub(crate) template: String,
    /// A JSON body that is fine, for what takes one: the examples of the description.
    pub(crate) good: Option<Value>,
    /// The fields of it that can't be left out.
    pub(crate) required: Vec<String>,
    /// All fields that the body may have.
    pub(crate) fields: BTreeSet<String>,
    /// The statuses that the description tells of.
    pub(crate) statuses: BTreeSet<u16>,
    /// Who may call.
    pub(crate) needs: Needs,
    /// Whether it takes query parameters.
    pub(crate) takes_query: bool,
}

/// All of them.
pub(crate) fn all() -> Vec<Operation> {
    let description = serde_json::to_value(callboard_api::router::description()).unwrap();
    let mut operations = Vec::new();
    for (template, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(statuses) = operation["responses"].as_object() else { continue };
            let method = method.to_uppercase();
            let rule = RULES.iter().find(|rule| rule.path == template && rule.method == method.as_str());
            let rule = rule.unwrap_or_else(|| panic!("{method} {template} has no row in auth/access.rs"));
            let schema = body_schema(&description, operation);
            operations.push(Operation {
                path: template.replace("{name}", "Ada").replace("{id}", NOBODYS_ID).replace("{provider}", "github"),
                good: schema.map(|schema| example(template, schema)),
                required: schema.map(|schema| required(template, schema)).unwrap_or_default(),
                fields: schema.map(|schema| members(&schema["properties"])).unwrap_or_default(),
                statuses: statuses.keys().map(|status| status.parse().unwrap()).collect(),
                needs: rule.needs,
                takes_query: rule.query,
                template: template.clone(),
                method,
            });
        }
    }
    operations
}

/// The schema of the JSON body that an operation takes.
fn body_schema<'a>(description: &'a Value, operation: &'a Value) -> Option<&'a Value> {
    let content = &operation["requestBody"]["content"];
    let schema = [&content["application/json"], &content["application/merge-patch+json"]]
        .into_iter()
        .find_map(|media| media.get("schema"))?;
    match schema["$ref"].as_str() {
        Some(reference) => description.pointer(reference.strip_prefix('#')?),
        None => Some(schema),
    }
}

/// A body of the examples that a schema gives, each of its required fields among them.
fn example(template: &str, schema: &Value) -> Value {
    if template == "/api/v1/auth/login" {
        return json!({ "login": "ada", "password": PASSWORD });
    }
    let mut body = Map::new();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let example = property.get("example").or_else(|| property["examples"].get(0));
        if let Some(example) = example {
            body.insert(name.clone(), example.clone());
        }
    }
    for name in required(template, schema) {
        assert!(body.contains_key(&name), "{template}: the body's field {name} has no example");
    }
    Value::Object(body)
}

fn required(template: &str, schema: &Value) -> Vec<String> {
    if template == "/api/v1/auth/login" {
        // One of `login` and `username`, which the schema can't say.
        return vec!["login".to_owned(), "password".to_owned()];
    }
    let names = schema["required"].as_array().into_iter().flatten();
    names.map(|name| name.as_str().unwrap().to_owned()).collect()
}

fn members(value: &Value) -> BTreeSet<String> {
    value.as_object().into_iter().flatten().map(|(name, _)| name.clone()).collect()
}
