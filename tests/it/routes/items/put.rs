use callboard_tests::app::{App, Send as _};
use serde_json::json;

use super::{change, path};

#[tokio::test]
async fn what_is_left_out_is_taken_away() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body = json!({ "title": "Studio", "description": "Studio A", "price": "12.50", "currency": "USD" });
    let made = app.post("/api/v1/items", &body).bearer_auth(&ada.token).answer().await.expect(201).json();
    let answer = change(&app, "PUT", &path(&made), &ada, &json!({ "title": "Set", "price": "700" })).await.expect(200);
    let now = answer.json();
    assert_eq!((&now["title"], &now["price"], &now["currency"]), (&json!("Set"), &json!("700"), &json!("KRW")));
    assert_eq!((&now["description"], &now["version"]), (&json!(null), &json!(2)));
    assert_eq!(answer.header("etag"), "\"v2\"");
    for kept in ["id", "owner_id", "created_at"] {
        assert_eq!(now[kept], made[kept], "{kept}");
    }
    assert!(now["updated_at"].as_str() > made["updated_at"].as_str());
    assert_eq!(app.get(&path(&made)).answer().await.json(), now);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'item.updated'").await, 1);
}

#[tokio::test]
async fn it_is_refused_for_another_version_than_the_named() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = super::item(&app, &ada, "Studio", "1000").await;
    let put = |tags: &str, price: &str| {
        let request = app.request("PUT", &path(&made)).bearer_auth(&ada.token).header("if-match", tags);
        request.json(&json!({ "title": "Studio", "price": price })).answer()
    };
    for tags in ["\"v0\"", "\"v2\"", "W/\"v2\"", "\"1\""] {
        let _ = put(tags, "5").await.problem(412, "precondition_failed");
    }
    let _ = put("v1", "5").await.problem(400, "malformed_request");
    for (version, tags) in [(2, "\"v1\""), (3, "W/\"v2\""), (4, "*"), (5, "\"v9\", \"v4\"")] {
        let answer = put(tags, &version.to_string()).await.expect(200);
        assert_eq!(answer.header("etag"), format!("\"v{version}\""), "{tags}");
    }
}

/// Two who read the same version: the second learns of the first.
#[tokio::test]
async fn of_two_changes_of_one_version_one_is_refused() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = super::item(&app, &ada, "Studio", "1000").await;
    let put = |price: &'static str| {
        let request = app.request("PUT", &path(&made)).bearer_auth(&ada.token).header("if-match", "\"v1\"");
        request.json(&json!({ "title": "Studio", "price": price })).answer()
    };
    let answers = futures::future::join_all(["1", "2", "3", "4", "5"].map(put)).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412]);
}

#[tokio::test]
async fn the_owner_and_admins_may_and_others_are_told_why_not() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = super::item(&app, &ada, "Studio", "1000").await;
    let body = json!({ "title": "Studio", "price": "5" });
    for (name, role, status) in [("eve", "member", 403), ("mia", "manager", 403), ("root", "admin", 200)] {
        let person = app.person(name, role).await;
        let answer = change(&app, "PUT", &path(&made), &person, &body).await;
        assert_eq!(answer.status, status, "{role}");
        if status == 403 {
            let problem = answer.problem(403, "forbidden");
            assert!(problem.0["detail"].as_str().unwrap().contains("owner"), "{}", problem.0);
        } else {
            assert_eq!(answer.json()["owner_id"], ada.id.to_string(), "it stays the owner's");
        }
    }
    let _ = app.request("PUT", &path(&made)).json(&body).answer().await.problem(401, "unauthenticated");
    let nowhere = "/api/v1/items/019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11";
    let _ = change(&app, "PUT", nowhere, &ada, &body).await.problem(404, "not_found");
}

#[tokio::test]
async fn a_bad_body_changes_nothing() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = super::item(&app, &ada, "Studio", "1000").await;
    for (body, error) in [
        (json!({ "title": "Studio" }), "#/price required"),
        (json!({ "title": "Studio", "price": "0" }), "#/price not_positive"),
        (json!({ "title": "Studio", "price": "5", "owner_id": ada.id }), "#/owner_id unknown_field"),
    ] {
        let problem = change(&app, "PUT", &path(&made), &ada, &body).await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error]);
    }
    assert_eq!(app.get(&path(&made)).answer().await.json(), made);
}
