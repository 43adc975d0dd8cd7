//! That what is told is true is tried in `authorization`, route by route.

use callboard_shared::domain::Scope;
use callboard_tests::app::{App, Person, Send as _};
use serde_json::{Value, json};

use super::super::super::{call, key_of};

const PATH: &str = "/api/v1/users/me/permissions";

async fn permissions(app: &App, by: &Person) -> Value {
    call(app, "GET", PATH, by).await.expect(200).json()
}

fn of<'a>(permissions: &'a Value, method: &str, path: &str) -> (&'a Value, &'a Value) {
    let routes = permissions["routes"].as_array().unwrap();
    let route = routes.iter().find(|route| route["method"] == method && route["path"] == path).unwrap();
    (&route["allowed"], &route["whose"])
}

#[tokio::test]
async fn each_role_is_told_what_it_may_do() {
    let app = App::start().await;
    for (role, writes_items, reads_accounts, lists_users) in [
        ("member", "own", "own", (json!(false), Value::Null)),
        ("manager", "own", "all", (json!(false), Value::Null)),
        ("admin", "all", "all", (json!(true), json!("all"))),
    ] {
        let told = permissions(&app, &app.person(role, role).await).await;
        assert_eq!((&told["role"], &told["verified"], &told["scopes"]), (&json!(role), &json!(true), &Value::Null));
        assert_eq!(of(&told, "GET", "/api/v1/items"), (&json!(true), &json!("public")), "{role}");
        assert_eq!(of(&told, "PATCH", "/api/v1/items/{id}"), (&json!(true), &json!(writes_items)), "{role}");
        assert_eq!(of(&told, "GET", "/api/v1/accounts"), (&json!(true), &json!(reads_accounts)), "{role}");
        assert_eq!(of(&told, "PATCH", "/api/v1/users/me"), (&json!(true), &json!("own")), "{role}");
        assert_eq!(of(&told, "GET", "/api/v1/users"), (&lists_users.0, &lists_users.1), "{role}");
    }
}

#[tokio::test]
async fn who_is_not_verified_may_not_write_business_data() {
    let app = App::start().await;
    let id = app.register("ada@example.com").await;
    let told = permissions(&app, &Person { id, token: app.login("ada").await }).await;
    assert_eq!(told["verified"], false);
    assert_eq!(of(&told, "POST", "/api/v1/items").0, false);
    assert_eq!(of(&told, "GET", "/api/v1/accounts").0, true);
}

#[tokio::test]
async fn a_key_is_told_its_scopes_and_what_they_allow() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    let key = key_of(&app, &root, &[Scope::UsersRead, Scope::ItemsWrite]).await;
    let told = permissions(&app, &key).await;
    assert_eq!(told["scopes"], json!(["users:read", "items:write"]));
    assert_eq!(of(&told, "GET", "/api/v1/users").0, true);
    assert_eq!(of(&told, "POST", "/api/v1/items").0, true);
    assert_eq!(of(&told, "POST", "/api/v1/users").0, false);
    assert_eq!(of(&told, "PATCH", "/api/v1/users/me").0, false);
    assert_eq!(of(&told, "GET", "/api/v1/audit-log").0, false);
}

#[tokio::test]
async fn nobody_is_told_nothing() {
    let app = App::start().await;
    let _ = app.get(PATH).answer().await.problem(401, "unauthenticated");
}
