use callboard_tests::app::{App, Send as _};
use serde_json::{Value, json};

use super::super::{audited, send};
use super::PATH;

#[tokio::test]
async fn what_is_named_is_set_and_null_takes_away() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body = json!({ "full_name": "Ada", "phone": "010-1234-5678" });
    let first = send(&app, "PATCH", PATH, &ada, &body).await.expect(200).json();
    assert_eq!((&first["full_name"], &first["phone"]), (&json!("Ada"), &json!("010-1234-5678")));
    let second = send(&app, "PATCH", PATH, &ada, &json!({ "phone": null })).await.expect(200).json();
    assert_eq!((&second["full_name"], &second["phone"]), (&json!("Ada"), &Value::Null));
    assert_eq!((&second["username"], &second["locale"]), (&first["username"], &first["locale"]));
    assert_eq!(second["version"].as_i64(), first["version"].as_i64().map(|version| version + 1));
}

/// Writing what is there changes nothing, and no `ETag` goes stale by it.
#[tokio::test]
async fn no_change_is_no_change() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let before = app.get(PATH).bearer_auth(&ada.token).answer().await.json();
    assert_eq!(send(&app, "PATCH", PATH, &ada, &json!({ "username": "ada" })).await.expect(200).json(), before);
    assert!(audited(&app, ada.id).await.is_empty());
}

#[tokio::test]
async fn what_must_be_there_is_not_taken_away() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    let both = send(&app, "PATCH", PATH, &ada, &json!({ "username": null, "locale": null })).await;
    let both = both.problem(422, "validation_failed");
    assert_eq!(both.errors(), ["#/username required", "#/locale required"]);
    let admins = send(&app, "PATCH", PATH, &root, &json!({ "role": null, "is_active": null })).await;
    let admins = admins.problem(422, "validation_failed");
    assert_eq!(admins.errors(), ["#/role required", "#/is_active required"]);
    // A null for what is not theirs to name is no way around either.
    let role = send(&app, "PATCH", PATH, &ada, &json!({ "role": null })).await;
    assert_eq!(role.problem(422, "validation_failed").errors(), ["#/role unknown_field"]);
}

#[tokio::test]
async fn the_named_version_is_minded() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let etag = app.get(PATH).bearer_auth(&ada.token).answer().await.header("etag").to_owned();
    let patch = |name: &str, tag: &str| {
        let request = app.request("PATCH", PATH).bearer_auth(&ada.token).header("if-match", tag);
        request.json(&json!({ "full_name": name })).answer()
    };
    let _ = patch("Ada", &etag).await.expect(200);
    let _ = patch("Eve", &etag).await.problem(412, "precondition_failed");
    let _ = patch("Eve", "v1").await.problem(400, "malformed_request");
    assert_eq!(app.get(PATH).bearer_auth(&ada.token).answer().await.json()["full_name"], "Ada");
}
