//! The description, against the running API and against its committed copy.

use std::collections::BTreeSet;
use std::path::Path;

use callboard_api::auth::access::{Needs, RULES};
use callboard_tests::app::{App, Send as _};
use callboard_tests::openapi_changes::breaking;
use serde_json::Value;

use super::operations;

/// Pages, which the description does not tell of.
const PAGES: [&str; 7] =
    ["/assets/page.css", "/docs", "/docs/{file}", "/openapi.json", "/problems", "/problems/{code}", "/redoc"];

#[tokio::test]
async fn the_description_has_exactly_the_routes_that_are_served() {
    let app = App::start().await;
    let document = app.get("/openapi.json").answer().await.expect(200);
    assert_eq!(document.header("content-type"), "application/json");
    let document = document.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"), "{}", document["openapi"]);
    assert!(document == serde_json::to_value(callboard_api::router::description()).unwrap(), "another description");

    let described: BTreeSet<String> =
        operations::all().iter().map(|operation| format!("{} {}", operation.method, operation.template)).collect();
    let rules = RULES.iter().filter(|rule| !PAGES.contains(&rule.path));
    let in_table: BTreeSet<String> = rules.map(|rule| format!("{} {}", rule.method, rule.path)).collect();
    assert_eq!(described, in_table);
    for operation in operations::all() {
        let answer = app.request(&operation.method, &operation.path).answer().await;
        let is_missing = answer.status == 405 || answer.text().contains("unknown_route");
        assert!(!is_missing, "{} {} is not served", operation.method, operation.path);
    }
}

/// A change of the description is seen in the commit that makes it. With
/// `UPDATE_DOCS=1` the copy is written anew; a change that clients trip over must
/// be declared: `UPDATE_DOCS=breaking`, and a line in the changelog.
#[test]
fn the_committed_copy_is_the_description() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let now = callboard_api::router::description().to_pretty_json().unwrap() + "\n";
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if now == committed {
        return;
    }
    let wish = std::env::var("UPDATE_DOCS").unwrap_or_default();
    let old: Value = serde_json::from_str(&committed).unwrap_or_default();
    let breaking = breaking(&old, &serde_json::from_str(&now).unwrap());
    assert!(
        breaking.is_empty() || wish == "breaking",
        "clients would trip over this; if it is meant, run with UPDATE_DOCS=breaking: {breaking:#?}"
    );
    assert!(!wish.is_empty(), "docs/openapi.json is not the API's description; run this test with UPDATE_DOCS=1");
    std::fs::write(&path, now).unwrap();
}

#[tokio::test]
async fn every_operation_tells_its_statuses_and_what_they_look_like() {
    let app = App::start().await;
    let document = app.get("/openapi.json").answer().await.json();
    for operation in operations::all() {
        let name = format!("{} {}", operation.method, operation.template);
        let described = &document["paths"][&operation.template][operation.method.to_lowercase()];
        assert!(described["summary"].is_string(), "{name} has no summary");
        assert!(operation.statuses.iter().any(|status| (200..400).contains(status)), "{name} never succeeds");
        assert!(operation.statuses.is_superset(&[500, 503].into()), "{name}: {:?}", operation.statuses);
        if operation.good.is_some() {
            assert!(operation.statuses.is_superset(&[400, 408, 413, 415, 422].into()), "{name}");
        }
        let is_closed = operation.needs != Needs::Anybody;
        assert_eq!(described["security"].is_array(), is_closed, "{name}");
        assert!(!is_closed || operation.statuses.is_superset(&[401, 403].into()), "{name}");
        for (status, response) in described["responses"].as_object().unwrap() {
            assert!(!response["description"].as_str().unwrap().is_empty(), "{name} {status}");
            assert!(response["headers"]["X-Request-ID"].is_object(), "{name} {status}");
            let is_error = status.as_str() >= "400";
            let has_body = response["content"].as_object().is_some_and(|content| !content.is_empty());
            assert!(has_body || ["204", "303", "304"].contains(&status.as_str()), "{name} {status} has no body");
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
