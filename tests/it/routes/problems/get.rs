use std::collections::BTreeSet;

use callboard_api::error::Code;
use callboard_tests::answer::is_korean;
use callboard_tests::app::{App, Send as _};

#[tokio::test]
async fn every_code_has_a_page_in_both_languages() {
    let app = App::start().await;
    for code in Code::ALL {
        let entry = code.entry();
        let path = format!("/problems/{}", entry.slug);
        for (language, title, explanation) in
            [("en", &entry.title.en, &entry.explanation.en), ("ko", &entry.title.ko, &entry.explanation.ko)]
        {
            let page = app.get(&path).header("accept-language", language).answer().await.expect(200);
            assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
            assert_eq!(page.header("content-language"), language);
            let html = page.text();
            assert!(html.contains(&format!("<html lang=\"{language}\">")), "{html}");
            assert!(html.contains(entry.slug) && html.contains(&entry.status.as_u16().to_string()), "{html}");
            assert_eq!(is_korean(title), language == "ko", "{title}");
            for words in [title, explanation] {
                // Quotes and angle brackets are escaped there.
                let plain = words.split(['\'', '"', '<', '>', '&']).max_by_key(|part| part.len()).unwrap();
                assert!(html.contains(plain), "{plain} in {html}");
            }
        }
    }
}

#[tokio::test]
async fn the_index_lists_all_codes() {
    let app = App::start().await;
    let page = app.get("/problems").answer().await.expect(200);
    let html = page.text();
    let linked: BTreeSet<&str> =
        html.split("href=\"/problems/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
    assert_eq!(linked, Code::ALL.iter().map(|code| code.entry().slug).collect());
}

/// The `type` of a problem is the URL of its page.
#[tokio::test]
async fn the_type_of_a_problem_resolves() {
    let app = App::start().await;
    let problem = app.get("/nowhere").answer().await.problem(404, "unknown_route");
    let path = problem.0["type"].as_str().unwrap().strip_prefix(&app.url("")).unwrap().to_owned();
    let _ = app.get(&path).answer().await.expect(200);
}
