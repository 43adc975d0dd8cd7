use callboard_tests::app::{App, Send as _};
use serde_json::json;

#[tokio::test]
async fn it_makes_one_that_is_the_callers_own() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let body = json!({ "title": "  Half-day studio rental ", "price": "250000", "description": "Studio A" });
    let answer = app.post("/api/v1/items", &body).bearer_auth(&ada.token).answer().await.expect(201);
    let made = answer.json();
    assert_eq!(answer.header("location"), format!("/api/v1/items/{}", made["id"].as_str().unwrap()));
    assert_eq!((answer.header("etag"), answer.header("cache-control")), ("\"v1\"", "no-store"));
    assert_eq!(app.get(answer.header("location")).answer().await.expect(200).json(), made);
    assert_eq!(made["title"], "Half-day studio rental");
    assert_eq!((&made["price"], &made["currency"]), (&json!("250000"), &json!("KRW")), "the won is the default");
    assert_eq!((&made["description"], &made["version"]), (&json!("Studio A"), &json!(1)));
    assert_eq!(made["owner_id"], ada.id.to_string());
    for time in ["created_at", "updated_at"] {
        assert!(made[time].as_str().unwrap().ends_with('Z'), "{made}");
    }

    let entry: (String, String, uuid::Uuid) =
        sqlx::query_as("SELECT actor, action, resource_id FROM audit_log WHERE resource = 'item'")
            .fetch_one(app.pool())
            .await
            .unwrap();
    assert_eq!(
        entry,
        (format!("user:{}", ada.id), "item.created".into(), made["id"].as_str().unwrap().parse().unwrap())
    );
}

#[tokio::test]
async fn a_price_fits_its_currency() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let post = |price: &str, currency: &str| {
        let body = json!({ "title": "Studio", "price": price, "currency": currency });
        app.post("/api/v1/items", &body).bearer_auth(&ada.token).answer()
    };
    for (price, currency, shown) in [
        ("50000", "KRW", "50000"),
        ("12.5", "USD", "12.50"),
        ("12", "EUR", "12"),
        ("999999999999.99", "USD", "999999999999.99"),
    ] {
        let made = post(price, currency).await.expect(201).json();
        assert_eq!((&made["price"], &made["currency"]), (&json!(shown), &json!(currency)));
    }
    for (price, currency, errors) in [
        ("0", "KRW", ["#/price not_positive"]),
        ("-5", "KRW", ["#/price not_positive"]),
        ("0.5", "KRW", ["#/price too_many_digits"]),
        ("1.001", "USD", ["#/price too_many_digits"]),
        ("1000000000000", "KRW", ["#/price too_large"]),
        ("", "KRW", ["#/price invalid_amount"]),
        ("1e3", "KRW", ["#/price invalid_amount"]),
        ("NaN", "KRW", ["#/price invalid_amount"]),
        ("5", "krw", ["#/currency unknown_value"]),
        ("5", "XXX", ["#/currency unknown_value"]),
        ("5", "", ["#/currency unknown_value"]),
    ] {
        let problem = post(price, currency).await.problem(422, "validation_failed");
        assert_eq!(problem.errors(), errors, "{price} {currency}");
    }
    assert_eq!(app.count("SELECT count(*) FROM items").await, 4);
}

#[tokio::test]
async fn every_value_at_fault_is_told() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let good = json!({ "title": "Studio", "price": "1" });
    for (name, value, error) in [
        ("title", json!(""), "#/title empty"),
        ("title", json!("a".repeat(201)), "#/title too_long"),
        ("title", json!("a\nb"), "#/title invalid_characters"),
        ("title", json!(null), "#/title wrong_type"),
        ("title", json!(5), "#/title wrong_type"),
        ("description", json!(" "), "#/description empty"),
        ("description", json!("가".repeat(10_001)), "#/description too_long"),
        ("description", json!("a\u{0}b"), "#/description invalid_characters"),
        ("price", json!(5), "#/price wrong_type"),
        // What the server decides is no field of the body.
        ("owner_id", json!(ada.id), "#/owner_id unknown_field"),
        ("id", json!(ada.id), "#/id unknown_field"),
        ("version", json!(7), "#/version unknown_field"),
        ("created_at", json!("2020-01-01T00:00:00Z"), "#/created_at unknown_field"),
    ] {
        let mut body = good.clone();
        body[name] = value;
        let answer = app.post("/api/v1/items", &body).bearer_auth(&ada.token).answer().await;
        assert_eq!(answer.problem(422, "validation_failed").errors(), [error], "{body}");
    }
    let body = json!({ "title": "", "description": "", "price": "0", "currency": "KRW" });
    let problem =
        app.post("/api/v1/items", &body).bearer_auth(&ada.token).header("accept-language", "ko").answer().await;
    assert_eq!(
        problem.problem(422, "validation_failed").errors(),
        ["#/title empty", "#/description empty", "#/price not_positive"]
    );
    assert_eq!(app.count("SELECT count(*) FROM items").await, 0);
}

#[tokio::test]
async fn only_who_has_a_verified_address_writes() {
    let app = App::start().await;
    let body = json!({ "title": "Studio", "price": "1" });
    let answer = app.post("/api/v1/items", &body).answer().await;
    let _ = answer.problem(401, "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
    app.register("eve@example.com").await;
    let token = app.login("eve").await;
    let _ = app.post("/api/v1/items", &body).bearer_auth(&token).answer().await.problem(403, "email_unverified");
    assert_eq!(app.count("SELECT count(*) FROM items").await, 0);
}
