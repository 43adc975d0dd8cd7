use callboard_tests::app::App;
use serde_json::json;

use super::{change, named, path, profile};

#[tokio::test]
async fn the_full_name_follows_and_what_is_left_out_goes() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body =
        json!({ "first_name": "지우", "last_name": "김", "email": "jiwoo@example.com", "phone": "010-1234-5678" });
    let made = profile(&app, &ada, body).await;
    let body = json!({ "first_name": "Jiwoo", "last_name": "Kim" });
    let now = change(&app, "PUT", &path(&made), &ada, &body).await.expect(200).json();
    assert_eq!((&now["full_name"], &now["version"]), (&json!("Jiwoo Kim"), &json!(2)));
    assert_eq!((&now["email"], &now["phone"]), (&json!(null), &json!(null)));
}

#[tokio::test]
async fn the_full_name_is_no_input_and_strangers_find_nothing() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let made = named(&app, &ada, "Ada", "King").await;
    let body = json!({ "first_name": "Ada", "last_name": "King", "full_name": "Countess" });
    let problem = change(&app, "PUT", &path(&made), &ada, &body).await.problem(422, "validation_failed");
    assert_eq!(problem.errors(), ["#/full_name unknown_field"]);
    let body = json!({ "first_name": "Eve", "last_name": "King" });
    let _ = change(&app, "PUT", &path(&made), &eve, &body).await.problem(404, "not_found");
}
