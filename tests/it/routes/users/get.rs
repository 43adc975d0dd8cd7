use callboard_tests::app::{App, Send as _};
use uuid::Uuid;

use super::{call, path};

/// Checklist 21: the same for who is not there and for who is not one's own.
#[tokio::test]
async fn strangers_are_not_found_by_any_verb() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for (name, role) in [("eve", "member"), ("mia", "manager")] {
        let by = app.person(name, role).await;
        for id in [ada.id, Uuid::now_v7()] {
            for method in ["GET", "DELETE"] {
                let _ = call(&app, method, &path(id), &by).await.problem(404, "not_found");
            }
            for method in ["PUT", "PATCH"] {
                let body = serde_json::json!({ "full_name": "Eve" });
                let _ = super::send(&app, method, &path(id), &by, &body).await.problem(404, "not_found");
            }
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM users WHERE username = 'ada' AND full_name IS NULL").await, 1);
}

#[tokio::test]
async fn an_admin_sees_anybody() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    let answer = call(&app, "GET", &path(ada.id), &root).await.expect(200);
    assert_eq!(answer.json()["email"], "ada@example.com");
    let again = app.get(&path(ada.id)).bearer_auth(&root.token).header("if-none-match", answer.header("etag"));
    assert!(again.answer().await.expect(304).body.is_empty());
    let _ = call(&app, "GET", "/api/v1/users/5", &root).await.problem(404, "not_found");
    let _ = app.get(&path(ada.id)).answer().await.problem(401, "unauthenticated");
}
