use callboard_shared::domain::Scope;
use callboard_tests::app::{App, Send as _};

use super::super::{call, key_of, path};
use super::PATH;

#[tokio::test]
async fn one_sees_oneself_with_the_etag() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let answer = call(&app, "GET", PATH, &ada).await.expect(200);
    let me = answer.json();
    assert_eq!((me["id"].as_str(), me["username"].as_str()), (Some(&*ada.id.to_string()), Some("ada")));
    assert_eq!(answer.header("etag"), format!("\"v{}\"", me["version"]));
    assert_eq!(call(&app, "GET", &path(ada.id), &ada).await.expect(200).json(), me);
    assert!(!answer.text().contains("argon2") && !answer.text().contains("password"), "{me}");

    let again = app.get(PATH).bearer_auth(&ada.token).header("if-none-match", answer.header("etag"));
    // The URL is the same for everybody: what one may keep is not another's answer.
    let again = again.answer().await.expect(200);
    assert_eq!(again.header("cache-control"), "no-store");
}

#[tokio::test]
async fn nobody_is_nobody() {
    let app = App::start().await;
    let answer = app.get(PATH).answer().await;
    let _ = answer.problem(401, "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

/// A key reads with its scope, and is never the person themselves.
#[tokio::test]
async fn a_key_reads_and_no_more() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let reader = key_of(&app, &ada, &[Scope::UsersRead]).await;
    let writer = key_of(&app, &ada, &[Scope::UsersWrite]).await;
    assert_eq!(call(&app, "GET", PATH, &reader).await.expect(200).json()["username"], "ada");
    let refused = call(&app, "GET", PATH, &writer).await;
    let _ = refused.problem(403, "insufficient_scope");
    assert!(refused.header("www-authenticate").contains(r#"scope="users:read""#), "{refused:?}");
    for method in ["PUT", "PATCH", "DELETE"] {
        let _ = call(&app, method, PATH, &reader).await.problem(403, "insufficient_scope");
    }
}
