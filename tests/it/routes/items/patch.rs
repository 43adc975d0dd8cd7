use callboard_tests::app::{App, Send as _};
use serde_json::json;

use super::{change, item, path};

#[tokio::test]
async fn what_is_named_is_set_and_null_takes_away() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body = json!({ "title": "Studio", "description": "Studio A", "price": "12", "currency": "USD" });
    let made = app.post("/api/v1/items", &body).bearer_auth(&ada.token).answer().await.expect(201).json();
    for (patch, field, value, version) in [
        (json!({ "title": "Set" }), "title", json!("Set"), 2),
        (json!({ "price": "9.99" }), "price", json!("9.99"), 3),
        (json!({ "description": null }), "description", json!(null), 4),
        (json!({ "description": "line\nline" }), "description", json!("line\nline"), 5),
        (json!({ "price": "9", "currency": null }), "currency", json!("KRW"), 6),
        (json!({}), "title", json!("Set"), 6),
        (json!({ "title": "Set", "description": "line\nline" }), "title", json!("Set"), 6),
    ] {
        let answer = change(&app, "PATCH", &path(&made), &ada, &patch).await.expect(200);
        let now = answer.json();
        assert_eq!((&now[field], &now["version"]), (&value, &json!(version)), "{patch}");
        assert_eq!(answer.header("etag"), format!("\"v{version}\""));
        assert_eq!(app.get(&path(&made)).answer().await.json(), now, "{patch}");
    }
    // What changed nothing is not in the log.
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'item.updated'").await, 5);
}

/// The whole is checked, not only what the patch names.
#[tokio::test]
async fn what_it_leaves_must_be_fine() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body = json!({ "title": "Studio", "price": "12.50", "currency": "USD" });
    let made = app.post("/api/v1/items", &body).bearer_auth(&ada.token).answer().await.expect(201).json();
    for (patch, error) in [
        (json!({ "currency": "KRW" }), "#/price too_many_digits"),
        (json!({ "title": null }), "#/title required"),
        (json!({ "title": "" }), "#/title empty"),
        (json!({ "title": { "ko": "스튜디오" } }), "#/title wrong_type"),
        (json!({ "price": 5 }), "#/price wrong_type"),
        (json!({ "owner_id": made["id"] }), "#/owner_id unknown_field"),
        (json!({ "owner_id": null }), "#/owner_id unknown_field"),
        (json!({ "pirce": null }), "#/pirce unknown_field"),
        (json!({ "version": 1 }), "#/version unknown_field"),
    ] {
        let problem = change(&app, "PATCH", &path(&made), &ada, &patch).await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), [error], "{patch}");
    }
    assert_eq!(app.get(&path(&made)).answer().await.json(), made);
}

#[tokio::test]
async fn it_takes_merge_patches_and_plain_json_and_nothing_else() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = item(&app, &ada, "Studio", "1000").await;
    let patch = |media: &str, body: &'static str| {
        let request = app.request("PATCH", &path(&made)).bearer_auth(&ada.token).header("content-type", media);
        request.body(body).answer()
    };
    for media in ["application/merge-patch+json", "application/json", "Application/Merge-Patch+JSON; charset=utf-8"] {
        let _ = patch(media, r#"{"title":"Set"}"#).await.expect(200);
    }
    for media in ["application/json-patch+json", "text/plain", "application/x-www-form-urlencoded"] {
        let _ = patch(media, r#"{"title":"Set"}"#).await.problem(415, "unsupported_media_type");
    }
    let _ = patch("application/merge-patch+json", "{").await.problem(400, "malformed_json");
    for body in ["[]", "null", "5", r#""title""#] {
        let _ = patch("application/merge-patch+json", body).await.problem(422, "validation_failed");
    }
}

#[tokio::test]
async fn the_named_version_and_the_owner_are_minded() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let made = item(&app, &ada, "Studio", "1000").await;
    let patch = json!({ "price": "5" });
    let stale = app.request("PATCH", &path(&made)).bearer_auth(&ada.token).header("if-match", "\"v7\"");
    let _ = stale.json(&patch).answer().await.problem(412, "precondition_failed");
    let _ = change(&app, "PATCH", &path(&made), &eve, &patch).await.problem(403, "forbidden");
    let _ = app.request("PATCH", &path(&made)).json(&patch).answer().await.problem(401, "unauthenticated");
    assert_eq!(app.get(&path(&made)).answer().await.json(), made);
    let fresh = app.request("PATCH", &path(&made)).bearer_auth(&ada.token).header("if-match", "\"v1\"");
    assert_eq!(fresh.json(&patch).answer().await.expect(200).json()["price"], "5");
}
