use callboard_tests::app::{App, Send as _};
use serde_json::json;

use super::{change, item, path};

#[tokio::test]
async fn one_is_shown_to_everybody_with_its_etag() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = item(&app, &ada, "Studio", "1000").await;
    let answer = app.get(&path(&made)).answer().await.expect(200);
    assert_eq!(answer.json(), made);
    assert_eq!(answer.header("etag"), "\"v1\"");
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    let head = app.request("HEAD", &path(&made)).answer().await.expect(200);
    assert_eq!((head.header("etag"), head.body.len()), ("\"v1\"", 0));
}

#[tokio::test]
async fn what_the_client_has_already_is_not_sent_again() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = item(&app, &ada, "Studio", "1000").await;
    let get = |tags: &str| app.get(&path(&made)).header("if-none-match", tags).answer();
    // Proxies that compress make a strong tag weak.
    for tags in ["\"v1\"", "W/\"v1\"", "*", "\"v0\", W/\"v1\"", "\"x\",\"v1\""] {
        let answer = get(tags).await.expect(304);
        assert_eq!((answer.header("etag"), answer.body.len()), ("\"v1\"", 0), "{tags}");
        assert_eq!(answer.header("cache-control"), "private, no-cache");
    }
    for tags in ["\"v2\"", "\"1\"", "W/\"v10\"", "\"v0\", \"v2\""] {
        assert_eq!(get(tags).await.expect(200).json(), made, "{tags}");
    }
    for tags in ["v1", "\"v1", "W/v1", "'v1'"] {
        let _ = get(tags).await.problem(400, "malformed_request");
    }
    let _ = change(&app, "PATCH", &path(&made), &ada, &json!({ "price": "2" })).await.expect(200);
    assert_eq!(get("\"v1\"").await.expect(200).header("etag"), "\"v2\"");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let app = App::start().await;
    for id in ["019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11", "5", "%00", "'"] {
        let _ = app.get(&format!("/api/v1/items/{id}")).answer().await.problem(404, "not_found");
    }
}

#[tokio::test]
async fn a_trailing_slash_leads_to_the_same() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = item(&app, &ada, "Studio", "1000").await;
    assert_eq!(app.get(&format!("{}/", path(&made))).answer().await.expect(200).json(), made);
    let _ = app.get("/api/v1/items/").answer().await.expect(200);
}
