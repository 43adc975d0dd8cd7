use callboard_tests::answer::Answer;
use callboard_tests::app::{App, Person, Send as _};
use callboard_tests::mailbox::Mailbox;
use serde_json::json;
use uuid::Uuid;

async fn retry(app: &App, by: &Person, job: Uuid) -> Answer {
    app.request("POST", &format!("/api/v1/jobs/{job}/retry")).bearer_auth(&by.token).answer().await
}

#[tokio::test]
async fn what_has_ended_runs_again() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let ada = app.register("ada@example.com").await;
    let job = app.job_of(ada).await;
    app.state().queue.cancel(job).await.unwrap();
    let shown = retry(&app, &mia, job).await.expect(200).json();
    assert_eq!((&shown["id"], &shown["state"], &shown["end_reason"]), (&json!(job), &json!("queued"), &json!(null)));
    assert_eq!(app.audited("job.retried").await, [(format!("user:{}", mia.id), Some(job), json!({}))]);

    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    app.job_in_state(job, "completed").await;
}

#[tokio::test]
async fn what_is_scheduled_is_due_now() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let job = app.job_of(mia.id).await;
    sqlx::query("UPDATE queue_jobs SET state = 'scheduled', run_at = clock_timestamp() + interval '1 hour'")
        .execute(app.pool())
        .await
        .unwrap();
    let shown = retry(&app, &mia, job).await.expect(200).json();
    assert_eq!(shown["state"], "queued");
}

#[tokio::test]
async fn what_waits_or_runs_or_is_not_there_can_not_be_retried() {
    let app = App::start().await;
    let mia = app.person("mia", "manager").await;
    let job = app.job_of(mia.id).await;
    let problem = retry(&app, &mia, job).await.problem(409, "job_wrong_state");
    assert_eq!(problem.0["detail"], "The job is queued.");
    super::begin(&app, job).await;
    let problem = retry(&app, &mia, job).await.problem(409, "job_wrong_state");
    assert_eq!(problem.0["detail"], "The job is running.");
    let _ = retry(&app, &mia, Uuid::now_v7()).await.problem(404, "not_found");
    assert!(app.audited("job.retried").await.is_empty());
}

#[tokio::test]
async fn a_unique_key_that_another_job_holds_is_named_with_it() {
    let app = App::start().await;
    let (mia, ada) = (app.person("mia", "manager").await, app.register("ada@example.com").await);
    let (ended, holder) = (app.job_of(ada).await, app.job_of(mia.id).await);
    app.state().queue.cancel(ended).await.unwrap();
    for table in [
        "UPDATE queue_history SET unique_key = 'k', unique_scope = 'until_finished'",
        "UPDATE queue_jobs SET unique_key = 'k', unique_scope = 'until_finished'",
    ] {
        sqlx::query(table).execute(app.pool()).await.unwrap();
    }
    let problem = retry(&app, &mia, ended).await.problem(409, "job_key_held");
    assert!(problem.0["detail"].as_str().unwrap().contains(&holder.to_string()), "{}", problem.0);
    let korean = app.request("POST", &format!("/api/v1/jobs/{ended}/retry")).bearer_auth(&mia.token);
    let korean = korean.header("accept-language", "ko").answer().await.problem(409, "job_key_held");
    assert!(korean.0["detail"].as_str().unwrap().contains(&holder.to_string()), "{}", korean.0);
}
