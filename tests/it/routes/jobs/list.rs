use callboard_queue::Cause;
use callboard_tests::app::{App, Person, Send as _};
use serde_json::{Value, json};
use uuid::Uuid;

const PATH: &str = "/api/v1/jobs";

async fn page(app: &App, by: &Person, query: &str) -> Value {
    app.get(&format!("{PATH}?{query}")).bearer_auth(&by.token).answer().await.expect(200).json()
}

async fn list(app: &App, by: &Person, query: &str) -> Vec<String> {
    ids(&page(app, by, query).await)
}

fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|job| job["id"].as_str().unwrap().to_owned()).collect()
}

/// All jobs there are, the newest first.
async fn all(app: &App) -> Vec<String> {
    let ids: Vec<Uuid> =
        sqlx::query_scalar("SELECT id FROM queue_jobs_all ORDER BY id DESC").fetch_all(app.pool()).await.unwrap();
    ids.iter().map(Uuid::to_string).collect()
}

#[tokio::test]
async fn staff_see_all_jobs_the_newest_first() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let mia = app.person("mia", "manager").await;
    app.state().queue.cancel(app.job_of(ada).await).await.unwrap();

    let found = page(&app, &mia, "").await;
    assert_eq!(ids(&found), all(&app).await);
    assert_eq!(ids(&found).len(), 2);
    assert_eq!((&found["items"][0]["state"], &found["items"][1]["state"]), (&json!("queued"), &json!("cancelled")));
    assert_eq!((&found["limit"], &found["has_next"], &found["has_prev"]), (&json!(50), &json!(false), &json!(false)));
    assert!(found.get("next_cursor").is_none() && found["items"][0].get("payload").is_none(), "{found}");
}

#[tokio::test]
async fn filters_narrow_it() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let body = json!({ "email": "ada@example.com", "password": callboard_tests::app::PASSWORD });
    let register = app.post("/api/v1/auth/register", &body).header("x-request-id", "r-1");
    let ada: Uuid = register.answer().await.expect(201).json()["id"].as_str().unwrap().parse().unwrap();
    app.declare_schedule("nightly").await;
    let by_schedule = app.state().queue.run_schedule("nightly", &Cause::default()).await.unwrap().id.to_string();
    let (of_mia, of_ada) = (app.job_of(mia.id).await, app.job_of(ada).await);
    app.state().queue.cancel(of_mia).await.unwrap();
    let (of_mia, of_ada) = (of_mia.to_string(), of_ada.to_string());
    let at = page(&app, &mia, &format!("owner={ada}")).await["items"][0]["created_at"].as_str().unwrap().to_owned();

    let (scheduled, mailed) = (vec![by_schedule.clone()], vec![of_ada.clone(), of_mia.clone()]);
    for (query, expected) in [
        ("state=queued", vec![by_schedule.clone(), of_ada.clone()]),
        ("state=cancelled", vec![of_mia.clone()]),
        ("status=cancelled", vec![of_mia.clone()]),
        ("status=failed", vec![]),
        ("kind=email.verify_address", mailed.clone()),
        ("kind=no.such", vec![]),
        ("queue=maintenance", scheduled.clone()),
        ("priority=low", scheduled.clone()),
        ("priority=high&state=queued", vec![of_ada.clone()]),
        (&format!("owner={}", ada.simple().to_string().to_uppercase()), vec![of_ada.clone()]),
        ("request_id=r-1", vec![of_ada.clone()]),
        ("schedule=nightly", scheduled.clone()),
        (&format!("created_at_gte={at}"), vec![by_schedule.clone(), of_ada.clone()]),
        (&format!("created_at_lt={at}"), vec![of_mia.clone()]),
    ] {
        assert_eq!(list(&app, &mia, query).await, expected, "{query}");
    }
}

#[tokio::test]
async fn pages_lead_to_each_job_once() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    for n in 0..4 {
        app.register(&format!("ada{n}@example.com")).await;
    }
    let (mut found, mut query) = (Vec::new(), "limit=2".to_owned());
    for number in 0..3 {
        let page = page(&app, &mia, &query).await;
        assert_eq!((&page["limit"], &page["has_prev"]), (&json!(2), &json!(number > 0)));
        assert_eq!((page["has_next"].as_bool(), page.get("prev_cursor")), (Some(number < 2), None));
        found.extend(ids(&page));
        query = format!("limit=2&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
    }
    assert_eq!(found, all(&app).await);
}

