use callboard_shared::domain::Scope;
use callboard_tests::app::{App, Person, Send as _};
use serde_json::Value;

use super::{PATH, call, key_of};

async fn list(app: &App, by: &Person, query: &str) -> Value {
    call(app, "GET", &format!("{PATH}?{query}"), by).await.expect(200).json()
}

fn names(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|user| user["username"].as_str().unwrap()).collect()
}

/// An admin, and three others in the order of their names.
async fn four(app: &App) -> Person {
    let root = app.person("root", "admin").await;
    for (name, role) in [("ada", "member"), ("eve", "member"), ("mia", "manager")] {
        app.person(name, role).await;
    }
    for statement in [
        "UPDATE users SET is_active = false WHERE username = 'eve'",
        "UPDATE users SET full_name = '김미아', locale = 'ko' WHERE username = 'mia'",
    ] {
        sqlx::query(statement).execute(app.pool()).await.unwrap();
    }
    root
}

#[tokio::test]
async fn only_admins_may() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    for role in ["member", "manager"] {
        let answer = call(&app, "GET", PATH, &app.person(role, role).await).await;
        let problem = answer.problem(403, "forbidden");
        assert!(problem.0["detail"].as_str().unwrap().contains("admin"), "{}", problem.0);
    }
    let _ = app.get(PATH).answer().await.problem(401, "unauthenticated");
    let _ = call(&app, "GET", PATH, &root).await.expect(200);
    let _ = call(&app, "GET", PATH, &key_of(&app, &root, &[Scope::UsersRead]).await).await.expect(200);
    let other = key_of(&app, &root, &[Scope::UsersWrite, Scope::AuditRead]).await;
    let _ = call(&app, "GET", PATH, &other).await.problem(403, "insufficient_scope");
}

#[tokio::test]
async fn filters_search_and_order_pick_users() {
    let app = App::start().await;
    let root = four(&app).await;
    for (query, expected) in [
        ("sort=username", &["ada", "eve", "mia", "root"][..]),
        ("", &["mia", "eve", "ada", "root"]),
        ("role=member&sort=-username", &["eve", "ada"]),
        ("role=manager", &["mia"]),
        ("is_active=false", &["eve"]),
        ("locale=ko", &["mia"]),
        ("email=ADA@Example.com", &["ada"]),
        ("username=EVE", &["eve"]),
        ("q=%EA%B9%80%EB%AF%B8", &["mia"]),
        ("q=ADA%40", &["ada"]),
        ("q=%25", &[]),
        ("sort=email&limit=2", &["ada", "eve"]),
        ("created_at_lt=2020-01-01T00:00:00Z", &[]),
    ] {
        assert_eq!(names(&list(&app, &root, query).await), expected, "{query}");
    }
}

#[tokio::test]
async fn pages_follow_each_other_in_any_order() {
    let app = App::start().await;
    let root = four(&app).await;
    for sort in ["username", "-email", "created_at", "-updated_at"] {
        let all = list(&app, &root, &format!("sort={sort}")).await;
        let first = list(&app, &root, &format!("sort={sort}&limit=3")).await;
        let cursor = first["next_cursor"].as_str().unwrap();
        let second = list(&app, &root, &format!("sort={sort}&limit=3&cursor={cursor}")).await;
        assert_eq!([names(&first), names(&second)].concat(), names(&all), "{sort}");
        assert_eq!((&second["has_next"], &second["has_prev"]), (&Value::Bool(false), &Value::Bool(true)));
    }
}

/// S2.3: `skip` from 0, `limit` from 1 to 100.
#[tokio::test]
async fn skip_and_limit_have_their_bounds() {
    let app = App::start().await;
    let root = four(&app).await;
    let page = list(&app, &root, "skip=1&limit=2&sort=username").await;
    assert_eq!((names(&page), &page["total"], &page["skip"]), (vec!["eve", "mia"], &4.into(), &1.into()));
    for query in ["limit=1", "limit=100", "skip=0", "skip=10000"] {
        list(&app, &root, query).await;
    }
    for query in ["limit=0", "limit=101", "limit=1000000", "limit=-1", "limit=x", "limit=", "skip=-1", "skip=10001"] {
        let name = query.split('=').next().unwrap();
        let problem = call(&app, "GET", &format!("{PATH}?{query}"), &root).await.problem(400, "invalid_parameter");
        assert_eq!(problem.errors(), [format!("{name} out_of_range")], "{query}");
    }
}

#[tokio::test]
async fn odd_parameters_are_the_clients_fault() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    for query in [
        "sort=id;drop",
        "sort=password_hash",
        "password_hash=x",
        "role=king",
        "is_active=2",
        "locale='",
        "q=%00",
        "email=%00",
        "fields=password_hash",
        "limit=1&limit=2",
        "cursor=x",
        "cursor=x&skip=1",
        "full_name=Ada",
    ] {
        assert_eq!(
            call(&app, "GET", &format!("{PATH}?{query}"), &root).await.any_problem().0["status"],
            400,
            "{query}"
        );
    }
    assert!(names(&list(&app, &root, "email=%27%3B--").await).is_empty());
}

/// Checklist 24.
#[tokio::test]
async fn no_hash_is_in_it() {
    let app = App::start().await;
    let root = four(&app).await;
    let answer = call(&app, "GET", PATH, &root).await.expect(200);
    assert!(!answer.text().contains("argon2") && !answer.text().contains("password"), "{}", answer.text());
    let sparse = list(&app, &root, "fields=id,email&limit=1").await;
    let shown: Vec<_> = sparse["items"][0].as_object().unwrap().keys().collect();
    assert_eq!(shown, ["email", "id"]);
}
