use callboard_tests::app::{App, Person, Send as _};
use serde_json::{Value, json};

use super::{account, contact, named, send};

async fn names(app: &App, by: &Person, query: &str) -> Vec<String> {
    let page = send(app, "GET", &format!("/api/v1/accounts?sort=created_at&{query}"), by).await.expect(200).json();
    let rows = page["items"].as_array().unwrap();
    rows.iter().map(|row: &Value| row["account_name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn one_lists_ones_own_and_staff_list_all() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    for (owner, name) in [(&ada, "a1"), (&eve, "e1"), (&ada, "a2")] {
        named(&app, owner, name).await;
    }
    assert_eq!(names(&app, &ada, "").await, ["a1", "a2"]);
    assert_eq!(names(&app, &eve, "").await, ["e1"]);
    assert_eq!(names(&app, &eve, &format!("owner_id={}", ada.id)).await, [""; 0], "a filter opens nothing");
    for role in ["manager", "admin"] {
        let staff = app.person(role, role).await;
        assert_eq!(names(&app, &staff, "").await, ["a1", "e1", "a2"]);
        assert_eq!(names(&app, &staff, &format!("owner_id={}", eve.id)).await, ["e1"]);
    }
    let page = send(&app, "GET", "/api/v1/accounts?count=exact&limit=1", &ada).await.json();
    assert_eq!(page["total"], 2, "strangers' rows are not counted");
    let next = page["next_cursor"].as_str().unwrap();
    let stolen = send(&app, "GET", &format!("/api/v1/accounts?cursor={next}"), &eve).await.expect(200).json();
    assert!(stolen["items"].as_array().unwrap().iter().all(|row| row["owner_id"] == eve.id.to_string()));
    let _ = app.get("/api/v1/accounts").answer().await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn they_are_found_by_contact_type_and_text() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let contact = contact(&app, &ada).await;
    account(&app, &ada, json!({ "account_name": "한강필름", "profile_id": contact, "account_type": "Customer" })).await;
    account(&app, &ada, json!({ "account_name": "Seoul Ads", "notes": "한강 근처, 50% off" })).await;
    account(&app, &ada, json!({ "account_name": "Busan Ads", "account_type": "Customer" })).await;
    let contact = contact.as_str().unwrap();
    for (query, found) in [
        (&*format!("profile_id={contact}"), &["한강필름"][..]),
        ("account_type=Customer", &["한강필름", "Busan Ads"]),
        ("account_type=Partner", &[]),
        ("account_name=Busan Ads", &["Busan Ads"]),
        ("q=한강", &["한강필름", "Seoul Ads"]),
        ("q=ads&account_type=Customer", &["Busan Ads"]),
        ("q=50%25", &["Seoul Ads"]),
        ("created_at_lt=2020-01-01T00:00:00Z", &[]),
    ] {
        assert_eq!(names(&app, &ada, query).await, found, "{query}");
    }
    let by_name =
        send(&app, "GET", "/api/v1/accounts?sort=-account_name&limit=2&fields=account_name", &ada).await.json();
    assert_eq!(by_name["items"].as_array().unwrap().len(), 2);
    for (query, error) in [
        ("account_type=customer", "account_type invalid_value"),
        ("profile_id=5", "profile_id invalid_value"),
        ("sort=website", "sort invalid_sort"),
    ] {
        let answer = send(&app, "GET", &format!("/api/v1/accounts?{query}"), &ada).await;
        assert_eq!(answer.problem(400, "invalid_parameter").errors(), [error]);
    }
}
