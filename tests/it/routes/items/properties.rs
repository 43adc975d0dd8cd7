//! What holds for any list, any change and any number of duplicates.

use std::{collections::HashMap, sync::Mutex};

use callboard_tests::app::{App, Person, Send as _};
use futures::future::{join, join_all};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, any, prop_oneof},
    prop_assert, prop_assert_eq,
    sample::select,
    test_runner::{Config, TestCaseError, TestRunner},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::{change, column, item, page, path};

/// The number of cases; `PROPTEST_CASES` asks for more.
const CASES: u32 = 10;

fn runner() -> TestRunner {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    TestRunner::new(Config { cases, max_shrink_iters: 20, failure_persistence: None, ..Config::default() })
}

/// One walk through a list that changes meanwhile.
#[derive(Debug, Clone)]
struct Walk {
    sort: &'static str,
    limit: usize,
    /// From the last page to the first.
    is_backwards: bool,
    /// What comes (with this price and title) or goes while each page is read.
    churn: Vec<(bool, u8, u8)>,
}

fn walk() -> impl Strategy<Value = Walk> {
    let sort = select(vec!["created_at", "-created_at", "title", "-price", "price,-title", "-title,price", "id"]);
    let churn = vec((any::<bool>(), 1..5_u8, 0..4_u8), 1..60);
    (sort, 1..12_usize, any::<bool>(), churn).prop_map(|(sort, limit, is_backwards, churn)| Walk {
        sort,
        limit,
        is_backwards,
        churn,
    })
}

/// Somebody who makes items, and takes earlier ones of theirs away.
struct Churner<'a> {
    app: &'a App,
    person: &'a Person,
    items: Mutex<Vec<Value>>,
}

impl Churner<'_> {
    async fn step(&self, step: Option<&(bool, u8, u8)>) {
        let Some(&(comes, price, title)) = step else { return };
        if comes {
            let title = char::from(b'a' + title).to_string();
            let made = item(self.app, self.person, &title, &price.to_string()).await;
            self.items.lock().unwrap().push(made);
            return;
        }
        let goes = {
            let mut items = self.items.lock().unwrap();
            let which = usize::from(price * 4 + title) % items.len().max(1);
            (!items.is_empty()).then(|| items.remove(which))
        };
        if let Some(item) = goes {
            let request = self.app.request("DELETE", &path(&item)).bearer_auth(&self.person.token);
            let _ = request.answer().await.expect(204);
        }
    }
}

async fn ids_along(app: &App, churner: &Churner<'_>, walk: &Walk) -> Vec<String> {
    let query = format!("sort={}&limit={}", walk.sort, walk.limit);
    let mut at = page(app, &query).await;
    if walk.is_backwards {
        while let Some(next) = at["next_cursor"].as_str() {
            at = page(app, &format!("{query}&cursor={next}")).await;
        }
    }
    let (name, mut steps, mut seen) =
        (if walk.is_backwards { "prev_cursor" } else { "next_cursor" }, walk.churn.iter(), Vec::new());
    loop {
        let ids: Vec<_> = column(&at, "id").into_iter().map(str::to_owned).collect();
        if walk.is_backwards {
            seen.splice(0..0, ids)
        } else {
            seen.splice(seen.len().., ids)
        };
        let Some(cursor) = at[name].as_str() else { return seen };
        let query = format!("{query}&cursor={cursor}");
        // Some of it before the page, some while it is read. It comes to an end, or
        // what is added behind pages of one row would keep this going for ever.
        churner.step(steps.next()).await;
        at = join(page(app, &query), churner.step(steps.next())).await.0;
    }
}

/// Rows that were there all along appear exactly once, in their order, whatever
/// comes and goes meanwhile.
#[test]
fn pages_concatenate_to_the_whole_list_while_it_changes() {
    let runtime = Runtime::new().unwrap();
    let (app, ada, eve) = runtime.block_on(async {
        let app = App::start().await;
        let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
        for n in 0..40 {
            item(&app, &ada, ["a", "c", "b", "d"][n % 4], ["1", "3", "2"][n % 3]).await;
        }
        (app, ada, eve)
    });
    let churner = Churner { app: &app, person: &eve, items: Mutex::default() };
    let outcome = runner().run(&walk(), |walk| {
        runtime.block_on(async {
            let all = format!("sort={}&limit=100&owner_id={}", walk.sort, ada.id);
            let stable = page(&app, &all).await;
            let stable: Vec<_> = column(&stable, "id").into_iter().map(str::to_owned).collect();
            prop_assert_eq!(stable.len(), 40);
            let seen = ids_along(&app, &churner, &walk).await;
            let mut times: HashMap<&String, usize> = HashMap::new();
            for id in &seen {
                *times.entry(id).or_default() += 1;
            }
            prop_assert!(times.values().all(|times| *times == 1), "a row was seen twice");
            let kept: Vec<_> = seen.iter().filter(|id| stable.contains(id)).cloned().collect();
            prop_assert_eq!(kept, stable);
            Ok(())
        })
    });
    outcome.unwrap();
    runtime.block_on(async { drop(app) });
}