/// One page reads a bounded part of the history: what matches farther back is on
/// the next.
#[tokio::test]
async fn an_empty_page_may_be_followed_by_others() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let oldest = app.job_of(mia.id).await;
    app.state().queue.cancel(oldest).await.unwrap();
    sqlx::query(
        "INSERT INTO queue_jobs (id, kind, payload_version, queue, priority, state, payload, max_attempts, run_at,
                                 timeout_ms, created_at)
         SELECT ('ffffffff-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'a.b', 1, 'mail', 1, 'queued', '{}', 1,
                clock_timestamp(), 1000, clock_timestamp()
         FROM generate_series(1, 10000) AS n",
    )
    .execute(app.pool())
    .await
    .unwrap();
    let first = page(&app, &mia, "state=cancelled").await;
    assert_eq!((ids(&first).len(), &first["has_next"]), (0, &json!(true)));
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = page(&app, &mia, &format!("state=cancelled&cursor={cursor}")).await;
    assert_eq!((ids(&second), &second["has_next"]), (vec![oldest.to_string()], &json!(false)));
}

#[tokio::test]
async fn what_is_no_parameter_is_refused() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let told = async |query: &str| app.get(&format!("{PATH}?{query}")).bearer_auth(&mia.token).answer().await;
    let unknown = told("stat=queued&sort=-id").await.problem(400, "unknown_parameter");
    assert_eq!(unknown.errors(), ["stat unknown_parameter", "sort unknown_parameter"]);
    for (query, error) in [
        ("state=ready", "state invalid_value"),
        ("status=queued&state=queued", "status conflicting_parameters"),
        ("kind=a&kind=b", "kind duplicate_parameter"),
        ("queue=%00", "queue invalid_value"),
        ("limit=1000000", "limit out_of_range"),
        ("cursor=bm90IGpzb24", "cursor invalid_cursor"),
    ] {
        assert_eq!(told(query).await.problem(400, "invalid_parameter").errors(), [error], "{query}");
    }
    // A cursor of another list says nothing here.
    let items = json!({ "s": "-created_at,-id", "v": ["2026-01-01T00:00:00Z", Uuid::now_v7()] }).to_string();
    let _ = told(&format!("cursor={}", base64_url(&items))).await.problem(400, "invalid_parameter");
}

fn base64_url(text: &str) -> String {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.encode(text)
}

/// Of all others' they see the same as if there were none.
#[tokio::test]
async fn members_see_the_jobs_that_their_own_requests_caused() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    let (of_ada, of_eve) = (app.job_of(ada.id).await.to_string(), app.job_of(eve.id).await.to_string());
    for (query, expected) in [
        (String::new(), vec![of_ada.clone()]),
        ("queue=mail&state=queued".to_owned(), vec![of_ada.clone()]),
        (format!("owner={}", ada.id), vec![of_ada.clone()]),
        (format!("owner={}", eve.id), vec![]),
        ("state=running".to_owned(), vec![]),
    ] {
        let found = page(&app, &ada, &query).await;
        assert_eq!((ids(&found), &found["has_next"]), (expected, &json!(false)), "{query}");
        assert!(found["items"].as_array().unwrap().iter().all(|job| job.get("owner").is_none()), "{found}");
    }
    assert_eq!(list(&app, &eve, "").await, [of_eve]);
}

#[tokio::test]
async fn staff_look_for_words_in_the_messages_of_errors() {
    let app = App::start().await;
    let (ada, mia) = (app.person("ada", "member").await, app.person("mia", "manager").await);
    let job = app.job_of(ada.id).await;
    let errors = json!([{ "attempt": 1, "at": "2026-01-01T00:00:00Z", "failure": "error", "message": "first" },
                        { "attempt": 2, "at": "2026-01-01T00:01:00Z", "failure": "error", "message": "No 100% Route" }]);
    sqlx::query("UPDATE queue_jobs SET errors = $2 WHERE id = $1")
        .bind(job)
        .bind(errors)
        .execute(app.pool())
        .await
        .unwrap();
    for (words, found) in [
        ("no%20100%25%20route", true),
        ("FIRST", true),
        ("no_route", false),
        ("failure", false),
        (&ada.id.to_string(), false),
    ] {
        let expected = if found { vec![job.to_string()] } else { vec![] };
        assert_eq!(list(&app, &mia, &format!("q={words}")).await, expected, "{words}");
    }
    // They are not shown the messages, so they can't find out what is in them.
    let refused = app.get(&format!("{PATH}?q=first")).bearer_auth(&ada.token).answer().await;
    let problem = refused.problem(403, "forbidden");
    assert!(problem.0["detail"].as_str().unwrap().contains("the role manager"), "{}", problem.0);
}
