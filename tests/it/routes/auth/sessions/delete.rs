use callboard_tests::app::{App, Send as _};
use serde_json::Value;
use uuid::Uuid;

const PATH: &str = "/api/v1/auth/sessions";

async fn me(app: &App, token: &str) -> u16 {
    app.get("/api/v1/auth/me").bearer_auth(token).answer().await.status
}

/// The ids of the sessions of whoever has this token, and which is its own.
async fn sessions(app: &App, token: &str) -> (Vec<String>, String) {
    let listed = app.get(PATH).bearer_auth(token).answer().await.expect(200).json();
    let items = listed["items"].as_array().unwrap();
    let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
    let current = items.iter().find(|item| item["is_current"] == true).map(id).unwrap();
    (items.iter().map(id).collect(), current)
}

/// Checklist 10.
#[tokio::test]
async fn ends_one() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    let (phone, desk) = (app.login("ada").await, app.login("ada").await);
    assert_eq!(me(&app, &phone).await, 200);
    let (_, id) = sessions(&app, &phone).await;
    let path = format!("{PATH}/{id}");
    let _ = app.request("DELETE", &path).bearer_auth(&desk).answer().await.expect(204);
    assert_eq!((me(&app, &phone).await, me(&app, &desk).await), (401, 200));
    let _ = app.request("DELETE", &path).bearer_auth(&desk).answer().await.problem(404, "not_found");
}

/// Checklist 10 and 21.
#[tokio::test]
async fn anothers_is_not_found() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.register("eve@example.com").await;
    let (ada, eve) = (app.login("ada").await, app.login("eve").await);
    let (_, id) = sessions(&app, &ada).await;
    for id in [id, Uuid::now_v7().to_string(), "nonsense".to_owned()] {
        let request = app.request("DELETE", &format!("{PATH}/{id}")).bearer_auth(&eve);
        let _ = request.answer().await.problem(404, "not_found");
    }
    assert_eq!(me(&app, &ada).await, 200);
}

/// Checklist 10.
#[tokio::test]
async fn ends_all_others() {
    let app = App::start().await;
    app.register("ada@example.com").await;
    app.register("eve@example.com").await;
    let eve = app.login("eve").await;
    let others = [app.login("ada").await, app.login("ada").await];
    let token = app.login("ada").await;
    for other in &others {
        assert_eq!(me(&app, other).await, 200);
    }
    let _ = app.request("DELETE", PATH).bearer_auth(&token).answer().await.expect(204);
    for other in &others {
        assert_eq!(me(&app, other).await, 401);
    }
    assert_eq!((me(&app, &token).await, me(&app, &eve).await), (200, 200));
    assert_eq!(sessions(&app, &token).await.0.len(), 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'session.revoked'").await, 2);
}
