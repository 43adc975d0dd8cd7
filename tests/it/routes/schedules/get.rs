use callboard_tests::app::{App, Send as _};
use serde_json::json;

#[tokio::test]
async fn schedules_are_listed_by_name() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    for name in ["weekly", "nightly"] {
        app.declare_schedule(name).await;
    }
    let list = app.get("/api/v1/schedules").bearer_auth(&mia.token).answer().await.expect(200).json();
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["nightly", "weekly"]);
    let expected = json!({
        "name": "nightly", "cron": "0 0 * * *", "time_zone": "UTC", "misfire": "run_once", "enabled": true,
        // No worker lives that declares it.
        "declared": false, "next_at": null,
        "kind": "maintenance.prune_tokens", "queue": "maintenance", "last_tick_at": null, "last_job_id": null,
    });
    assert_eq!(list["items"][0], expected);
    let shown = app.get("/api/v1/schedules/nightly").bearer_auth(&mia.token).answer().await.expect(200).json();
    assert_eq!(shown, expected);
}

#[tokio::test]
async fn what_nobody_declares_is_not_there() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    for name in ["nightly", "%00", "a%00b", &"x".repeat(10_000)] {
        let path = format!("/api/v1/schedules/{name}");
        let _ = app.get(&path).bearer_auth(&mia.token).answer().await.problem(404, "not_found");
    }
    let _ = app.get("/api/v1/schedules/%FF").bearer_auth(&mia.token).answer().await.problem(400, "malformed_request");
}
