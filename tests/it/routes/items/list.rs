//! What a list can be asked for, and what it refuses.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use callboard_tests::app::{App, Send as _};
use serde_json::json;

use super::{column, item, page};

#[tokio::test]
async fn filters_and_ranges_hold_together() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let studio = item(&app, &ada, "Studio", "1000").await;
    item(&app, &ada, "Light", "2000").await;
    let set = item(&app, &eve, "Set", "3000").await;
    let body = json!({ "title": "Lens", "price": "2.50", "currency": "USD" });
    let _ = app.post("/api/v1/items", &body).bearer_auth(&eve.token).answer().await.expect(201);

    let from = set["created_at"].as_str().unwrap();
    for (query, titles) in [
        ("title=Light".to_owned(), vec!["Light"]),
        ("title=light".to_owned(), vec![]),
        ("currency=USD".to_owned(), vec!["Lens"]),
        ("price=2000.00".to_owned(), vec!["Light"]),
        (format!("id={}", studio["id"].as_str().unwrap()), vec!["Studio"]),
        (format!("owner_id={}", eve.id), vec!["Set", "Lens"]),
        (format!("owner_id={}&currency=KRW", eve.id), vec!["Set"]),
        ("price_gte=2000".to_owned(), vec!["Light", "Set"]),
        ("price_gt=2000".to_owned(), vec!["Set"]),
        ("price_lte=1000".to_owned(), vec!["Studio", "Lens"]),
        ("price_lt=1000".to_owned(), vec!["Lens"]),
        ("price_gt=2.49&price_lt=2000".to_owned(), vec!["Studio", "Lens"]),
        (format!("created_at_gte={from}"), vec!["Set", "Lens"]),
        (format!("created_at_gt={from}"), vec!["Lens"]),
        (format!("created_at_lt={from}"), vec!["Studio", "Light"]),
        (format!("updated_at_lte={}", set["updated_at"].as_str().unwrap()), vec!["Studio", "Light", "Set"]),
        ("created_at_gte=2020-01-01T09:00:00%2B09:00&created_at_lt=2020-01-01T00:00:01Z".to_owned(), vec![]),
    ] {
        let found = page(&app, &format!("{query}&sort=created_at")).await;
        assert_eq!(column(&found, "title"), titles, "{query}");
    }
}

/// What stands for any text in SQL stands for itself here.
#[tokio::test]
async fn text_is_found_as_it_is_written() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for title in
        ["100% silk", "1000 silks", "snake_case", "snakeXcase", r"back\slash", "반나절 스튜디오 대여", "하루 대여"]
    {
        item(&app, &ada, title, "1").await;
    }
    let body = json!({ "title": "Lamp", "price": "1", "description": "스튜디오 조명, 100%" });
    let _ = app.post("/api/v1/items", &body).bearer_auth(&ada.token).answer().await.expect(201);
    for (words, titles) in [
        ("100%25", vec!["100% silk", "Lamp"]),
        ("%25", vec!["100% silk", "Lamp"]),
        ("e_c", vec!["snake_case"]),
        ("_", vec!["snake_case"]),
        ("%5C", vec![r"back\slash"]),
        ("SNAKE", vec!["snake_case", "snakeXcase"]),
        ("%EC%8A%A4%ED%8A%9C%EB%94%94%EC%98%A4", vec!["반나절 스튜디오 대여", "Lamp"]), // 스튜디오
        ("대여", vec!["반나절 스튜디오 대여", "하루 대여"]),
        ("+silk+", vec!["100% silk", "1000 silks"]),
        ("'; DROP TABLE items; --", vec![]),
    ] {
        let found = page(&app, &format!("q={words}&sort=created_at")).await;
        assert_eq!(column(&found, "title"), titles, "{words}");
    }
    assert_eq!(page(&app, "q=silk&price_gt=1&count=exact").await["total"], 0);
}

#[tokio::test]
async fn fields_are_those_asked_for() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    for title in ["a", "b", "c"] {
        item(&app, &ada, title, "1000").await;
    }
    let first = page(&app, "fields=title,price&sort=title&limit=2").await;
    assert_eq!(first["items"], json!([{ "title": "a", "price": "1000" }, { "title": "b", "price": "1000" }]));
    // The cursor knows the values of the order, shown or not.
    let cursor = first["next_cursor"].as_str().unwrap();
    let next = page(&app, &format!("fields=currency&sort=title&limit=2&cursor={cursor}")).await;
    assert_eq!(next["items"], json!([{ "currency": "KRW" }]));
}

#[tokio::test]
async fn a_list_has_what_one_item_has_and_is_not_stored_by_browsers() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let made = item(&app, &ada, "Studio", "1000").await;
    let answer = app.get("/api/v1/items").answer().await.expect(200);
    assert_eq!(answer.json(), json!({ "items": [made], "limit": 50, "has_next": false, "has_prev": false }));
    assert_eq!(answer.header("cache-control"), "no-store");
    assert_eq!(answer.header("etag"), "");
}

