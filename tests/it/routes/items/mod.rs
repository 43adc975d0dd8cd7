//! `/api/v1/items`. What all resources have in common is tested here once.

mod cache;
mod delete;
mod get;
mod idempotency;
mod list;
mod pages;
mod patch;
mod post;
mod properties;
mod put;

use callboard_tests::{
    answer::Answer,
    app::{App, Person, Send as _},
};
use serde_json::{Value, json};

/// Makes one, and returns it.
async fn item(app: &App, owner: &Person, title: &str, price: &str) -> Value {
    let body = json!({ "title": title, "price": price });
    app.post("/api/v1/items", &body).bearer_auth(&owner.token).answer().await.expect(201).json()
}

/// The path of one.
fn path(item: &Value) -> String {
    format!("/api/v1/items/{}", item["id"].as_str().expect("an id"))
}

/// The page of items that this query asks for.
async fn page(app: &App, query: &str) -> Value {
    app.get(&format!("/api/v1/items?{query}")).answer().await.expect(200).json()
}

/// What a page has of one field, row by row.
fn column<'a>(page: &'a Value, name: &str) -> Vec<&'a str> {
    page["items"].as_array().expect("items").iter().map(|row| row[name].as_str().expect("text")).collect()
}

/// `PUT` or `PATCH` with this body, by this person.
async fn change(app: &App, method: &str, path: &str, by: &Person, body: &Value) -> Answer {
    app.request(method, path).bearer_auth(&by.token).json(body).answer().await
}
