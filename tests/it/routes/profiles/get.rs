use callboard_tests::app::App;
use uuid::Uuid;

use super::{named, path, send};

#[tokio::test]
async fn its_owner_and_staff_see_it_and_strangers_find_nothing() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let made = named(&app, &ada, "지우", "김").await;
    for by in [&ada, &app.person("mia", "manager").await] {
        let answer = send(&app, "GET", &path(&made), by).await.expect(200);
        assert_eq!((answer.json(), answer.header("etag")), (made.clone(), "\"v1\""));
    }
    let mut told = Vec::new();
    for path in [path(&made), format!("/api/v1/profiles/{}", Uuid::now_v7())] {
        let mut problem = send(&app, "GET", &path, &eve).await.problem(404, "not_found").0;
        problem["request_id"].take();
        problem["instance"].take();
        told.push(problem);
    }
    assert_eq!(told[0], told[1]);
}
