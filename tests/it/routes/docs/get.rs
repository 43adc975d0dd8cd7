use callboard_tests::app::{App, PASSWORD, Send as _};

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

/// What Swagger UI does when somebody fills in its form, and tries a route: its
/// page may send it, and the API takes it.
#[tokio::test]
async fn swagger_ui_gets_a_session_by_the_password_flow() {
    let app = App::start().await;
    let grace = app.register("grace@example.com").await;
    let page = app.get("/docs").answer().await.expect(200);
    assert!(page.header("content-security-policy").contains("connect-src 'self';"));
    let script = app.get("/docs/swagger-initializer.js").answer().await.expect(200);
    assert!(script.text().contains("\"tryItOutEnabled\": true"), "{}", script.text());
    // A token that is pasted or fetched is gone with the page.
    assert!(!script.text().contains("persistAuthorization"), "{}", script.text());

    let document = app.get("/openapi.json").answer().await.json();
    let flow = &document["components"]["securitySchemes"]["login"]["flows"]["password"];
    // Below the page's own origin, wherever that is.
    let token_url = flow["tokenUrl"].as_str().unwrap();
    assert_eq!((token_url, flow["refreshUrl"].as_str()), ("/api/v1/auth/login", Some("/api/v1/auth/refresh")));
    assert_eq!(flow["scopes"]["items:write"], "Make, change and delete items.");
    let fields = [("grant_type", "password"), ("username", "grace@example.com"), ("password", PASSWORD)];
    let tokens = app
        .request("POST", token_url)
        .header("authorization", "Basic Og==")
        .header("accept", "application/json, text/plain, */*")
        .header("x-requested-with", "XMLHttpRequest")
        .form(&fields)
        .answer()
        .await
        .expect(200)
        .json();
    let token = tokens["access_token"].as_str().unwrap();
    let me = app.get("/api/v1/users/me").bearer_auth(token).answer().await.expect(200).json();
    assert_eq!(me["id"], grace.to_string());

    let refreshed = [("grant_type", "refresh_token"), ("refresh_token", tokens["refresh_token"].as_str().unwrap())];
    let refreshed = app.request("POST", "/api/v1/auth/refresh").form(&refreshed).answer().await.expect(200).json();
    assert!(refreshed["access_token"].is_string(), "{refreshed}");
}
