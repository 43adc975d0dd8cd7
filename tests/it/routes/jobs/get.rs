use callboard_tests::app::{App, PASSWORD, Person, Send as _};
use serde_json::json;
use uuid::Uuid;

#[tokio::test]
async fn a_user_sees_the_job_that_they_caused() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let job = app.job_of(ada).await;
    let token = app.login("ada").await;
    let shown = app.get(&format!("/api/v1/jobs/{job}")).bearer_auth(&token).answer().await.expect(200).json();
    assert_eq!(shown["id"], job.to_string());
    assert_eq!((&shown["kind"], &shown["queue"]), (&json!("email.verify_address"), &json!("mail")));
    assert_eq!((&shown["state"], &shown["status"]), (&json!("queued"), &json!("queued")));
    assert_eq!((&shown["priority"], &shown["attempt"]), (&json!("high"), &json!(0)));
    assert!(shown["payload"].is_null() && shown["owner"].is_null(), "{shown}");
}

#[tokio::test]
async fn a_stranger_sees_the_same_as_for_no_job_at_all() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    app.register("eve@example.com").await;
    let (job, eve) = (app.job_of(ada).await, app.login("eve").await);
    let told = async |id: Uuid| {
        let mut problem =
            app.get(&format!("/api/v1/jobs/{id}")).bearer_auth(&eve).answer().await.problem(404, "not_found").0;
        problem["request_id"].take();
        problem["instance"].take();
        problem
    };
    assert_eq!(told(job).await, told(Uuid::now_v7()).await);
}

#[tokio::test]
async fn nobody_sees_it_without_a_token() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let answer = app.get(&format!("/api/v1/jobs/{}", app.job_of(ada).await)).answer().await;
    let _ = answer.problem(401, "unauthenticated");
    assert_eq!(answer.header("www-authenticate"), "Bearer");
}

/// What staff may filter by they are shown; the job's owner is not.
#[tokio::test]
async fn staff_see_where_it_comes_from_and_what_it_waits_for() {
    let app = App::start().await;
    let (ada, mia) = (app.person("ada", "member").await, app.person("mia", "manager").await);
    let job = app.job_of(ada.id).await;
    let meta = json!({ "request_id": "r-1", "schedule": "nightly", "enqueuer": "callboard-api 1.2.3",
                       "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01" });
    sqlx::query(
        "UPDATE queue_jobs SET meta = $2, state = 'blocked', blocked_by = 'limit', limit_key = 'smtp', unique_key = 'k',
                               unique_scope = 'until_started', payload_version = 2
         WHERE id = $1",
    )
    .bind(job)
    .bind(meta)
    .execute(app.pool())
    .await
    .unwrap();
    let expected = json!({ "owner": ada.id, "request_id": "r-1", "trace_id": "0af7651916cd43dd8448eb211c80319c",
                           "schedule": "nightly", "enqueuer": "callboard-api 1.2.3", "blocked_by": "limit",
                           "limit_key": "smtp", "unique_key": "k", "payload_version": 2 });
    let path = format!("/api/v1/jobs/{job}");
    let shown = async |by: &Person| app.get(&path).bearer_auth(&by.token).answer().await.expect(200).json();
    let (for_ada, for_mia) = (shown(&ada).await, shown(&mia).await);
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!((for_mia.get(name), for_ada.get(name)), (Some(value), None), "{name}");
    }
}

/// Staff see every job, and what went wrong; its owner sees only that it did.
#[tokio::test]
async fn staff_see_all_with_the_messages_of_errors() {
    let app = App::start().await;
    let ada = app.register("ada@example.com").await;
    let job = app.job_of(ada).await;
    let worker = Uuid::now_v7();
    let error = json!([{ "attempt": 1, "at": "2026-01-01T00:00:00Z", "worker": worker, "failure": "error",
                         "message": "from inside" }]);
    sqlx::query("UPDATE queue_jobs SET errors = $1").bind(error).execute(app.pool()).await.unwrap();
    app.register_with(&json!({ "email": "mia@example.com", "password": PASSWORD, "username": "mia" })).await;
    sqlx::query("UPDATE users SET role = 'manager' WHERE username = 'mia'").execute(app.pool()).await.unwrap();

    for (login, sees_all) in [("ada", false), ("mia", true)] {
        let token = app.login(login).await;
        let shown = app.get(&format!("/api/v1/jobs/{job}")).bearer_auth(&token).answer().await.expect(200).json();
        assert_eq!((&shown["errors"][0]["attempt"], &shown["errors"][0]["failure"]), (&json!(1), &json!("error")));
        assert_eq!(shown["errors"][0]["message"].as_str(), sees_all.then_some("from inside"), "{login}");
        assert_eq!(shown["errors"][0].get("worker"), sees_all.then(|| json!(worker)).as_ref(), "{login}");
    }
}

/// Where it runs is for staff; how far it is, for its owner too.
#[tokio::test]
async fn how_far_a_running_job_is() {
    let app = App::start().await;
    let (ada, mia) = (app.person("ada", "member").await, app.person("mia", "manager").await);
    let job = app.job_of(ada.id).await;
    let worker = super::begin(&app, job).await;
    for (person, sees_worker) in [(&ada, false), (&mia, true)] {
        let shown =
            app.get(&format!("/api/v1/jobs/{job}")).bearer_auth(&person.token).answer().await.expect(200).json();
        assert_eq!((&shown["state"], &shown["status"]), (&json!("running"), &json!("started")));
        assert_eq!(shown["progress"], json!({ "done": 3, "total": 7, "message": "pages" }));
        assert_eq!((&shown["timeout_ms"], &shown["cancel_requested"]), (&json!(60_000), &json!(false)));
        assert_eq!(shown.get("expires_at"), Some(&json!(null)));
        assert_eq!(shown.get("worker_id"), sees_worker.then(|| json!(worker)).as_ref());
        assert!(shown.get("payload").is_none(), "{shown}");
    }
}
