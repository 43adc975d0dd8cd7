use callboard_tests::app::{App, Send as _};
use callboard_tests::services::Services;
use callboard_tests::wait::{SOON, wait_for};
use serde_json::{Value, json};

#[tokio::test]
async fn queues_with_jobs_and_paused_ones_are_listed_by_name() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    app.state().queue.pause("reports", Some("user:mia")).await.unwrap();
    let list = app.get("/api/v1/queues").bearer_auth(&mia.token).answer().await.expect(200).json();
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|queue| queue["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mail", "reports"]);
    let (mail, reports) = (&list["items"][0], &list["items"][1]);
    assert_eq!((&mail["workers"], &mail["paused_at"]), (&json!(0), &json!(null)));
    assert_eq!(
        (&mail["ready"]["high"], &mail["ready"]["default"], &mail["ready"]["low"]),
        (&json!(1), &json!(0), &json!(0))
    );
    assert!(mail["ready"]["oldest_seconds"].as_f64().unwrap() >= 0.0, "{mail}");
    assert!(reports["paused_at"].is_string() && reports["paused_by"] == "user:mia", "{reports}");

    let shown = app.get("/api/v1/queues/reports").bearer_auth(&mia.token).answer().await.expect(200).json();
    assert_eq!(&shown, reports);
}

#[tokio::test]
async fn a_name_is_a_queue_or_can_be_none() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let show = async |name: &str| app.get(&format!("/api/v1/queues/{name}")).bearer_auth(&mia.token).answer().await;
    let unused = show("unused").await.expect(200).json();
    let expected = json!({ "name": "unused", "paused_at": null, "paused_by": null, "workers": 0,
                           "ready": { "high": 0, "default": 0, "low": 0, "oldest_seconds": 0.0 } });
    assert_eq!(unused, expected);
    for name in ["Mail", "%00", "a%20b", &"x".repeat(51)] {
        let _ = show(name).await.problem(404, "not_found");
    }
    let _ = show("%FF").await.problem(400, "malformed_request");
}

/// The ledger answers without Redis; only what waits is not known.
#[tokio::test]
async fn without_redis_all_else_is_shown() {
    let services = Services::start().await;
    let app = App::start_on(&services).await;
    let mia = app.person("mia", "manager").await;
    services.kill_redis().await;
    let look = || async {
        let answer = app.get("/api/v1/queues/mail").bearer_auth(&mia.token).answer().await.expect(200).json();
        (answer["ready"] == Value::Null).then_some(answer)
    };
    let (shown, _) = wait_for(SOON, "what waits is not known", look).await;
    assert_eq!((&shown["name"], &shown["workers"]), (&json!("mail"), &json!(0)));
}
