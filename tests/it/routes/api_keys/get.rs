use callboard_tests::app::{App, Send as _};
use serde_json::json;

use super::{PATH, make};

#[tokio::test]
async fn lists_ones_own_by_pages() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "admin").await);
    for _ in 0..3 {
        make(&app, &ada, &["items:read"]).await;
    }
    let theirs = make(&app, &eve, &["items:read"]).await;
    let page = app.get(&format!("{PATH}?limit=2")).bearer_auth(&ada.token).answer().await.expect(200).json();
    assert_eq!((page["items"].as_array().unwrap().len(), &page["has_next"]), (2, &json!(true)));
    let next = page["next_cursor"].as_str().unwrap();
    let rest = app.get(&format!("{PATH}?limit=2&cursor={next}")).bearer_auth(&ada.token).answer().await.expect(200);
    assert_eq!(rest.json()["items"].as_array().unwrap().len(), 1);
    assert!(!rest.text().contains(theirs["id"].as_str().unwrap()));
    let _ =
        app.get(&format!("{PATH}?user_id=x")).bearer_auth(&ada.token).answer().await.problem(400, "unknown_parameter");
}

/// Checklist 21: an admin's too, since whoever has the key acts as its user.
#[tokio::test]
async fn anothers_is_not_found() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "admin").await);
    let id = make(&app, &ada, &["items:read"]).await["id"].as_str().unwrap().to_owned();
    for method in ["GET", "DELETE"] {
        for path in [format!("{PATH}/{id}"), format!("{PATH}/{}", uuid::Uuid::now_v7()), format!("{PATH}/x")] {
            let _ = app.request(method, &path).bearer_auth(&eve.token).answer().await.problem(404, "not_found");
        }
    }
    let _ = app.get(&format!("{PATH}/{id}")).bearer_auth(&ada.token).answer().await.expect(200);
    let _ = app.get(PATH).answer().await.problem(401, "unauthenticated");
}
