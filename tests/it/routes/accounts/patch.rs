use callboard_tests::app::App;
use serde_json::json;
use uuid::Uuid;

use super::{account, change, contact, named, path};

#[tokio::test]
async fn the_contact_is_set_changed_and_taken_away() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let made = named(&app, &ada, "Hangang Film").await;
    let (one, other) = (contact(&app, &ada).await, contact(&app, &ada).await);
    for id in [one, other, json!(null)] {
        let patch = json!({ "profile_id": id });
        let now = change(&app, "PATCH", &path(&made), &ada, &patch).await.expect(200).json();
        assert_eq!(now["profile_id"], id);
    }
    // What changes nothing is not in the log.
    let _ = change(&app, "PATCH", &path(&made), &ada, &json!({ "profile_id": null })).await.expect(200);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'account.updated'").await, 3);
    for id in [contact(&app, &eve).await, json!(Uuid::now_v7())] {
        let answer = change(&app, "PATCH", &path(&made), &ada, &json!({ "profile_id": id })).await;
        assert_eq!(answer.problem(422, "validation_failed").errors(), ["#/profile_id unknown_reference"]);
    }
}

/// A manager may name somebody whom the owner doesn't see; that keeps the owner
/// from nothing else.
#[tokio::test]
async fn a_contact_that_was_there_before_is_no_obstacle() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let mia = app.person("mia", "manager").await;
    let of_eve = contact(&app, &eve).await;
    let made = named(&app, &ada, "Hangang Film").await;
    let _ = change(&app, "PATCH", &path(&made), &mia, &json!({ "profile_id": of_eve })).await.expect(200);
    let now = change(&app, "PATCH", &path(&made), &ada, &json!({ "notes": "n" })).await.expect(200).json();
    assert_eq!((&now["profile_id"], &now["notes"]), (&of_eve, &json!("n")));
    let again = json!({ "account_name": "Hangang", "profile_id": of_eve });
    let _ = change(&app, "PUT", &path(&made), &ada, &again).await.expect(200);
    let _ = change(&app, "PATCH", &path(&made), &ada, &json!({ "profile_id": null })).await.expect(200);
    let answer = change(&app, "PATCH", &path(&made), &ada, &json!({ "profile_id": of_eve })).await;
    assert_eq!(answer.problem(422, "validation_failed").errors(), ["#/profile_id unknown_reference"]);
}

#[tokio::test]
async fn the_type_goes_back_to_its_default() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = account(&app, &ada, json!({ "account_name": "Hangang Film", "account_type": "Customer" })).await;
    let now = change(&app, "PATCH", &path(&made), &ada, &json!({ "account_type": null })).await.expect(200).json();
    assert_eq!(now["account_type"], "Prospect");
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'account.updated'").await, 1);
}
