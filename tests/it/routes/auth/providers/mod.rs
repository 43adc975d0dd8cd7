//! `/api/v1/auth/providers`

use callboard_tests::app::{App, Send as _};
use callboard_tests::provider::{CLIENT_SECRET, Provider};
use serde_json::json;

use super::oauth::app_with;

const PATH: &str = "/api/v1/auth/providers";

#[tokio::test]
async fn lists_those_that_are_set_up() {
    let provider = Provider::start().await;
    let app = app_with(&provider).await;
    let answer = app.get(PATH).answer().await.expect(200);
    let names: Vec<_> = answer.json()["items"].as_array().unwrap().iter().map(|item| item["name"].clone()).collect();
    assert_eq!(names, ["github", "google", "kakao"]);
    let google = json!({ "name": "google", "title": "Google", "url": app.url("/api/v1/auth/oauth/google") });
    assert_eq!(answer.json()["items"][1], google);
    assert!(!answer.text().contains(CLIENT_SECRET));

    let none = App::start().await;
    assert_eq!(none.get(PATH).answer().await.expect(200).json(), json!({ "items": [] }));
}
