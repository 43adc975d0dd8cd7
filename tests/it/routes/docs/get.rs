use callboard_tests::app::{App, Send as _};

/// The values of this attribute in a page.
fn attributes<'a>(html: &'a str, name: &str) -> Vec<&'a str> {
    html.split(&format!("{name}=\"")).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test]
async fn swagger_ui_loads_everything_from_here() {
    let app = App::start().await;
    let page = app.get("/docs").answer().await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    let policy = page.header("content-security-policy");
    assert!(!policy.contains("http") && policy.contains("script-src 'self';"), "{policy}");
    let html = page.text();
    assert!(!html.contains("://"), "{html}");
    let assets: Vec<_> = [attributes(html, "src"), attributes(html, "href")].concat();
    assert!(assets.len() >= 5, "{assets:?}");
    for asset in assets {
        let file = app.get(asset).answer().await.expect(200);
        assert!(!file.body.is_empty(), "{asset}");
        let expected = match asset.rsplit('.').next().unwrap() {
            "js" => "text/javascript",
            "css" => "text/css",
            _ => "image/png",
        };
        assert!(file.header("content-type").starts_with(expected), "{asset}: {}", file.header("content-type"));
    }
    let script = app.get("/docs/swagger-initializer.js").answer().await.expect(200);
    assert!(script.text().contains("/openapi.json"), "{}", script.text());
}

#[tokio::test]
async fn redoc_shows_the_description() {
    let app = App::start().await;
    let page = app.get("/redoc").answer().await.expect(200);
    assert!(page.header("content-type").starts_with("text/html"));
    assert_eq!(attributes(page.text(), "spec-url"), ["/openapi.json"]);
    // Its script is the only thing from elsewhere, and the policy names where.
    let policy = page.header("content-security-policy");
    for script in attributes(page.text(), "src") {
        let origin = script.split('/').take(3).collect::<Vec<_>>().join("/");
        assert!(policy.contains(&format!("script-src {origin}")), "{script} against {policy}");
    }
}
