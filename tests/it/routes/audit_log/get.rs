use callboard_tests::app::{App, Person, Send as _};
use serde_json::{Value, json};

const PATH: &str = "/api/v1/audit-log";

async fn read(app: &App, by: &Person, query: &str) -> Vec<Value> {
    let answer = app.get(&format!("{PATH}?{query}")).bearer_auth(&by.token).answer().await.expect(200);
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_admin_reads_who_did_what() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    let item = app
        .post("/api/v1/items", &json!({ "title": "Studio", "price": "1000" }))
        .bearer_auth(&ada.token)
        .header("x-request-id", "r-1")
        .answer()
        .await
        .expect(201)
        .json();

    let entries = read(&app, &root, "action=item.created").await;
    assert_eq!(entries.len(), 1, "{entries:?}");
    let entry = &entries[0];
    assert_eq!(entry["actor"], format!("user:{}", ada.id));
    assert_eq!((&entry["resource"], &entry["resource_id"]), (&json!("item"), &item["id"]));
    assert_eq!((&entry["ip"], &entry["request_id"]), (&json!("127.0.0.1"), &json!("r-1")));
    let id = item["id"].as_str().unwrap();
    for query in ["request_id=r-1", &format!("resource_id={id}"), &format!("actor=user:{}&resource=item", ada.id)] {
        assert_eq!(read(&app, &root, query).await, entries, "{query}");
    }
    let (at, all) = (entry["at"].as_str().unwrap(), read(&app, &root, "").await);
    assert!(all.is_sorted_by(|one, next| one["at"].as_str() >= next["at"].as_str()), "{all:?}");
    let (before, since) = (format!("at_lt={at}"), format!("at_gte={at}"));
    let (before, since) = (read(&app, &root, &before).await, read(&app, &root, &since).await);
    assert_eq!([since, before].concat(), all);
}

/// Nobody's registration is missing, and reading leaves no trace.
#[tokio::test]
async fn registrations_are_in_it_and_readings_are_not() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    let ada = app.register("ada@example.com").await;
    let entries = read(&app, &root, &format!("resource_id={ada}&action=user.registered")).await;
    assert_eq!((entries.len(), &entries[0]["actor"]), (1, &json!(format!("user:{ada}"))));
    let before = app.count("SELECT count(*) FROM audit_log").await;
    read(&app, &root, "").await;
    assert_eq!(app.count("SELECT count(*) FROM audit_log").await, before);
}

#[tokio::test]
async fn only_admins_may() {
    let app = App::start().await;
    for role in ["member", "manager"] {
        let by = app.person(role, role).await;
        let _ = app.get(PATH).bearer_auth(&by.token).answer().await.problem(403, "forbidden");
    }
    let _ = app.get(PATH).answer().await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn it_holds_no_personal_data_and_no_secret() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    let body = json!({ "email": "ada@example.com", "full_name": "Ada Lovelace", "phone": "01012345678" });
    let _ = app.post("/api/v1/users", &body).bearer_auth(&root.token).answer().await.expect(201);
    let body = json!({ "full_name": "Root Person" });
    let _ = app.request("PATCH", "/api/v1/users/me").bearer_auth(&root.token).json(&body).answer().await.expect(200);
    let shown = serde_json::to_string(&read(&app, &root, "").await).unwrap();
    for secret in ["example.com", "Lovelace", "Person", "010-1234", "argon2", &root.token] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}

#[tokio::test]
async fn odd_parameters_are_refused() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    for query in ["limit=0", "limit=101", "sort=actor", "q=x", "details=x", "at_gte=yesterday", "resource_id=1"] {
        let answer = app.get(&format!("{PATH}?{query}")).bearer_auth(&root.token).answer().await;
        assert_eq!(answer.any_problem().0["status"], 400, "{query}");
    }
}
