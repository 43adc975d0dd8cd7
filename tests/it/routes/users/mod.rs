//! `/api/v1/users`.

mod delete;
mod get;
mod last_admin;
mod list;
mod me;
mod patch;
mod post;
mod put;
mod stamp;

use callboard_shared::{
    db::api_keys::{self, ApiKeyDraft},
    domain::{ApiKey, Scope},
};
use callboard_tests::{
    answer::Answer,
    app::{App, Person, Send as _},
};
use serde_json::Value;
use uuid::Uuid;

const PATH: &str = "/api/v1/users";

fn path(id: Uuid) -> String {
    format!("{PATH}/{id}")
}

/// A request with a JSON body.
async fn send(app: &App, method: &str, path: &str, by: &Person, body: &Value) -> Answer {
    app.request(method, path).bearer_auth(&by.token).json(body).answer().await
}

/// A request without one.
async fn call(app: &App, method: &str, path: &str, by: &Person) -> Answer {
    app.request(method, path).bearer_auth(&by.token).answer().await
}

/// A service that acts for this person with these scopes.
async fn key_of(app: &App, person: &Person, scopes: &[Scope]) -> Person {
    let key = ApiKey::generate();
    let draft = ApiKeyDraft { name: "Nightly".parse().unwrap(), scopes: scopes.to_vec(), expires_at: None };
    api_keys::insert(app.pool(), person.id, &key, &draft).await.unwrap();
    Person { id: person.id, token: key.expose() }
}

/// What the audit log has of this user's changes, as `actor action details`.
async fn audited(app: &App, subject: Uuid) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT actor || ' ' || action || ' ' || details::text FROM audit_log
         WHERE resource = 'user' AND resource_id = $1 AND action LIKE 'user.%' AND action <> 'user.registered'
         ORDER BY id",
    )
    .bind(subject)
    .fetch_all(app.pool())
    .await
    .unwrap()
}
