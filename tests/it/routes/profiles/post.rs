use callboard_tests::app::App;
use serde_json::json;
use uuid::Uuid;

use super::{change, named, profile};
use crate::routes::accounts;

#[tokio::test]
async fn the_full_name_is_made_of_its_parts() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for (first, last, full) in [
        ("지우", "김", "김지우"),
        ("Ada", "Lovelace", "Ada Lovelace"),
        ("지우", "Kim", "지우 Kim"),
        ("Ji", "김", "Ji 김"),
        ("민준", "남궁", "남궁민준"),
        ("花子", "山田", "花子 山田"),
        (" Grace ", "Hopper", "Grace Hopper"),
    ] {
        let made = named(&app, &ada, first, last).await;
        assert_eq!(made["full_name"], full);
        assert_eq!((&made["version"], &made["owner_id"]), (&json!(1), &json!(ada.id)));
    }
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'profile.created'").await, 7);
}

#[tokio::test]
async fn all_of_it_is_kept() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let account = accounts::account(&app, &ada, json!({ "account_name": "Hangang Film" })).await;
    let body = json!({
        "first_name": "지우", "last_name": "김", "email": "Jiwoo@Hangang.Example.com", "phone": "01012345678",
        "title": "Casting director", "account_id": account["id"],
    });
    let answer = change(&app, "POST", "/api/v1/profiles", &ada, &body).await.expect(201);
    let made = answer.json();
    assert_eq!(answer.header("location"), super::path(&made));
    assert_eq!((&made["email"], &made["phone"]), (&json!("Jiwoo@hangang.example.com"), &json!("010-1234-5678")));
    assert_eq!((&made["title"], &made["account_id"]), (&body["title"], &account["id"]));
    // Contact people are no users: two may have one address.
    profile(&app, &ada, body).await;
}

#[tokio::test]
async fn a_bad_value_is_told_by_pointer() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for (name, value, error) in [
        ("full_name", json!("Ada King"), "#/full_name unknown_field"),
        ("owner_id", json!(ada.id), "#/owner_id unknown_field"),
        ("first_name", json!(""), "#/first_name empty"),
        ("last_name", json!("a".repeat(101)), "#/last_name too_long"),
        ("last_name", json!("King\r\nBcc: eve@example.com"), "#/last_name invalid_characters"),
        ("email", json!("ada@localhost"), "#/email invalid_email"),
        ("phone", json!("02-123-4567"), "#/phone invalid_mobile_number"),
        ("title", json!(" "), "#/title empty"),
        ("account_id", json!("x"), "#/account_id invalid_value"),
    ] {
        let mut body = json!({ "first_name": "Ada", "last_name": "King" });
        body[name] = value;
        let problem = change(&app, "POST", "/api/v1/profiles", &ada, &body).await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error], "{body}");
    }
    assert_eq!(app.count("SELECT count(*) FROM profiles").await, 0);
}

#[tokio::test]
async fn the_account_is_one_that_the_caller_may_see() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let of_ada = accounts::account(&app, &ada, json!({ "account_name": "Hangang Film" })).await;
    for id in [of_ada["id"].clone(), json!(Uuid::now_v7())] {
        let body = json!({ "first_name": "Ada", "last_name": "King", "account_id": id });
        let answer = change(&app, "POST", "/api/v1/profiles", &eve, &body).await;
        assert_eq!(answer.problem(422, "validation_failed").errors(), ["#/account_id unknown_reference"]);
    }
    let root = app.person("root", "admin").await;
    profile(&app, &root, json!({ "first_name": "Ada", "last_name": "King", "account_id": of_ada["id"] })).await;
}
