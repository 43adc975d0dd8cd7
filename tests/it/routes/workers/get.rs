use callboard_tests::app::{App, Send as _};
use callboard_tests::mailbox::Mailbox;
use callboard_tests::wait::{SOON, wait_for};
use serde_json::json;

#[tokio::test]
async fn workers_tell_what_they_do() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let list = || async { app.get("/api/v1/workers").bearer_auth(&mia.token).answer().await.expect(200).json() };
    assert_eq!(list().await, json!({ "items": [] }));

    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    let look = || async {
        let found = list().await;
        // Duties are taken with a beat.
        (found["items"][0]["duties"].as_array().is_some_and(|duties| !duties.is_empty())).then_some(found)
    };
    let (found, _) = wait_for(SOON, "the worker is there and has a duty", look).await;
    let worker = &found["items"][0];
    assert_eq!((found["items"].as_array().unwrap().len(), &worker["alive"]), (1, &json!(true)));
    for (list, has) in
        [("queues", "mail"), ("kinds", "email.verify_address"), ("schedules", "maintenance.prune_tokens")]
    {
        assert!(worker[list].as_array().unwrap().contains(&json!(has)), "{list}: {worker}");
    }
    assert!(worker["slots"].as_i64().unwrap() > 0 && worker["beat_at"].is_string(), "{worker}");
}

#[tokio::test]
async fn members_may_not() {
    let app = App::start().await;
    let ada = app.person("ada", "member").await;
    let _ = app.get("/api/v1/workers").bearer_auth(&ada.token).answer().await.problem(403, "forbidden");
}
