//! There is always an admin left.

use callboard_tests::{
    app::{App, Person},
    wait::{SOON, wait_for},
};
use serde_json::json;

use super::{call, path, send};

const ADMINS: &str = "SELECT count(*) FROM users WHERE role = 'admin' AND is_active";

#[tokio::test]
async fn the_last_one_is_not_taken_away() {
    let app = App::start().await;
    let root = app.person("root", "admin").await;
    // An admin who can't log in is none.
    app.person("gone", "admin").await;
    sqlx::query("UPDATE users SET is_active = false WHERE username = 'gone'").execute(app.pool()).await.unwrap();
    for path in [path(root.id), "/api/v1/users/me".to_owned()] {
        let _ = call(&app, "DELETE", &path, &root).await.problem(409, "last_admin");
        for body in [json!({ "role": "member" }), json!({ "is_active": false })] {
            for method in ["PUT", "PATCH"] {
                let _ = send(&app, method, &path, &root, &body).await.problem(409, "last_admin");
            }
        }
    }
    // All else of them may be changed.
    let body = json!({ "full_name": "Root", "role": "admin", "is_active": true });
    let _ = send(&app, "PUT", &path(root.id), &root, &body).await.expect(200);
    app.person("boss", "admin").await;
    let _ = call(&app, "DELETE", "/api/v1/users/me", &root).await.expect(204);
    assert_eq!(app.count(ADMINS).await, 1);
}

/// Two who take each other's place at the same moment: one of them stays.
#[tokio::test]
async fn two_do_not_take_each_other_away() {
    let app = App::start().await;
    let mut pair = (app.person("root", "admin").await, app.person("boss", "admin").await);
    for (method, body) in
        [("PATCH", json!({ "role": "member" })), ("PUT", json!({ "is_active": false })), ("DELETE", json!({}))]
    {
        let mut statuses = at_once(&app, &pair, method, &body).await;
        let winner = usize::from(![200, 204].contains(&statuses[0]));
        statuses.sort_unstable();
        assert_eq!(statuses, [if method == "DELETE" { 204 } else { 200 }, 409], "{method}");
        assert_eq!(app.count(ADMINS).await, 1, "{method}");
        let winner = if winner == 0 { pair.0 } else { pair.1 };
        pair = (winner, app.person(&format!("next-{}", method.to_lowercase()), "admin").await);
    }
}

/// Both requests, each on the other one's row, held up until both have come to
/// where they must wait for each other.
async fn at_once(app: &App, (one, other): &(Person, Person), method: &str, body: &serde_json::Value) -> [u16; 2] {
    let mut holder = app.pool().begin().await.unwrap();
    sqlx::query("SELECT id FROM users FOR UPDATE").execute(&mut *holder).await.unwrap();
    let waiting =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let release = async {
        let both = || async { (app.count(waiting).await == 2).then_some(()) };
        wait_for(SOON, "both wait", both).await;
        holder.rollback().await.unwrap();
    };
    let (other_path, one_path) = (path(other.id), path(one.id));
    let (first, second, ()) =
        tokio::join!(send(app, method, &other_path, one, body), send(app, method, &one_path, other, body), release);
    [first.status, second.status]
}
