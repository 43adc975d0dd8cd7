//! The list from Redis: when it is, when it is not, and that nobody sees an old one.

use std::time::{Duration, Instant};

use callboard_tests::{
    answer::Answer,
    app::{App, Person, Send as _},
    services::Services,
    wait::{SOON, wait_for, wait_until},
};
use futures::future::join_all;
use redis::aio::MultiplexedConnection;
use serde_json::{Value, json};
use sqlx::{Postgres, pool::PoolConnection};

use super::{change, column, item, path};

const LIST: &str = "/api/v1/items?sort=title";

/// The list, and what `X-Cache` says.
async fn list(app: &App) -> (String, Value) {
    let answer = app.get(LIST).answer().await.expect(200);
    (answer.header("x-cache").to_owned(), answer.json())
}

/// The titles on the list, and what `X-Cache` says.
async fn titles(app: &App) -> (String, Vec<String>) {
    let (cache, page) = list(app).await;
    (cache, column(&page, "title").into_iter().map(str::to_owned).collect())
}

async fn counted(app: &App, what: &str) -> f64 {
    app.metric(&format!("cache_{what}_total{{resource=\"items\"}}")).await
}

/// Counts how often PostgreSQL is asked for items, and holds up the first who asks
/// once its rows are settled, while the returned connection has the lock.
async fn first_read_hangs(app: &App) -> PoolConnection<Postgres> {
    let hold_up = "CREATE SEQUENCE reads;
        CREATE FUNCTION noted() RETURNS boolean LANGUAGE plpgsql AS $$
        BEGIN
            IF nextval('reads') = 1 THEN PERFORM pg_advisory_xact_lock_shared(20, 26); END IF;
            RETURN true;
        END $$;
        ALTER TABLE items RENAME TO stored_items;
        CREATE VIEW items AS SELECT * FROM stored_items WHERE (SELECT noted());";
    sqlx::raw_sql(hold_up).execute(app.pool()).await.unwrap();
    let mut lock = app.pool().acquire().await.unwrap();
    sqlx::query("SELECT pg_advisory_lock(20, 26)").execute(&mut *lock).await.unwrap();
    lock
}

async fn release(mut lock: PoolConnection<Postgres>) {
    sqlx::query("SELECT pg_advisory_unlock(20, 26)").execute(&mut *lock).await.unwrap();
}

async fn reads(app: &App) -> i64 {
    app.count("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM reads").await
}

async fn first_read_has_begun(app: &App) {
    wait_until(SOON, "the first reads", || async { reads(app).await == 1 }).await;
}

async fn redis(app: &App) -> (MultiplexedConnection, String) {
    let variable = |name| app.variables.iter().find(|(known, _)| *known == name).unwrap().1.to_owned();
    let client = redis::Client::open(variable("REDIS_URL")).unwrap();
    let key = format!("{{{}}}:cache:items", variable("QUEUE_PREFIX"));
    (client.get_multiplexed_async_connection().await.unwrap(), key)
}

#[tokio::test]
async fn a_miss_is_followed_by_hits_with_the_same_bytes() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    item(&app, &ada, "Studio", "1000").await;
    let miss = app.get(LIST).answer().await.expect(200);
    let hit = app.get(LIST).answer().await.expect(200);
    assert_eq!((miss.header("x-cache"), hit.header("x-cache")), ("miss", "hit"));
    assert_eq!(miss.body, hit.body);
    for answer in [&miss, &hit] {
        assert_eq!(answer.header("content-type"), "application/json");
        assert_eq!(answer.header("cache-control"), "no-store", "a write can't end what others keep");
        assert_eq!(column(&answer.json(), "title"), ["Studio"]);
    }
    let counts = [("misses", 1.0), ("hits", 1.0), ("fills", 1.0), ("invalidations", 1.0)];
    for (what, count) in counts {
        assert!((counted(&app, what).await - count).abs() < 0.1, "{what}");
    }
}

#[tokio::test]
async fn a_write_of_any_process_is_seen_at_once_by_all() {
    let app = App::start().await;
    let other = app.start_beside(&[]).await;
    let ada = app.person("ada", "member").await;
    let seen = |cache: &str, titles: &[&str]| (cache.to_owned(), titles.iter().map(ToString::to_string).collect());
    let cached = |titles: &'static [&str]| {
        let (app, other) = (&app, &other);
        async move {
            assert_eq!(self::titles(app).await, seen("miss", titles));
            assert_eq!(self::titles(app).await, seen("hit", titles));
            assert_eq!(self::titles(other).await, seen("hit", titles));
        }
    };
    cached(&[]).await;
    let studio = path(&item(&other, &ada, "Studio", "1000").await);
    cached(&["Studio"]).await;
    let body = json!({ "title": "Loft", "price": "1" });
    let _ = change(&other, "PUT", &studio, &ada, &body).await.expect(200);
    cached(&["Loft"]).await;
    let _ = change(&app, "PATCH", &studio, &ada, &json!({ "title": "Roof" })).await.expect(200);
    cached(&["Roof"]).await;
    let _ = change(&app, "PATCH", &studio, &ada, &json!({ "title": "" })).await.expect(422);
    assert_eq!(titles(&app).await.0, "hit", "what was refused has changed nothing");
    let _ = other.request("DELETE", &studio).bearer_auth(&ada.token).answer().await.expect(204);
    cached(&[]).await;
}

