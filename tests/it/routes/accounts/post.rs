use callboard_tests::app::{App, Send as _};
use serde_json::json;
use uuid::Uuid;

use super::{account, change, contact};

#[tokio::test]
async fn a_client_begins_as_a_prospect() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let answer =
        change(&app, "POST", "/api/v1/accounts", &ada, &json!({ "account_name": "한강필름" })).await.expect(201);
    let made = answer.json();
    assert_eq!(answer.header("location"), super::path(&made));
    assert_eq!((answer.header("etag"), &made["version"]), ("\"v1\"", &json!(1)));
    assert_eq!((&made["account_name"], &made["account_type"]), (&json!("한강필름"), &json!("Prospect")));
    assert_eq!(made["owner_id"], ada.id.to_string());
    for empty in ["profile_id", "website", "notes"] {
        assert_eq!(made[empty], json!(null), "{empty}");
    }
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'account.created'").await, 1);
}

#[tokio::test]
async fn all_of_it_is_kept() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for account_type in ["Prospect", "Customer", "Partner", "Former"] {
        let body = json!({
            "account_name": "Hangang Film", "account_type": account_type, "website": "HTTPS://Hangang.example.com",
            "notes": "Shoots in spring\nand in autumn", "profile_id": contact(&app, &ada).await,
        });
        let made = account(&app, &ada, body.clone()).await;
        assert_eq!(made["website"], "https://hangang.example.com/", "as the URL standard writes it");
        for field in ["account_name", "account_type", "notes", "profile_id"] {
            assert_eq!(made[field], body[field], "{field}");
        }
    }
}

#[tokio::test]
async fn a_bad_value_is_told_by_pointer() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for (name, value, error) in [
        ("account_name", json!(" "), "#/account_name empty"),
        ("account_name", json!("a".repeat(201)), "#/account_name too_long"),
        ("account_type", json!("prospect"), "#/account_type unknown_value"),
        ("account_type", json!(null), "#/account_type wrong_type"),
        ("website", json!("javascript:alert(1)"), "#/website invalid_url"),
        ("website", json!("https://user:secret@example.com"), "#/website invalid_url"),
        ("notes", json!("a".repeat(10_001)), "#/notes too_long"),
        ("profile_id", json!("5"), "#/profile_id invalid_value"),
        ("owner_id", json!(ada.id), "#/owner_id unknown_field"),
    ] {
        let mut body = json!({ "account_name": "Hangang Film" });
        body[name] = value;
        let problem = change(&app, "POST", "/api/v1/accounts", &ada, &body).await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error], "{body}");
    }
    assert_eq!(app.count("SELECT count(*) FROM accounts").await, 0);
}

/// A contact who is not there and one who is a stranger's are the same to the caller.
#[tokio::test]
async fn the_contact_is_one_that_the_caller_may_see() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let mia = app.person("mia", "manager").await;
    let of_ada = contact(&app, &ada).await;
    let told = async |by, id: &serde_json::Value| {
        let body = json!({ "account_name": "Hangang Film", "profile_id": id });
        let answer = change(&app, "POST", "/api/v1/accounts", by, &body).await;
        let problem = answer.problem(422, "validation_failed");
        assert_eq!(problem.errors(), ["#/profile_id unknown_reference"]);
        problem.0["errors"].clone()
    };
    assert_eq!(told(&eve, &of_ada).await, told(&eve, &json!(Uuid::now_v7())).await);
    told(&mia, &json!(Uuid::now_v7())).await;
    for by in [&ada, &mia] {
        account(&app, by, json!({ "account_name": "Hangang Film", "profile_id": of_ada })).await;
    }
}

#[tokio::test]
async fn nobody_makes_one_without_a_verified_address() {
    let app = App::start().await;
    let body = json!({ "account_name": "Hangang Film" });
    let _ = app.post("/api/v1/accounts", &body).answer().await.problem(401, "unauthenticated");
    app.register("eve@example.com").await;
    let token = app.login("eve").await;
    let _ = app.post("/api/v1/accounts", &body).bearer_auth(&token).answer().await.problem(403, "email_unverified");
}
