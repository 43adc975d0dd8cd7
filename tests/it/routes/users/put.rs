use callboard_shared::domain::Scope;
use callboard_tests::app::App;
use serde_json::json;

use super::{audited, call, key_of, path, send};

#[tokio::test]
async fn an_admin_decides_the_role_at_once() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    let _ = call(&app, "GET", "/api/v1/users", &ada).await.problem(403, "forbidden");
    let body = json!({ "role": "admin", "full_name": "Ada" });
    let changed = send(&app, "PUT", &path(ada.id), &root, &body).await.expect(200).json();
    assert_eq!((&changed["role"], &changed["full_name"]), (&json!("admin"), &json!("Ada")));
    let _ = call(&app, "GET", "/api/v1/users", &ada).await.expect(200);
    assert_eq!(
        audited(&app, ada.id).await,
        [
            format!("user:{} user.updated {{\"fields\": [\"full_name\"]}}", root.id),
            format!("user:{} user.role_changed {{\"to\": \"admin\", \"from\": \"member\"}}", root.id),
        ]
    );
}

#[tokio::test]
async fn an_address_is_not_changed_here_by_anybody() {
    let app = App::start().await;
    let (ada, root) = (app.person("ada", "member").await, app.person("root", "admin").await);
    for name in ["email", "id", "owner_id", "email_verified_at", "password_hash"] {
        let answer = send(&app, "PUT", &path(ada.id), &root, &json!({ name: "eve@example.com" })).await;
        assert_eq!(answer.problem(422, "validation_failed").errors(), [format!("#/{name} unknown_field")]);
    }
}

#[tokio::test]
async fn people_change_themselves_by_their_id_too() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let changed = send(&app, "PUT", &path(ada.id), &ada, &json!({ "phone": "010-1234-5678" })).await.expect(200);
    assert_eq!(changed.json()["phone"], "010-1234-5678");
    let refused = send(&app, "PUT", &path(ada.id), &ada, &json!({ "role": "admin" })).await;
    assert_eq!(refused.problem(422, "validation_failed").errors(), ["#/role unknown_field"]);
    let writer = key_of(&app, &ada, &[Scope::UsersWrite]).await;
    let _ = send(&app, "PUT", &path(ada.id), &writer, &json!({ "full_name": "Ada" })).await.expect(200);
    let reader = key_of(&app, &ada, &[Scope::UsersRead]).await;
    let refused = send(&app, "PUT", &path(ada.id), &reader, &json!({ "full_name": "Eve" })).await;
    let _ = refused.problem(403, "insufficient_scope");
}
