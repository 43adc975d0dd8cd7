use callboard_tests::app::{App, Person, Send as _};

use super::{item, path};

async fn delete(app: &App, path: &str, by: &Person) -> callboard_tests::answer::Answer {
    app.request("DELETE", path).bearer_auth(&by.token).answer().await
}

#[tokio::test]
async fn it_is_gone_for_good() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = item(&app, &ada, "Studio", "1000").await;
    let answer = delete(&app, &path(&made), &ada).await.expect(204);
    assert!(answer.body.is_empty());
    let _ = app.get(&path(&made)).answer().await.problem(404, "not_found");
    let _ = delete(&app, &path(&made), &ada).await.problem(404, "not_found");
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'item.deleted'").await, 1);
}

#[tokio::test]
async fn the_named_version_is_minded() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = item(&app, &ada, "Studio", "1000").await;
    let delete =
        |tags: &str| app.request("DELETE", &path(&made)).bearer_auth(&ada.token).header("if-match", tags).answer();
    let _ = delete("\"v2\"").await.problem(412, "precondition_failed");
    let _ = delete("v1").await.problem(400, "malformed_request");
    let _ = delete("\"v1\"").await.expect(204);
}

#[tokio::test]
async fn the_owner_and_admins_may() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = item(&app, &ada, "Studio", "1000").await;
    let _ = app.request("DELETE", &path(&made)).answer().await.problem(401, "unauthenticated");
    for (name, role) in [("eve", "member"), ("mia", "manager")] {
        let _ = delete(&app, &path(&made), &app.person(name, role).await).await.problem(403, "forbidden");
    }
    let root = app.person("root", "admin").await;
    let _ = delete(&app, "/api/v1/items/019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11", &root).await.problem(404, "not_found");
    let _ = delete(&app, &path(&made), &root).await.expect(204);
}

/// Of many who delete the same, one did.
#[tokio::test]
async fn at_the_same_time_it_goes_once() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = item(&app, &ada, "Studio", "1000").await;
    let path = path(&made);
    let answers = futures::future::join_all((0..5).map(|_| delete(&app, &path, &ada))).await;
    let mut statuses: Vec<_> = answers.iter().map(|answer| answer.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [204, 404, 404, 404, 404]);
}
