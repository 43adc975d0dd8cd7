use callboard_tests::app::{App, Person, Send as _};
use serde_json::{Value, json};
use uuid::Uuid;

async fn why(app: &App, by: &Person, job: Uuid) -> Value {
    app.get(&format!("/api/v1/jobs/{job}/why")).bearer_auth(&by.token).answer().await.expect(200).json()
}

fn reasons(told: &Value) -> Vec<&str> {
    told["reasons"].as_array().unwrap().iter().map(|reason| reason["reason"].as_str().unwrap()).collect()
}

/// Who paused the queue is for staff alone.
#[tokio::test]
async fn all_that_keeps_a_job_waiting_is_told() {
    let app = App::start().await;
    let (ada, mia) = (app.person("ada", "member").await, app.person("mia", "manager").await);
    let job = app.job_of(ada.id).await;
    let told = why(&app, &ada, job).await;
    assert_eq!((&told["id"], &told["state"], &told["status"]), (&json!(job), &json!("queued"), &json!("queued")));
    assert_eq!(told["reasons"], json!([{ "reason": "nobody_serves_queue", "queue": "mail" }, { "reason": "next" }]));

    app.state().queue.pause("mail", Some("user:mia")).await.unwrap();
    for (person, by) in [(&ada, None), (&mia, Some(json!("user:mia")))] {
        let told = why(&app, person, job).await;
        assert_eq!(reasons(&told), ["queue_paused", "nobody_serves_queue", "next"]);
        assert!(told["reasons"][0]["since"].is_string(), "{told}");
        assert_eq!(told["reasons"][0].get("by"), by.as_ref());
    }
    // Mia's own was enqueued later.
    let behind = why(&app, &mia, app.job_of(mia.id).await).await;
    assert_eq!(behind["reasons"][2], json!({ "reason": "behind", "jobs": 1, "at_least": false }));
}

/// At which worker is for staff alone.
#[tokio::test]
async fn a_running_job_is_told_as_such() {
    let app = App::start().await;
    let (ada, mia) = (app.person("ada", "member").await, app.person("mia", "manager").await);
    let job = app.job_of(ada.id).await;
    let worker = super::begin(&app, job).await;
    for (person, at) in [(&ada, None), (&mia, Some(json!(worker)))] {
        let told = why(&app, person, job).await;
        assert_eq!((reasons(&told), &told["status"]), (vec!["running"], &json!("started")));
        assert_eq!(
            (told["reasons"][0].get("worker_id"), &told["reasons"][0]["cancel_requested"]),
            (at.as_ref(), &json!(false))
        );
    }
}

#[tokio::test]
async fn an_ended_job_says_how() {
    let app = App::start().await;
    let (ada, mia) = (app.person("ada", "member").await, app.person("mia", "manager").await);
    let job = app.job_of(ada.id).await;
    app.state().queue.cancel(job).await.unwrap();
    for (person, end_reason) in [(&ada, "cancelled"), (&mia, "cancelled on request")] {
        let expected = json!([{ "reason": "ended", "state": "cancelled", "end_reason": end_reason }]);
        assert_eq!(why(&app, person, job).await["reasons"], expected);
    }
}

#[tokio::test]
async fn a_stranger_is_told_nothing() {
    let app = App::start().await;
    let (ada, eve) = (app.person("ada", "member").await, app.person("eve", "member").await);
    for id in [app.job_of(ada.id).await, Uuid::now_v7()] {
        let _ =
            app.get(&format!("/api/v1/jobs/{id}/why")).bearer_auth(&eve.token).answer().await.problem(404, "not_found");
    }
}
