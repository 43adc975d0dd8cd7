use callboard_tests::app::App;
use serde_json::json;

use super::{account, change, contact, named, path, send};

#[tokio::test]
async fn what_is_left_out_is_taken_away_or_gets_its_default() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body = json!({
        "account_name": "Hangang Film", "account_type": "Partner", "website": "https://hangang.example.com/",
        "notes": "n", "profile_id": contact(&app, &ada).await,
    });
    let made = account(&app, &ada, body).await;
    let now = change(&app, "PUT", &path(&made), &ada, &json!({ "account_name": "Hangang" })).await.expect(200).json();
    assert_eq!((&now["account_name"], &now["account_type"]), (&json!("Hangang"), &json!("Prospect")));
    for gone in ["website", "notes", "profile_id"] {
        assert_eq!(now[gone], json!(null), "{gone}");
    }
    assert_eq!((&now["version"], &now["owner_id"]), (&json!(2), &made["owner_id"]));
}

#[tokio::test]
async fn a_stranger_finds_nothing_to_change_and_staff_may() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let made = named(&app, &ada, "Hangang Film").await;
    let body = json!({ "account_name": "Hangang" });
    for method in ["PUT", "PATCH"] {
        let _ = change(&app, method, &path(&made), &eve, &body).await.problem(404, "not_found");
    }
    let _ = send(&app, "DELETE", &path(&made), &eve).await.problem(404, "not_found");
    assert_eq!(send(&app, "GET", &path(&made), &ada).await.json(), made);
    let mia = app.person("mia", "manager").await;
    let now = change(&app, "PUT", &path(&made), &mia, &body).await.expect(200).json();
    assert_eq!((&now["account_name"], &now["owner_id"]), (&json!("Hangang"), &json!(ada.id)));
}