#[tokio::test]
async fn everybody_gets_the_same_list_and_no_other() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "admin").await);
    for (title, price) in [("Light", "2"), ("Studio", "1"), ("Set", "3")] {
        item(&app, &ada, title, price).await;
    }
    let plain = app.get(LIST).answer().await.expect(200);
    let as_whom = |person: &Person, language: &str| {
        app.get(LIST).bearer_auth(&person.token).header("accept-language", language).answer()
    };
    for answer in [as_whom(&ada, "ko").await, as_whom(&eve, "en").await] {
        assert_eq!((answer.header("x-cache"), &answer.body), ("hit", &plain.body));
    }
    // Each another list; in another order of parameters the same.
    let queries =
        ["limit=1", "limit=2", "fields=title", "fields=price", "q=S", "q=s", "sort=price", "price_gt=1", "skip=1", ""];
    let ask = |query: &str| app.get(&format!("/api/v1/items?{query}")).answer();
    let mut answers: Vec<Answer> = Vec::new();
    for query in queries {
        let answer = ask(query).await.expect(200);
        assert_eq!(answer.header("x-cache"), "miss", "{query}");
        answers.push(answer);
    }
    for (query, first) in queries.iter().zip(answers) {
        let again = ask(query).await.expect(200);
        assert_eq!((again.header("x-cache"), &again.body), ("hit", &first.body), "{query}");
    }
    let cursor = ask("limit=1").await.json()["next_cursor"].as_str().unwrap().to_owned();
    let pages = [format!("limit=1&cursor={cursor}"), format!("cursor={cursor}&limit=1")];
    assert_eq!(ask(&pages[0]).await.expect(200).header("x-cache"), "miss");
    assert_eq!(ask(&pages[1]).await.expect(200).header("x-cache"), "hit");
    let _ = ask("limit=0").await.problem(400, "invalid_parameter");
}

#[tokio::test]
async fn of_many_who_miss_at_once_one_reads() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    item(&app, &ada, "Studio", "1000").await;
    let lock = first_read_hangs(&app).await;
    let all = join_all((0..50).map(|_| titles(&app)));
    let meanwhile = async {
        wait_until(SOON, "all have missed", || async { counted(&app, "misses").await > 49.5 }).await;
        first_read_has_begun(&app).await;
        release(lock).await;
    };
    let (all, ()) = tokio::join!(all, meanwhile);
    assert!(all.iter().all(|(cache, titles)| cache == "miss" && titles == &["Studio"]), "{all:?}");
    assert_eq!(reads(&app).await, 1, "how often postgresql was asked");
    assert_eq!(titles(&app).await.0, "hit");
}

#[tokio::test]
async fn a_process_waits_a_while_for_another_that_reads() {
    let app = App::start().await;
    let other = app.start_beside(&[]).await;
    let lock = first_read_hangs(&app).await;
    let hanging = list(&app);
    let meanwhile = async {
        first_read_has_begun(&app).await;
        let asked = Instant::now();
        let all = join_all((0..20).map(|_| titles(&other))).await;
        assert!(asked.elapsed() >= Duration::from_millis(300), "it gave up after {:?}", asked.elapsed());
        assert!(all.iter().all(|(cache, _)| cache == "miss"), "{all:?}");
        assert_eq!(reads(&app).await, 2, "one reads for the whole process");
        release(lock).await;
    };
    let ((cache, _), ()) = tokio::join!(hanging, meanwhile);
    assert_eq!(cache, "miss");
    assert_eq!(list(&other).await.0, "hit", "what the first read");
}

/// A list is being read while `writer` writes; both are answered, and then it is
/// asked for again.
async fn written_while_read(app: &App, writer: &App) {
    let ada = app.person("ada", "member").await;
    let lock = first_read_hangs(app).await;
    let meanwhile = async {
        first_read_has_begun(app).await;
        item(writer, &ada, "Studio", "1").await;
        assert_eq!(titles(app).await.1, ["Studio"], "who asks after the write sees it");
        release(lock).await;
    };
    let ((_, early), ()) = tokio::join!(titles(app), meanwhile);
    assert!(early.is_empty(), "what was read before the write: {early:?}");
    assert_eq!(titles(app).await.1, ["Studio"], "it was not kept");
}