#[tokio::test]
async fn a_bad_parameter_is_refused_by_name() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    item(&app, &ada, "a", "1").await;
    item(&app, &ada, "b", "2").await;
    let by_price = page(&app, "limit=1&sort=price").await["next_cursor"].as_str().unwrap().to_owned();
    let long = "a".repeat(101);
    for (query, error) in [
        ("limit=0", "limit out_of_range"),
        ("limit=101", "limit out_of_range"),
        ("limit=1000000", "limit out_of_range"),
        ("limit=99999999999999999999", "limit out_of_range"),
        ("limit=x", "limit out_of_range"),
        ("limit=", "limit out_of_range"),
        ("limit=-1", "limit out_of_range"),
        ("limit=%2B5", "limit out_of_range"),
        ("limit=5.0", "limit out_of_range"),
        ("skip=10001", "skip out_of_range"),
        ("skip=-1", "skip out_of_range"),
        ("count=yes", "count invalid_value"),
        ("sort=id;drop", "sort invalid_sort"),
        ("sort=id%3Bdrop%20table%20items", "sort invalid_sort"),
        ("sort=", "sort invalid_sort"),
        ("sort=-", "sort invalid_sort"),
        ("sort=title,", "sort invalid_sort"),
        ("sort=title,-title", "sort invalid_sort"),
        ("sort=description", "sort invalid_sort"),
        ("sort=Title", "sort invalid_sort"),
        ("fields=title,nope", "fields unknown_field"),
        ("fields=", "fields unknown_field"),
        ("q=", "q invalid_value"),
        ("q=%00", "q invalid_value"),
        (&format!("q={long}"), "q invalid_value"),
        ("title=a%00", "title invalid_value"),
        ("id=5", "id invalid_value"),
        ("owner_id=' OR 1=1 --", "owner_id invalid_value"),
        ("price=cheap", "price invalid_value"),
        ("price_gte=", "price_gte invalid_value"),
        ("price_lt=NaN", "price_lt invalid_value"),
        ("created_at_gte=yesterday", "created_at_gte invalid_value"),
        ("created_at_gte=2026-01-01", "created_at_gte invalid_value"),
        ("limit=5&limit=5", "limit duplicate_parameter"),
        ("title=a&title=b", "title duplicate_parameter"),
        (&format!("sort=price&skip=1&cursor={by_price}"), "cursor conflicting_parameters"),
        ("cursor=", "cursor invalid_cursor"),
        ("cursor=!!", "cursor invalid_cursor"),
        ("cursor=bm90IGpzb24", "cursor invalid_cursor"),
        (&format!("cursor={by_price}"), "cursor invalid_cursor"),
        (&format!("sort=-price&cursor={by_price}"), "cursor invalid_cursor"),
        (&format!("sort=price,title&cursor={by_price}"), "cursor invalid_cursor"),
    ] {
        let answer = app.get(&format!("/api/v1/items?{query}")).answer().await;
        assert_eq!(answer.problem(400, "invalid_parameter").errors(), [error], "{query}");
    }
    for (query, errors) in [
        ("limits=5", vec!["limits unknown_parameter"]),
        ("description=a", vec!["description unknown_parameter"]),
        ("title_gte=a", vec!["title_gte unknown_parameter"]),
        ("created_at=2026-01-01T00:00:00Z", vec!["created_at unknown_parameter"]),
        ("price_ne=5&%00=1", vec!["\0 unknown_parameter", "price_ne unknown_parameter"]),
    ] {
        let answer = app.get(&format!("/api/v1/items?{query}")).answer().await;
        assert_eq!(answer.problem(400, "unknown_parameter").errors(), errors, "{query}");
    }
    let answer = app.get("/api/v1/items?limit=0&sort=x&nope=1").answer().await;
    let all = ["limit out_of_range", "nope unknown_parameter", "sort invalid_sort"];
    assert_eq!(answer.problem(400, "invalid_parameter").errors(), all, "all at once");
}

/// A cursor is no secret and not signed: one that a client makes up is parsed
/// like any other parameter.
#[tokio::test]
async fn a_forged_cursor_is_no_more_than_a_filter() {
    let app = App::start().await;
    let forge = |cursor: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(cursor.to_string());
    let id = "019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11";
    for cursor in [
        json!({ "s": "price,id", "v": ["1); DROP TABLE items; --", id] }),
        json!({ "s": "price,id", "v": ["1"] }),
        json!({ "s": "price,id", "v": ["1", id, id] }),
        json!({ "s": "price,id; DROP TABLE items", "v": ["1", id] }),
        json!({ "s": "price,id", "v": ["1", id], "x": 1 }),
        json!({ "s": "price,id", "v": [1, id] }),
        json!(["price,id"]),
    ] {
        let path = format!("/api/v1/items?sort=price&cursor={}", forge(cursor.clone()));
        let problem = app.get(&path).answer().await.problem(400, "invalid_parameter");
        assert_eq!(problem.errors(), ["cursor invalid_cursor"], "{cursor}");
    }
    let harmless = forge(json!({ "s": "price,id", "v": ["1", id] }));
    assert_eq!(page(&app, &format!("sort=price&cursor={harmless}")).await["items"], json!([]));
}

#[tokio::test]
async fn everybody_may_list_whatever_token_they_bring() {
    let app = App::start().await;
    for token in [None, Some("nonsense")] {
        let request = app.get("/api/v1/items");
        let request = if let Some(token) = token { request.bearer_auth(token) } else { request };
        assert_eq!(request.answer().await.expect(200).json()["items"], json!([]));
    }
}
