//! `/api/v1/profiles`: what is special about them. What all resources have in
//! common is in `items`.

mod delete;
mod get;
mod list;
mod patch;
mod post;
mod put;

use callboard_tests::{
    answer::Answer,
    app::{App, Person, Send as _},
};
use serde_json::{Value, json};

/// Makes one by this body, and returns it.
pub(super) async fn profile(app: &App, owner: &Person, body: Value) -> Value {
    app.post("/api/v1/profiles", &body).bearer_auth(&owner.token).answer().await.expect(201).json()
}

/// Makes one of this name, and returns it.
async fn named(app: &App, owner: &Person, first_name: &str, last_name: &str) -> Value {
    profile(app, owner, json!({ "first_name": first_name, "last_name": last_name })).await
}

fn path(profile: &Value) -> String {
    format!("/api/v1/profiles/{}", profile["id"].as_str().expect("an id"))
}

/// A request without a body, by this person.
async fn send(app: &App, method: &str, path: &str, by: &Person) -> Answer {
    app.request(method, path).bearer_auth(&by.token).answer().await
}

/// A request with this body, by this person.
async fn change(app: &App, method: &str, path: &str, by: &Person, body: &Value) -> Answer {
    app.request(method, path).bearer_auth(&by.token).json(body).answer().await
}
