use callboard_tests::app::{App, Send as _};
use serde_json::json;

use super::{change, named, path, send};
use crate::routes::profiles;

#[tokio::test]
async fn what_others_refer_to_stays_and_they_are_named() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = named(&app, &ada, "Hangang Film").await;
    let mut contacts = Vec::new();
    for name in ["Ada", "Grace"] {
        let body = json!({ "first_name": name, "last_name": "King", "account_id": made["id"] });
        contacts.push(profiles::profile(&app, &ada, body).await);
    }
    let problem = send(&app, "DELETE", &path(&made), &ada).await.problem(409, "in_use");
    let named = json!([{ "resource": "profiles", "field": "account_id", "count": 2 }]);
    assert_eq!(problem.0["references"], named, "{}", problem.0);
    assert!(problem.0["detail"].as_str().unwrap().contains("profiles (2)"), "{}", problem.0);
    let korean = app.request("DELETE", &path(&made)).bearer_auth(&ada.token).header("accept-language", "ko");
    assert!(korean.answer().await.problem(409, "in_use").0["detail"].as_str().unwrap().contains("profiles (2)"));
    assert_eq!(send(&app, "GET", &path(&made), &ada).await.expect(200).json(), made);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'account.deleted'").await, 0);

    let first = format!("/api/v1/profiles/{}", contacts[0]["id"].as_str().unwrap());
    let second = format!("/api/v1/profiles/{}", contacts[1]["id"].as_str().unwrap());
    let _ = change(&app, "PATCH", &first, &ada, &json!({ "account_id": null })).await.expect(200);
    let _ = send(&app, "DELETE", &second, &ada).await.expect(204);
    let _ = send(&app, "DELETE", &path(&made), &ada).await.expect(204);
    let _ = send(&app, "GET", &path(&made), &ada).await.problem(404, "not_found");
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'account.deleted'").await, 1);
}

/// Naming a row and deleting it at the same moment: either wins, none is left
/// with a reference to nowhere, and nothing waits for ever.
#[tokio::test]
async fn naming_and_deleting_at_once_end_well() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for _ in 0..10 {
        let made = named(&app, &ada, "Hangang Film").await;
        let body = json!({ "first_name": "Ada", "last_name": "King", "account_id": made["id"] });
        let path = path(&made);
        let (profile, deleted) =
            tokio::join!(change(&app, "POST", "/api/v1/profiles", &ada, &body), send(&app, "DELETE", &path, &ada),);
        match (profile.status, deleted.status) {
            (201, 409) => drop(deleted.problem(409, "in_use")),
            (422, 204) => {
                assert_eq!(profile.problem(422, "validation_failed").errors(), ["#/account_id unknown_reference"]);
            }
            other => panic!("{other:?}"),
        }
    }
}