#[tokio::test]
async fn what_was_read_before_a_write_is_not_kept_after_it() {
    let app = App::start().await;
    written_while_read(&app, &app).await;
}

#[tokio::test]
async fn nor_where_another_process_wrote() {
    let app = App::start().await;
    let other = app.start_beside(&[]).await;
    written_while_read(&app, &other).await;
}

#[tokio::test]
async fn a_page_has_its_time() {
    let app = App::start_with(&[("LIST_CACHE_TTL_SECONDS", "1")]).await;
    let off = app.start_beside(&[("LIST_CACHE_TTL_SECONDS", "0")]).await;
    let ada = app.person("ada", "member").await;
    item(&app, &ada, "Studio", "1").await;
    assert_eq!(titles(&app).await.0, "miss");
    wait_until(SOON, "the page is served from redis", || async { titles(&app).await.0 == "hit" }).await;
    // Not through the API.
    sqlx::query("UPDATE items SET title = 'Loft'").execute(app.pool()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(titles(&off).await, ("miss".to_owned(), vec!["Loft".to_owned()]), "0 is off");
    }
    wait_until(SOON, "the page's time is over", || async { titles(&app).await.1 == ["Loft"] }).await;
}

#[tokio::test]
async fn what_others_put_under_the_key_is_removed() {
    let app = App::start().await;
    let (mut redis, key) = redis(&app).await;
    let _: String = redis::cmd("SET").arg(&key).arg("[1, 2]").query_async(&mut redis).await.unwrap();
    assert_eq!((list(&app).await.0, list(&app).await.0), ("miss".to_owned(), "hit".to_owned()), "a string");

    let fields: Vec<Vec<u8>> = redis::cmd("HKEYS").arg(&key).query_async(&mut redis).await.unwrap();
    let mut garble = redis::cmd("HSET");
    garble.arg(&key);
    for field in fields {
        garble.arg(field).arg("{\"items\": \"garbage\"}");
    }
    let _: i64 = garble.query_async(&mut redis).await.unwrap();
    let (cache, page) = list(&app).await;
    assert_eq!((cache.as_str(), &page["items"]), ("miss", &json!([])));
    assert_eq!(list(&app).await.0, "hit");

    let _: i64 = redis::cmd("PERSIST").arg(&key).query_async(&mut redis).await.unwrap();
    let _ = app.get("/api/v1/items?limit=1").answer().await.expect(200);
    let ends_in: i64 = redis::cmd("TTL").arg(&key).query_async(&mut redis).await.unwrap();
    assert!((0..=30).contains(&ends_in), "nothing is kept forever: {ends_in}");
}

#[tokio::test]
async fn a_resource_has_so_many_pages_and_no_more() {
    let app = App::start_with(&[("LIST_CACHE_TTL_SECONDS", "3600")]).await;
    for ten in 0..105 {
        let some = (0..10).map(|skip| app.get(&format!("/api/v1/items?skip={}", ten * 10 + skip)).answer());
        assert!(join_all(some).await.iter().all(|answer| answer.status == 200));
    }
    let (mut redis, key) = redis(&app).await;
    let fields: i64 = redis::cmd("HLEN").arg(&key).query_async(&mut redis).await.unwrap();
    assert!((900..=1_000).contains(&fields), "{fields}");
}

#[tokio::test]
async fn without_redis_the_list_comes_from_postgresql_and_from_redis_once_it_is_back() {
    let services = Services::start().await;
    let app = App::start_on(&services).await;
    let ada = app.person("ada", "member").await;
    item(&app, &ada, "Studio", "1").await;
    assert_eq!((list(&app).await.0, list(&app).await.0), ("miss".to_owned(), "hit".to_owned()));

    services.kill_redis().await;
    for number in 2..20 {
        let asked = Instant::now();
        item(&app, &ada, "Studio", "1").await;
        let (cache, page) = list(&app).await;
        assert_eq!((cache.as_str(), column(&page, "title").len()), ("miss", number), "each write shows at once");
        assert!(asked.elapsed() < Duration::from_secs(2), "nobody waits for redis: {:?}", asked.elapsed());
    }
    services.start_redis().await;
    let ((), took) = wait_for(SOON, "hits", || async { (list(&app).await.0 == "hit").then_some(()) }).await;
    println!("hits {took:?} after redis came back");
    item(&app, &ada, "Last", "1").await;
    assert_eq!(titles(&app).await.1.len(), 20);
    for line in ["redis does not serve cached lists", "redis answers again; lists come from it"] {
        let lines = app.logs().lines_with(line);
        assert_eq!(lines.len(), 1, "an outage is told once: {lines:#?}");
    }
}