/// Small sets of values, so that many patches change nothing.
fn patch() -> impl Strategy<Value = Value> {
    let field = |values: Vec<Value>| prop_oneof![3 => Just(None), 2 => select(values).prop_map(Some)];
    let title = field(vec![json!("a"), json!("b"), json!(" a "), json!(""), json!(null)]);
    let description = field(vec![json!("x"), json!("y"), json!(null), json!("x\n"), json!("\u{0}")]);
    let price =
        field(vec![json!("1"), json!("01"), json!("2"), json!("2.50"), json!("0"), json!("2.5"), json!("1.00")]);
    let currency = field(vec![json!("KRW"), json!("USD"), json!(null), json!("???")]);
    (title, description, price, currency).prop_map(|(title, description, price, currency)| {
        let fields = [("title", title), ("description", description), ("price", price), ("currency", currency)];
        fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
    })
}

async fn shown(app: &App, path: &str) -> (String, Value) {
    let answer = app.get(path).answer().await.expect(200);
    (answer.header("etag").to_owned(), answer.json())
}

#[test]
fn the_etag_changes_exactly_when_the_body_does() {
    let runtime = Runtime::new().unwrap();
    let (app, ada) = runtime.block_on(async {
        let app = App::start().await;
        let ada = app.person("ada", "member").await;
        (app, ada)
    });
    let mut changes = HashMap::new();
    let outcomes = Mutex::new(&mut changes);
    let outcome = runner().run(&vec(patch(), 1..12), |patches| {
        runtime.block_on(async {
            let path = path(&item(&app, &ada, "a", "1").await);
            let mut before = shown(&app, &path).await;
            for patch in patches {
                let answer = change(&app, "PATCH", &path, &ada, &patch).await;
                prop_assert!(matches!(answer.status, 200 | 422), "{} {}", patch, answer.status);
                let after = shown(&app, &path).await;
                prop_assert_eq!(before.0 == after.0, before.1 == after.1, "{}: {:?} {:?}", patch, before, after);
                if answer.status == 200 {
                    prop_assert_eq!((answer.header("etag"), answer.json()), (after.0.as_str(), after.1.clone()));
                } else {
                    prop_assert_eq!(&before, &after, "{}", patch);
                }
                let kind = (answer.status, before.0 == after.0);
                *outcomes.lock().unwrap().entry(kind).or_insert(0) += 1;
                before = after;
            }
            Ok::<_, TestCaseError>(())
        })
    });
    outcome.unwrap();
    assert_eq!(changes.len(), 3, "changes, repetitions and refusals were all tried: {changes:?}");
    runtime.block_on(async { drop(app) });
}

async fn duplicate(app: &App, by: &Person) -> (u16, bool, Option<Value>) {
    let request = app.post("/api/v1/items", &json!({ "title": "Studio", "price": "1000" })).bearer_auth(&by.token);
    let answer = request.header("idempotency-key", "one").answer().await;
    let is_replay = answer.header("idempotent-replayed") == "true";
    (answer.status, is_replay, (answer.status == 201).then(|| answer.json()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_duplicates_at_once_make_one_row() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let answers = join_all((0..100).map(|_| duplicate(&app, &ada))).await;
    assert!(answers.iter().all(|(status, ..)| matches!(status, 201 | 409)), "{answers:?}");
    assert_eq!(answers.iter().filter(|(status, is_replay, _)| *status == 201 && !is_replay).count(), 1);
    assert_eq!(app.count("SELECT count(*) FROM items").await, 1);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'item.created'").await, 1);
    // Whoever was told to come back gets the answer of the one that did it.
    let (status, is_replay, replayed) = duplicate(&app, &ada).await;
    assert_eq!((status, is_replay), (201, true));
    assert!(answers.iter().all(|(.., made)| made.is_none() || *made == replayed));
}
