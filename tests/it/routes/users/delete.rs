use callboard_tests::app::{App, Send as _};
use serde_json::json;

use super::{audited, call, path, send};

#[tokio::test]
async fn an_admin_deletes_anybody_who_owns_nothing() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    let item = json!({ "title": "Studio", "price": "1000" });
    let item = send(&app, "POST", "/api/v1/items", &ada, &item).await.expect(201);
    let problem = call(&app, "DELETE", &path(ada.id), &root).await.problem(409, "in_use");
    assert_eq!(problem.0["references"][0]["resource"], "items");
    let _ = call(&app, "DELETE", item.header("location"), &ada).await.expect(204);

    let _ = call(&app, "DELETE", &path(ada.id), &root).await.expect(204);
    let _ = app.get("/api/v1/users/me").bearer_auth(&ada.token).answer().await.problem(401, "invalid_token");
    let _ = call(&app, "GET", &path(ada.id), &root).await.problem(404, "not_found");
    let _ = call(&app, "DELETE", &path(ada.id), &root).await.problem(404, "not_found");
    // The log outlives whom it speaks of.
    assert_eq!(audited(&app, ada.id).await, [format!("user:{} user.deleted {{\"role\": \"member\"}}", root.id)]);
}
