use callboard_tests::app::App;
use serde_json::json;

use super::{named, path, send};
use crate::routes::accounts;

#[tokio::test]
async fn a_primary_contact_stays() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let made = named(&app, &ada, "지우", "김").await;
    let account =
        accounts::account(&app, &ada, json!({ "account_name": "Hangang Film", "profile_id": made["id"] })).await;
    let problem = send(&app, "DELETE", &path(&made), &ada).await.problem(409, "in_use");
    assert_eq!(problem.0["references"], json!([{ "resource": "accounts", "field": "profile_id", "count": 1 }]));
    let account = format!("/api/v1/accounts/{}", account["id"].as_str().unwrap());
    let _ = send(&app, "DELETE", &account, &ada).await.expect(204);
    let _ = send(&app, "DELETE", &path(&made), &eve).await.problem(404, "not_found");
    let _ = send(&app, "DELETE", &path(&made), &ada).await.expect(204);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'profile.deleted'").await, 1);
}
