//! `Idempotency-Key`: sent twice, done once.

use callboard_tests::{
    answer::Answer,
    app::{App, Person, Send as _},
};
use serde_json::{Value, json};

use super::{change, path};

async fn post(app: &App, by: &Person, key: &str, body: &Value) -> Answer {
    app.post("/api/v1/items", body).bearer_auth(&by.token).header("idempotency-key", key).answer().await
}

fn studio() -> Value {
    json!({ "title": "Studio", "price": "1000" })
}

async fn items(app: &App) -> i64 {
    app.count("SELECT count(*) FROM items").await
}

#[tokio::test]
async fn a_repeated_request_gets_the_answer_of_the_first() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let first = post(&app, &ada, "k-1", &studio()).await.expect(201);
    assert_eq!(first.header("idempotent-replayed"), "");
    // What became of the item since is another matter.
    let _ = change(&app, "PATCH", &path(&first.json()), &ada, &json!({ "price": "5" })).await.expect(200);
    // A new login is the same person.
    let again = Person { id: ada.id, token: app.login("ada").await };
    for by in [&ada, &again] {
        let replay = post(&app, by, "k-1", &studio()).await.expect(201);
        assert_eq!(replay.header("idempotent-replayed"), "true");
        assert_eq!(replay.body, first.body);
        for header in ["location", "etag", "content-type"] {
            assert_eq!(replay.header(header), first.header(header), "{header}");
        }
    }
    assert_eq!(items(&app).await, 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'item.created'").await, 1);
}

#[tokio::test]
async fn another_body_under_the_same_key_is_refused() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let _ = post(&app, &ada, "k-1", &studio()).await.expect(201);
    let other = json!({ "title": "Studio", "price": "1001" });
    let _ = post(&app, &ada, "k-1", &other).await.problem(422, "idempotency_key_reused");
    let _ = post(&app, &ada, "k-2", &other).await.expect(201);
    assert_eq!(items(&app).await, 2);
}

/// The key is a person's own, and a route's.
#[tokio::test]
async fn the_same_key_of_somebody_else_or_elsewhere_is_another() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let of_ada = post(&app, &ada, "k-1", &studio()).await.expect(201).json();
    let answer = post(&app, &eve, "k-1", &studio()).await.expect(201);
    assert_eq!(answer.header("idempotent-replayed"), "");
    assert_ne!(answer.json()["id"], of_ada["id"]);
    let account = app.post("/api/v1/accounts", &json!({ "account_name": "Hangang Film" })).bearer_auth(&ada.token);
    let answer = account.header("idempotency-key", "k-1").answer().await.expect(201);
    assert_eq!(answer.header("idempotent-replayed"), "");
}

#[tokio::test]
async fn while_the_first_is_in_flight_the_second_is_told_to_come_back() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    // Holds the key as a request under way does.
    let mut first = app.pool().begin().await.unwrap();
    sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended(concat_ws(' ', $1, $2, $3), 0))")
        .bind(format!("user:{}", ada.id))
        .bind("POST /api/v1/items")
        .bind("k-1")
        .execute(&mut *first)
        .await
        .unwrap();
    let answer = post(&app, &ada, "k-1", &studio()).await;
    let _ = answer.problem(409, "idempotency_in_flight");
    assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    let _ = post(&app, &ada, "k-2", &studio()).await.expect(201);
    first.rollback().await.unwrap();
    let answer = post(&app, &ada, "k-1", &studio()).await.expect(201);
    assert_eq!(answer.header("idempotent-replayed"), "", "the first has done nothing");
}

#[tokio::test]
async fn what_was_refused_is_not_stored() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let bad = json!({ "title": "Studio", "price": "0" });
    let _ = post(&app, &ada, "k-1", &bad).await.problem(422, "validation_failed");
    let _ = post(&app, &ada, "k-1", &bad).await.problem(422, "validation_failed");
    let nowhere = json!({ "account_name": "a", "profile_id": ada.id });
    for _ in 0..2 {
        let request = app.post("/api/v1/accounts", &nowhere).bearer_auth(&ada.token).header("idempotency-key", "k-1");
        let _ = request.answer().await.problem(422, "validation_failed");
    }
    assert_eq!(app.count("SELECT count(*) FROM idempotency_keys").await, 0);
    let answer = post(&app, &ada, "k-1", &studio()).await.expect(201);
    assert_eq!(answer.header("idempotent-replayed"), "");
}

#[tokio::test]
async fn after_a_day_a_key_is_new_again() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let first = post(&app, &ada, "k-1", &studio()).await.expect(201).json();
    let kept: bool = sqlx::query_scalar(
        "SELECT expires_at BETWEEN clock_timestamp() + interval '23 hours 59 minutes'
                               AND clock_timestamp() + interval '24 hours' FROM idempotency_keys",
    )
    .fetch_one(app.pool())
    .await
    .unwrap();
    assert!(kept, "for 24 hours");
    sqlx::query("UPDATE idempotency_keys SET expires_at = clock_timestamp()").execute(app.pool()).await.unwrap();
    let other = json!({ "title": "Set", "price": "5" });
    let second = post(&app, &ada, "k-1", &other).await.expect(201);
    assert_eq!(second.header("idempotent-replayed"), "");
    assert_ne!(second.json()["id"], first["id"]);
    assert_eq!(post(&app, &ada, "k-1", &other).await.expect(201).header("idempotent-replayed"), "true");
    assert_eq!(items(&app).await, 2);
}

#[tokio::test]
async fn a_key_is_short_and_printable() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let _ = post(&app, &ada, &"k".repeat(255), &studio()).await.expect(201);
    for key in ["", " ", "a b", &"k".repeat(256)] {
        let _ = post(&app, &ada, key, &studio()).await.problem(400, "invalid_idempotency_key");
    }
    let twice = app.post("/api/v1/items", &studio()).bearer_auth(&ada.token);
    let twice = twice.header("idempotency-key", "a").header("idempotency-key", "b").answer().await;
    let _ = twice.problem(400, "invalid_idempotency_key");
    assert_eq!(items(&app).await, 1);
}
