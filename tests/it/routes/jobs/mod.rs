//! `/api/v1/jobs`, `/api/v1/jobs/{id}` and what can be done with one.

mod cancel;
mod get;
mod list;
mod retry;
mod why;

use callboard_tests::app::App;
use uuid::Uuid;

/// Makes it look as if a worker were at the job; returns the worker's id.
async fn begin(app: &App, job: Uuid) -> Uuid {
    let worker = Uuid::now_v7();
    sqlx::query(
        "UPDATE queue_jobs SET worker_id = $2, claim_id = gen_random_uuid(), attempt = 1, started_at = clock_timestamp(),
                               progress = '{\"done\": 3, \"total\": 7, \"message\": \"pages\"}'
         WHERE id = $1",
    )
    .bind(job)
    .bind(worker)
    .execute(app.pool())
    .await
    .unwrap();
    worker
}
