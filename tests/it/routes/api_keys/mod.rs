//! `/api/v1/api-keys`

mod delete;
mod get;
mod post;
mod usage;

use callboard_tests::app::{App, Person, Send as _};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/api-keys";

/// Makes a key with these scopes; returns it as the answer shows it.
async fn make(app: &App, person: &Person, scopes: &[&str]) -> Value {
    let body = json!({ "name": "Nightly import", "scopes": scopes });
    app.post(PATH, &body).bearer_auth(&person.token).answer().await.expect(201).json()
}

/// The key itself.
fn key_of(made: &Value) -> &str {
    made["key"].as_str().unwrap()
}
