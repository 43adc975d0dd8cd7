use callboard_tests::app::App;
use serde_json::{Value, json};

use super::super::{audited, send};
use super::PATH;

#[tokio::test]
async fn what_is_left_out_is_taken_away_unless_it_must_be_there() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let all = json!({ "username": "Countess", "full_name": "Ada Lovelace", "phone": "01012345678", "locale": "ko" });
    let answer = send(&app, "PUT", PATH, &ada, &all).await.expect(200);
    let me = answer.json();
    assert_eq!((&me["username"], &me["full_name"]), (&json!("countess"), &json!("Ada Lovelace")));
    assert_eq!((&me["phone"], &me["locale"]), (&json!("010-1234-5678"), &json!("ko")));
    assert_eq!(answer.header("etag"), format!("\"v{}\"", me["version"]));

    let me = send(&app, "PUT", PATH, &ada, &json!({ "full_name": "Ada" })).await.expect(200).json();
    assert_eq!((&me["username"], &me["full_name"]), (&json!("countess"), &json!("Ada")));
    assert_eq!((&me["phone"], &me["locale"]), (&Value::Null, &json!("ko")));
    let of = |fields: &str| format!("user:{} user.updated {{\"fields\": [{fields}]}}", ada.id);
    assert_eq!(
        audited(&app, ada.id).await,
        [of(r#""username", "full_name", "phone", "locale""#), of(r#""full_name", "phone""#)]
    );
    app.login("countess").await;
}

/// Nobody makes themselves an admin, or somebody else.
#[tokio::test]
async fn what_is_not_ones_own_to_decide_is_refused() {
    let app = App::start().await;
    let (ada, mia) = (app.person("ada", "member").await, app.person("mia", "manager").await);
    for person in [&ada, &mia] {
        for (name, value) in [
            ("role", json!("admin")),
            ("is_active", json!(true)),
            ("owner_id", json!(mia.id)),
            ("email", json!("eve@example.com")),
            ("id", json!(mia.id)),
            ("version", json!(9)),
            ("email_verified_at", json!(null)),
            ("password", json!("quiet lantern over the harbour")),
        ] {
            for method in ["PUT", "PATCH"] {
                let problem = send(&app, method, PATH, person, &json!({ name: value })).await;
                let problem = problem.problem(422, "validation_failed");
                assert_eq!(problem.errors(), [format!("#/{name} unknown_field")], "{method}");
            }
        }
    }
    assert_eq!(app.count("SELECT count(*) FROM users WHERE role = 'admin'").await, 0);
}

#[tokio::test]
async fn every_value_at_fault_is_named_at_once() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body = json!({ "username": "a b", "full_name": " ", "phone": "02-123-4567", "locale": "fr" });
    assert_eq!(
        send(&app, "PUT", PATH, &ada, &body).await.problem(422, "validation_failed").errors(),
        [
            "#/username invalid_characters",
            "#/full_name empty",
            "#/phone invalid_mobile_number",
            "#/locale unknown_value",
        ]
    );
    for name in ["username", "locale"] {
        let problem = send(&app, "PUT", PATH, &ada, &json!({ name: null })).await;
        assert_eq!(problem.problem(422, "validation_failed").errors(), [format!("#/{name} wrong_type")]);
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_refused_in_any_case() {
    let app = App::start().await;
    let (ada, _eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let _ = send(&app, "PUT", PATH, &ada, &json!({ "username": "EVE" })).await.problem(409, "username_taken");
    let same = send(&app, "PUT", PATH, &ada, &json!({ "username": "ADA" })).await.expect(200);
    assert_eq!(same.json()["username"], "ada");
}

/// An admin's own document is the admin's: the same rules as for anybody.
#[tokio::test]
async fn an_admin_may_say_more_of_themselves() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    app.person("boss", "admin").await;
    let body = json!({ "full_name": "Root", "role": "manager" });
    assert_eq!(send(&app, "PUT", PATH, &root, &body).await.expect(200).json()["role"], "manager");
    let refused = send(&app, "PUT", PATH, &root, &json!({ "role": "admin" })).await;
    assert_eq!(refused.problem(422, "validation_failed").errors(), ["#/role unknown_field"]);
}
