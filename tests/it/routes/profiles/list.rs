use callboard_tests::app::{App, Person, Send as _};
use serde_json::{Value, json};

use super::{named, profile, send};
use crate::routes::accounts;

async fn names(app: &App, by: &Person, query: &str) -> Vec<String> {
    let page = send(app, "GET", &format!("/api/v1/profiles?sort=created_at&{query}"), by).await.expect(200).json();
    let rows = page["items"].as_array().unwrap();
    rows.iter().map(|row: &Value| row["full_name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn one_lists_ones_own_and_staff_list_all() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    named(&app, &ada, "지우", "김").await;
    named(&app, &eve, "Grace", "Hopper").await;
    assert_eq!(names(&app, &ada, "").await, ["김지우"]);
    assert_eq!(names(&app, &eve, "").await, ["Grace Hopper"]);
    assert_eq!(names(&app, &eve, "q=김").await, [""; 0]);
    assert_eq!(names(&app, &app.person("mia", "manager").await, "").await, ["김지우", "Grace Hopper"]);
    let _ = app.get("/api/v1/profiles").answer().await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn they_are_found_by_account_address_and_name() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let account = accounts::account(&app, &ada, json!({ "account_name": "Hangang Film" })).await;
    let body =
        json!({ "first_name": "지우", "last_name": "김", "email": "Jiwoo@example.com", "account_id": account["id"] });
    profile(&app, &ada, body).await;
    named(&app, &ada, "지우", "이").await;
    named(&app, &ada, "Grace", "Hopper").await;
    let account = account["id"].as_str().unwrap();
    for (query, found) in [
        (&*format!("account_id={account}"), &["김지우"][..]),
        ("email=jiwoo@EXAMPLE.com", &["김지우"]),
        ("email=jiwoo", &[]),
        ("full_name=이지우", &["이지우"]),
        ("q=지우", &["김지우", "이지우"]),
        ("q=hop", &["Grace Hopper"]),
        ("q=_", &[]),
    ] {
        assert_eq!(names(&app, &ada, query).await, found, "{query}");
    }
    for (query, code, error) in [
        ("account_id=x", "invalid_parameter", "account_id invalid_value"),
        ("sort=email", "invalid_parameter", "sort invalid_sort"),
        ("phone=010", "unknown_parameter", "phone unknown_parameter"),
    ] {
        let answer = send(&app, "GET", &format!("/api/v1/profiles?{query}"), &ada).await;
        assert_eq!(answer.problem(400, code).errors(), [error]);
    }
}

#[tokio::test]
async fn pages_go_by_name_in_both_scripts() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for (first, last) in [("지우", "김"), ("Ada", "King"), ("민준", "박"), ("ada", "King"), ("서연", "이")] {
        named(&app, &ada, first, last).await;
    }
    let whole = send(&app, "GET", "/api/v1/profiles?sort=full_name", &ada).await.json()["items"].clone();
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/profiles?sort=full_name&limit=2{cursor}");
        let page = send(&app, "GET", &path, &ada).await.expect(200).json();
        pages.extend(page["items"].as_array().unwrap().clone());
        let Some(next) = page["next_cursor"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    assert_eq!(Value::Array(pages), whole);
}
