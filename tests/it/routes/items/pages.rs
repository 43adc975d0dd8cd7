//! Pages: by cursor in both directions, and by `skip`.

use std::cmp::Ordering;

use callboard_tests::app::{App, Person, Send as _};
use serde_json::{Value, json};

use super::{column, item, page, path};

/// Prices and titles repeat, so that only the id makes an order total.
async fn stock(app: &App) -> (Person, Vec<Value>) {
    let ada = app.person("ada", "member").await;
    let mut items = Vec::new();
    for n in 0..14 {
        items.push(item(app, &ada, ["c", "a", "b"][n % 3], ["200", "9", "1000", "9"][n % 4]).await);
    }
    (ada, items)
}

fn text<'a>(item: &'a Value, name: &str) -> &'a str {
    item[name].as_str().unwrap()
}

fn price(item: &Value) -> u64 {
    text(item, "price").parse().unwrap()
}

type Order = fn(&Value, &Value) -> Ordering;

/// The ids of all pages from the first on, each reached by the one before.
async fn forward(app: &App, query: &str) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = page(app, &format!("{query}{cursor}")).await;
        assert_eq!(page["has_prev"], !pages.is_empty(), "{page}");
        assert_eq!(page["prev_cursor"].is_string(), !pages.is_empty(), "{page}");
        assert_eq!(page["has_next"], page["next_cursor"].is_string(), "{page}");
        pages.push(column(&page, "id").into_iter().map(str::to_owned).collect());
        let Some(next) = page["next_cursor"].as_str() else { return pages };
        cursor = format!("&cursor={next}");
    }
}

/// The same from the last page back to the first.
async fn backward(app: &App, query: &str) -> Vec<Vec<String>> {
    let mut at = page(app, query).await;
    while let Some(next) = at["next_cursor"].as_str() {
        at = page(app, &format!("{query}&cursor={next}")).await;
    }
    let mut pages = Vec::new();
    loop {
        pages.insert(0, column(&at, "id").into_iter().map(str::to_owned).collect());
        let Some(prev) = at["prev_cursor"].as_str() else { return pages };
        let before = page(app, &format!("{query}&cursor={prev}")).await;
        assert!(before["has_next"] == true && before["next_cursor"].is_string(), "{before}");
        at = before;
    }
}

#[tokio::test]
async fn pages_are_the_whole_list_in_its_order_in_both_directions() {
    let app = App::start().await;
    let (_, items) = stock(&app).await;
    let orders: [(&str, Order); 6] = [
        ("", |a, b| text(b, "created_at").cmp(text(a, "created_at"))),
        ("sort=created_at", |a, b| text(a, "created_at").cmp(text(b, "created_at"))),
        ("sort=price", |a, b| (price(a), text(a, "id")).cmp(&(price(b), text(b, "id")))),
        ("sort=-price", |a, b| (price(b), text(b, "id")).cmp(&(price(a), text(a, "id")))),
        ("sort=-price,title", |a, b| {
            price(b).cmp(&price(a)).then(text(a, "title").cmp(text(b, "title"))).then(text(a, "id").cmp(text(b, "id")))
        }),
        ("sort=title,-price,id", |a, b| {
            text(a, "title").cmp(text(b, "title")).then(price(b).cmp(&price(a))).then(text(a, "id").cmp(text(b, "id")))
        }),
    ];
    for (query, order) in orders {
        let mut sorted = items.clone();
        sorted.sort_by(order);
        let ids: Vec<_> = sorted.iter().map(|item| text(item, "id").to_owned()).collect();
        for limit in [1, 4, 7, 14, 100] {
            let query = format!("{query}&limit={limit}").trim_start_matches('&').to_owned();
            let there = forward(&app, &query).await;
            assert_eq!(there.concat(), ids, "{query}");
            assert_eq!(there.len(), ids.len().div_ceil(limit), "{query}: no page is empty");
            assert!(there.iter().rev().skip(1).all(|page| page.len() == limit), "{query}: {there:?}");
            assert_eq!(backward(&app, &query).await, there, "{query}");
        }
    }
}

#[tokio::test]
async fn pages_of_a_filtered_list_stay_filtered() {
    let app = App::start().await;
    let (_, items) = stock(&app).await;
    let nines = items.iter().filter(|item| price(item) == 9).count();
    let ids = forward(&app, "price=9&sort=title&limit=2").await.concat();
    assert_eq!(ids.len(), nines);
    assert_eq!(forward(&app, "q=a&sort=-price&limit=2").await.concat().len(), 5);
}

#[tokio::test]
async fn skip_counts_off_and_tells_the_total() {
    let app = App::start().await;
    let (_, items) = stock(&app).await;
    let newest: Vec<_> = items.iter().rev().map(|item| text(item, "id")).collect();
    for (skip, limit, has_prev, has_next) in
        [(0, 5, false, true), (5, 5, true, true), (9, 5, true, false), (12, 5, true, false), (14, 5, true, false)]
    {
        let shown = page(&app, &format!("skip={skip}&limit={limit}")).await;
        let wanted: Vec<_> = newest.iter().skip(skip).take(limit).copied().collect();
        assert_eq!(column(&shown, "id"), wanted);
        assert_eq!((&shown["skip"], &shown["limit"], &shown["total"]), (&json!(skip), &json!(limit), &json!(14)));
        assert_eq!((&shown["has_prev"], &shown["has_next"]), (&json!(has_prev), &json!(has_next)), "{skip}");
    }
    assert_eq!(page(&app, "skip=10000").await["items"], json!([]));
}

#[tokio::test]
async fn the_total_is_counted_when_asked_for() {
    let app = App::start().await;
    stock(&app).await;
    let plain = page(&app, "limit=2").await;
    assert!(plain.get("total").is_none() && plain.get("skip").is_none(), "{plain}");
    let counted = page(&app, "limit=2&count=exact&price=9").await;
    assert_eq!(counted["total"], 7, "all that match, not all that are shown");
    let cursor = counted["next_cursor"].as_str().unwrap();
    let next = page(&app, &format!("limit=2&count=exact&price=9&cursor={cursor}")).await;
    assert_eq!((&next["total"], next.get("skip")), (&json!(7), None));
}

/// What comes or goes between two pages neither repeats nor hides a row; by
/// `skip` it would.
#[tokio::test]
async fn a_row_that_goes_hides_no_other() {
    let app = App::start().await;
    let (ada, items) = stock(&app).await;
    let first = page(&app, "sort=created_at&limit=4").await;
    let gone = app.request("DELETE", &path(&items[3])).bearer_auth(&ada.token);
    let _ = gone.answer().await.expect(204);
    item(&app, &ada, "new", "5").await;
    let cursor = text(&first, "next_cursor");
    let next = page(&app, &format!("sort=created_at&limit=4&cursor={cursor}")).await;
    let wanted: Vec<_> = items[4..8].iter().map(|item| text(item, "id")).collect();
    assert_eq!(column(&next, "id"), wanted, "though the row that the cursor was made of is gone");
}
