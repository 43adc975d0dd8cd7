//! The description, against the running API.

use std::collections::BTreeSet;

use callboard_tests::app::{App, Send as _};
use serde_json::Value;

use super::operations;

/// The URL table as the issue that built it has it. A new route is added here.
const ROUTES: [&str; 13] = [
    "GET /",
    "GET /api/v1/auth/me",
    "GET /api/v1/auth/verify-email",
    "GET /api/v1/hello",
    "GET /api/v1/hello/{name}",
    "GET /api/v1/jobs/{id}",
    "GET /health",
    "GET /livez",
    "GET /readyz",
    "POST /api/v1/auth/login",
    "POST /api/v1/auth/register",
    "POST /api/v1/auth/resend-verification",
    "POST /api/v1/auth/verify-email",
];

#[tokio::test]
async fn the_description_has_exactly_the_routes_that_are_served() {
    let app = App::start().await;
    let document = app.get("/openapi.json").answer().await.expect(200);
    assert_eq!(document.header("content-type"), "application/json");
    let document = document.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);

    let described: BTreeSet<String> =
        operations::all().iter().map(|operation| format!("{} {}", operation.method, operation.template)).collect();
    assert_eq!(described, ROUTES.map(str::to_owned).into());
    assert!(document == serde_json::to_value(callboard_api::router::description()).unwrap(), "another description");
    for operation in operations::all() {
        let answer = app.request(&operation.method, &operation.path).answer().await;
        let is_missing = answer.status == 405 || answer.text().contains("unknown_route");
        assert!(!is_missing, "{} {} is not served", operation.method, operation.path);
    }
}

#[tokio::test]
async fn every_operation_tells_its_statuses_and_what_they_look_like() {
    let app = App::start().await;
    let document = app.get("/openapi.json").answer().await.json();
    for operation in operations::all() {
        let name = format!("{} {}", operation.method, operation.template);
        let described = &document["paths"][&operation.template][operation.method.to_lowercase()];
        assert!(operation.statuses.iter().any(|status| (200..300).contains(status)), "{name} never succeeds");
        assert!(operation.statuses.is_superset(&[500, 503].into()), "{name}: {:?}", operation.statuses);
        if operation.good.is_some() {
            assert!(operation.statuses.is_superset(&[400, 408, 413, 415, 422].into()), "{name}");
            assert!(described["requestBody"]["content"]["application/json"]["schema"].is_object(), "{name}");
        }
        assert_eq!(
            described["security"].is_array(),
            operation.statuses.contains(&401) && operation.method == "GET",
            "{name}"
        );
        for (status, response) in described["responses"].as_object().unwrap() {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{name} {status}");
            assert!(response["headers"]["X-Request-ID"].is_object(), "{name} {status}");
            assert!(!response["content"].as_object().unwrap().is_empty(), "{name} {status}");
            let is_error = status.as_str() >= "400";
            let is_problem = response["content"]["application/problem+json"].is_object();
            assert!(is_problem == is_error || operation.template == "/health", "{name} {status}");
        }
    }
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    let app = App::start().await;
    let document = app.get("/openapi.json").answer().await.json();
    let mut references = BTreeSet::new();
    collect(&document, &mut references);
    assert!(references.contains("#/components/schemas/Problem"), "{references:?}");
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

/// `callboard-api openapi` prints the same, so that a copy can be kept.
#[tokio::test]
async fn the_command_prints_the_same_description() {
    let app = App::start().await;
    let served = app.get("/openapi.json").answer().await.json();
    let (status, printed) = callboard_tests::process::Program::new("callboard-api").argument("openapi").run().await;
    assert!(status.success(), "{printed}");
    assert!(serde_json::from_str::<Value>(&printed).unwrap() == served, "another description");
}
