//! What is asked for: a path with a row that is there, and a body that is fine.

use callboard_api::auth::access::{RULES, Rule};
use callboard_queue::Cause;
use callboard_shared::jobs::VerifyAddress;
use callboard_tests::app::App;
use serde_json::{Value, json};
use uuid::Uuid;

const SCHEDULE: &str = "nightly";

/// Whether it is a list of rows of somebody.
pub(super) fn is_list(rule: &Rule) -> bool {
    let of_one = format!("{}/{{id}}", rule.path);
    rule.method == "GET" && RULES.iter().any(|other| other.path == of_one)
}

/// Whether it is about one row of somebody.
pub(super) fn is_of_a_row(rule: &Rule) -> bool {
    rule.path.contains("{id}")
}

/// The query that leaves this row of this owner in a list, and few others.
pub(super) fn narrowed(rule: &Rule, id: Uuid, owner: Uuid) -> String {
    if rule.path == "/api/v1/jobs" { format!("?owner={owner}") } else { format!("?id={id}") }
}

/// The path to a row of this owner.
pub(super) async fn path(app: &App, rule: &Rule, owner: Uuid) -> String {
    let path = match row(app, rule.path, owner).await {
        Some(id) => rule.path.replace("{id}", &id.to_string()),
        None => rule.path.to_owned(),
    };
    let path = path.replace("queues/{name}", "queues/mail");
    if path.contains("schedules/{name}") {
        app.declare_schedule(SCHEDULE).await;
    }
    let path = path.replace("schedules/{name}", &format!("schedules/{SCHEDULE}"));
    let given = [("{name}", "Ada"), ("{provider}", "github"), ("{file}", "swagger-ui.css"), ("{code}", "timeout")];
    given.iter().fold(path, |path, (name, value)| path.replace(name, value))
}

/// A new row of this owner of the kind that a path is about.
pub(super) async fn row(app: &App, path: &str, owner: Uuid) -> Option<Uuid> {
    let id = Uuid::now_v7();
    let (collection, verb) = path.split_once("/{id}")?;
    let insert = match collection {
        "/api/v1/accounts" => "INSERT INTO accounts (id, owner_id, account_name) VALUES ($1, $2, 'Studio')",
        "/api/v1/api-keys" => {
            "INSERT INTO api_keys (id, user_id, name, prefix, key_hash, scopes)
             VALUES ($1, $2, 'A service', 'cb_12345678', sha256($1::text::bytea), '{}')"
        }
        "/api/v1/auth/sessions" => {
            "INSERT INTO sessions (id, user_id, expires_at) VALUES ($1, $2, clock_timestamp() + interval '1 hour')"
        }
        "/api/v1/items" => {
            "INSERT INTO items (id, owner_id, title, price, currency) VALUES ($1, $2, 'Studio', 1000, 'KRW')"
        }
        "/api/v1/jobs" => {
            let id = job(app, owner).await;
            if verb == "/retry" {
                app.state().queue.cancel(id).await.unwrap();
            }
            return Some(id);
        }
        "/api/v1/profiles" => {
            "INSERT INTO profiles (id, owner_id, first_name, last_name) VALUES ($1, $2, 'Ada', 'Lovelace')"
        }
        "/api/v1/users" => return Some(owner),
        other => panic!("what is a row of {other}?"),
    };
    sqlx::query(insert).bind(id).bind(owner).execute(app.pool()).await.unwrap();
    Some(id)
}

async fn job(app: &App, owner: Uuid) -> Uuid {
    let cause = Cause { owner: Some(owner.to_string()), request_id: None, traceparent: None };
    let mut tx = app.state().queue.begin().await.unwrap().caused_by(cause);
    tx.enqueue(&VerifyAddress { user_id: owner, token_id: Uuid::now_v7() }).await.unwrap();
    tx.commit().await.unwrap();
    app.job_of(owner).await
}

/// A body that is fine where rows are concerned, and an empty one elsewhere: an
/// answer that asks for more has let the caller in.
pub(super) fn body(rule: &Rule) -> Option<Value> {
    let resource = rule.path.trim_start_matches("/api/v1/").split('/').next();
    Some(match (rule.method.as_str(), resource) {
        ("GET" | "DELETE", _) | ("POST", Some("jobs" | "queues" | "schedules")) => return None,
        (_, Some("accounts")) => json!({ "account_name": "Studio" }),
        (_, Some("api-keys")) => json!({ "name": "A service", "scopes": ["items:read"] }),
        (_, Some("items")) => json!({ "title": "Studio", "price": "1000" }),
        (_, Some("schedules")) => json!({ "enabled": false }),
        (_, Some("profiles")) => json!({ "first_name": "Ada", "last_name": "Lovelace" }),
        ("POST", Some("users")) => json!({ "email": format!("{}@example.com", Uuid::now_v7().simple()) }),
        (_, Some("users")) => json!({ "full_name": "Ada Lovelace" }),
        _ => json!({}),
    })
}
