//! `GET /`

use callboard_tests::app::{App, Send as _};

#[tokio::test]
async fn says_where_to_go_from_here() {
    let app = App::start().await;
    let welcome = app.get("/").answer().await.expect(200).json();
    assert_eq!(welcome["app"], "callboard");
    for link in ["docs", "openapi", "health"] {
        let url = welcome[link].as_str().unwrap();
        let path = url.strip_prefix(&app.url("")).unwrap_or_else(|| panic!("{url}"));
        let _ = app.get(path).answer().await.expect(200);
    }
}
