use callboard_tests::app::App;
use serde_json::json;

use super::{change, named, path, profile};

#[tokio::test]
async fn the_full_name_follows_either_part() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = named(&app, &ada, "Ada", "King").await;
    for (patch, full_name, version) in [
        (json!({ "last_name": "Lovelace" }), "Ada Lovelace", 2),
        (json!({ "first_name": "지우", "last_name": "김" }), "김지우", 3),
        (json!({ "title": "Director" }), "김지우", 4),
        (json!({ "first_name": "지우" }), "김지우", 4),
    ] {
        let now = change(&app, "PATCH", &path(&made), &ada, &patch).await.expect(200).json();
        assert_eq!((&now["full_name"], &now["version"]), (&json!(full_name), &json!(version)), "{patch}");
    }
    // What changed nothing is not in the log.
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'profile.updated'").await, 3);
    for patch in [json!({ "full_name": "x" }), json!({ "full_name": null })] {
        let problem = change(&app, "PATCH", &path(&made), &ada, &patch).await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), ["#/full_name unknown_field"]);
    }
}

/// The column compares without regard to case; the `ETag` may not.
#[tokio::test]
async fn an_address_in_another_case_is_another_version() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body = json!({ "first_name": "Ada", "last_name": "King", "email": "ada@example.com" });
    let made = profile(&app, &ada, body).await;
    for (email, version) in [("Ada@example.com", 2), ("Ada@EXAMPLE.com", 2), ("ada@example.com", 3)] {
        let now = change(&app, "PATCH", &path(&made), &ada, &json!({ "email": email })).await.expect(200).json();
        assert_eq!(now["version"], version, "{email}");
    }
}
