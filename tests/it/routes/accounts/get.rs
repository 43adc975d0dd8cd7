use callboard_tests::app::{App, Send as _};
use serde_json::Value;
use uuid::Uuid;

use super::{named, path, send};

#[tokio::test]
async fn a_stranger_sees_the_same_as_for_no_account_at_all() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let made = named(&app, &ada, "Hangang Film").await;
    let told = async |path: String| -> Value {
        let mut problem = send(&app, "GET", &path, &eve).await.problem(404, "not_found").0;
        problem["request_id"].take();
        problem["instance"].take();
        problem
    };
    assert_eq!(told(path(&made)).await, told(format!("/api/v1/accounts/{}", Uuid::now_v7())).await);
    let _ = app.get(&path(&made)).answer().await.problem(401, "unauthenticated");
}

#[tokio::test]
async fn its_owner_and_staff_see_it() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = named(&app, &ada, "Hangang Film").await;
    for by in [&ada, &app.person("mia", "manager").await, &app.person("root", "admin").await] {
        let answer = send(&app, "GET", &path(&made), by).await.expect(200);
        assert_eq!((answer.json(), answer.header("etag")), (made.clone(), "\"v1\""));
    }
    let known = app.get(&path(&made)).bearer_auth(&ada.token).header("if-none-match", "W/\"v1\"");
    let _ = known.answer().await.expect(304);
}
