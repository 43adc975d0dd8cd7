//! `maintenance.prune_*`, by the schedules that the real worker declares.

use callboard_queue::Cause;
use callboard_tests::app::App;
use callboard_tests::mailbox::Mailbox;
use callboard_tests::wait::{SOON, wait_until};

/// What the job that a schedule runs now has pruned.
async fn run(app: &App, schedule: &str) -> i64 {
    let id = app.state().queue.run_schedule(schedule, &Cause::default()).await.unwrap().id;
    app.job_in_state(id, "completed").await["result"]["pruned"].as_i64().unwrap()
}

#[tokio::test]
async fn every_schedule_is_declared_and_its_job_deletes_what_has_had_its_time() {
    let app = App::start().await;
    let mailbox = Mailbox::start().await.unwrap();
    let _worker = app.start_worker(&mailbox).await;
    let queue = &app.state().queue;
    let declared =
        || async { queue.schedules().await.unwrap().iter().filter(|schedule| schedule.declared).count() == 5 };
    wait_until(SOON, "the worker has declared its schedules", declared).await;
    for statement in [
        "INSERT INTO login_throttles (subject, failures, last_failed_at)
         SELECT sha256(n::text::bytea), 1, now() - interval '3 days' FROM generate_series(1, 2500) AS n",
        "INSERT INTO login_throttles (subject, failures, last_failed_at) VALUES (sha256('young'), 1, now())",
        "INSERT INTO audit_log (id, at, actor, action)
         SELECT gen_random_uuid(), now() - make_interval(days => days), 'nobody', 'test.old'
         FROM unnest(ARRAY[399, 401, 4000]) AS days",
    ] {
        sqlx::query(statement).execute(app.pool()).await.unwrap();
    }
    assert_eq!(run(&app, "maintenance.prune_sessions").await, 2_500, "in steps");
    assert_eq!(app.count("SELECT count(*) FROM login_throttles").await, 1);
    assert_eq!(run(&app, "maintenance.prune_audit_log").await, 2);
    assert_eq!(app.count("SELECT count(*) FROM audit_log WHERE action = 'test.old'").await, 1);
    for schedule in ["api_keys", "idempotency_keys", "tokens"] {
        assert_eq!(run(&app, &format!("maintenance.prune_{schedule}")).await, 0, "{schedule}");
    }
}
