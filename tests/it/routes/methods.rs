//! Methods that a path does not take.

use std::collections::{BTreeMap, BTreeSet};

use callboard_tests::app::{App, Send as _};

use super::operations;

const METHODS: [&str; 10] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS", "FROBNICATE", "get"];

const PAGES: [&str; 7] =
    ["/assets/page.css", "/docs", "/docs/swagger-ui.css", "/openapi.json", "/problems", "/problems/timeout", "/redoc"];

#[tokio::test]
async fn a_method_that_a_path_does_not_take_is_405_with_those_it_takes() {
    let app = App::start().await;
    let mut taken: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for operation in operations::all() {
        taken.entry(operation.path).or_default().insert(operation.method);
    }
    taken.extend(PAGES.map(|page| (page.to_owned(), BTreeSet::from(["GET".to_owned()]))));
    for (path, mut allowed) in taken {
        if allowed.contains("GET") {
            allowed.insert("HEAD".to_owned());
        }
        for method in METHODS {
            let answer = app.request(method, &path).answer().await;
            if allowed.contains(method) {
                let is_unknown = answer.status == 404 && answer.text().contains("unknown_route");
                assert!(answer.status != 405 && !is_unknown, "{method} {path}");
            } else {
                assert_eq!(answer.status, 405, "{method} {path}");
                if method != "HEAD" {
                    let _ = answer.problem(405, "method_not_allowed");
                }
                assert_eq!(answer.list("allow"), allowed, "{method} {path}");
            }
        }
    }
}

#[tokio::test]
async fn an_unknown_route_is_404_whatever_the_method() {
    let app = App::start().await;
    for method in METHODS.iter().filter(|method| **method != "HEAD") {
        let _ = app.request(method, "/api/v1/nowhere").answer().await.problem(404, "unknown_route");
    }
}

#[tokio::test]
async fn head_is_get_without_the_body() {
    let app = App::start().await;
    let pages = PAGES.map(str::to_owned);
    let paths = operations::all().into_iter().filter(|operation| operation.method == "GET").map(|get| get.path);
    for path in paths.chain(pages) {
        let (get, head) = (app.get(&path).answer().await, app.request("HEAD", &path).answer().await);
        assert_eq!(head.status, get.status, "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        assert!(head.body.is_empty(), "{path}");
    }
}
