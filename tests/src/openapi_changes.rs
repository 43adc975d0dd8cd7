//! What of a change of the OpenAPI description breaks clients.

use std::collections::BTreeSet;

use serde_json::Value;

/// The changes from `old` to `new` that a client of `old` may trip over: what it
/// calls or reads is gone, or what it sends is no longer enough.
#[must_use]
pub fn breaking(old: &Value, new: &Value) -> Vec<String> {
    let mut found = Vec::new();
    for (path, item) in members(&old["paths"]) {
        for (method, operation) in members(item) {
            let name = format!("{} {path}", method.to_uppercase());
            match new["paths"][path].get(method) {
                Some(now) => compare_operations(&name, operation, now, &mut found),
                None => found.push(format!("{name} is gone")),
            }
        }
    }
    for (name, schema) in members(&old["components"]["schemas"]) {
        match new["components"]["schemas"].get(name) {
            Some(now) => compare_schemas(name, schema, now, &mut found),
            None => found.push(format!("the schema {name} is gone")),
        }
    }
    found
}

fn compare_operations(name: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    let parameters = |operation: &Value, only_required: bool| -> BTreeSet<String> {
        let all = operation["parameters"].as_array().into_iter().flatten();
        all.filter(|it| !only_required || it["required"] == true)
            .map(|it| format!("{} {}", it["in"].as_str().unwrap_or_default(), it["name"].as_str().unwrap_or_default()))
            .collect()
    };
    for gone in parameters(old, false).difference(&parameters(new, false)) {
        found.push(format!("{name}: the parameter {gone} is gone"));
    }
    for wanted in parameters(new, true).difference(&parameters(old, true)) {
        found.push(format!("{name}: the parameter {wanted} is required now"));
    }
    for (status, _) in members(&old["responses"]).filter(|(status, _)| status.starts_with('2')) {
        if new["responses"].get(status).is_none() {
            found.push(format!("{name}: the answer {status} is gone"));
        }
    }
    for (media, _) in members(&old["requestBody"]["content"]) {
        if new["requestBody"]["content"].get(media).is_none() {
            found.push(format!("{name}: a body of {media} is no longer taken"));
        }
    }
}

fn compare_schemas(name: &str, old: &Value, new: &Value, found: &mut Vec<String>) {
    for (property, schema) in members(&old["properties"]) {
        match new["properties"].get(property) {
            Some(now) if now["type"] != schema["type"] => {
                found.push(format!("{name}.{property} is {} now, and was {}", now["type"], schema["type"]));
            }
            Some(_) => {}
            None => found.push(format!("{name}.{property} is gone")),
        }
    }
    let required = |schema: &Value| -> BTreeSet<String> {
        let names = schema["required"].as_array().into_iter().flatten();
        names.filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    };
    // Of an answer a property that is always there breaks nobody.
    if name.ends_with("Body") || name.ends_with("Form") {
        for wanted in required(new).difference(&required(old)) {
            found.push(format!("{name}.{wanted} is required now"));
        }
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    value.as_object().into_iter().flatten().map(|(name, value)| (name.as_str(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_clients_trip_over_is_named() {
        let old = json!({
            "paths": { "/a": { "get": { "parameters": [{ "in": "query", "name": "q" }], "responses": { "200": {} } },
                               "post": { "requestBody": { "content": { "application/json": {} } } } } },
            "components": { "schemas": { "ItemBody": { "properties": { "title": { "type": "string" }, "n": {} } } } },
        });
        assert_eq!(breaking(&old, &old), Vec::<String>::new());
        let new = json!({
            "paths": { "/a": { "get": { "parameters": [{ "in": "query", "name": "r", "required": true }],
                                        "responses": { "202": {} } } } },
            "components": { "schemas": { "ItemBody": {
                "properties": { "title": { "type": "integer" } }, "required": ["title"] } } },
        });
        assert_eq!(
            breaking(&old, &new),
            [
                "GET /a: the parameter query q is gone",
                "GET /a: the parameter query r is required now",
                "GET /a: the answer 200 is gone",
                "POST /a is gone",
                "ItemBody.n is gone",
                "ItemBody.title is \"integer\" now, and was \"string\"",
                "ItemBody.title is required now",
            ]
        );
    }
}
