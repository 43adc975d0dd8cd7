//! Ended jobs: partitions by the day until which they are kept.

use std::time::Duration;

use callboard_tests::{
    jobs::{Hopeless, NoOp, Returning},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use chrono::{Days, NaiveDate, Utc};
use sqlx::AssertSqlSafe;

fn name(day: NaiveDate) -> String {
    day.format("queue_history_%Y%m%d").to_string()
}

fn today() -> NaiveDate {
    Utc::now().date_naive()
}

fn in_days(days: u64) -> NaiveDate {
    today().checked_add_days(Days::new(days)).unwrap()
}

async fn partitions(queue: &TestQueue) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT relname::text FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid
         WHERE inhparent = 'queue_history'::regclass ORDER BY relname",
    )
    .fetch_all(queue.pool())
    .await
    .unwrap()
}

/// Drops every partition, as if the janitor had never been there.
pub(crate) async fn drop_partitions(queue: &TestQueue) {
    for partition in partitions(queue).await {
        sqlx::raw_sql(AssertSqlSafe(format!("DROP TABLE {partition}"))).execute(queue.pool()).await.unwrap();
    }
}

#[tokio::test]
async fn partitions_are_made_ahead_for_every_retention() {
    let queue = TestQueue::new().await;
    assert!(partitions(&queue).await.is_empty());
    let worker = TestWorker::start(&queue).await;
    // 7 and 30 days by default; `Returning` keeps 3 and 40. Midnight may pass.
    for days in [3, 4, 7, 8, 30, 31, 40, 41] {
        let wanted = name(in_days(days));
        wait_until(SOON, format!("the partition {wanted}"), || async { partitions(&queue).await.contains(&wanted) })
            .await;
    }
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn ended_jobs_are_kept_as_long_as_their_kind_says() {
    let queue = TestQueue::new().await;
    let before = today();
    let worker = TestWorker::start(&queue).await;
    let completed = queue.enqueue(&NoOp::default()).await;
    let short = queue.enqueue(&Returning { text: String::new(), times: 0, nul: false }).await;
    let discarded = queue.enqueue(&Hopeless {}).await;
    queue.all_ended(2, "completed", SOON).await;
    queue.job_in_state(discarded, "discarded", SOON).await;
    for (id, days) in [(completed, 7), (short, 3), (discarded, 30)] {
        let kept: NaiveDate = sqlx::query_scalar("SELECT keep_until FROM queue_history WHERE id = $1")
            .bind(id)
            .fetch_one(queue.pool())
            .await
            .unwrap();
        let days = Days::new(days);
        let range = before.checked_add_days(days).unwrap()..=today().checked_add_days(days).unwrap();
        assert!(range.contains(&kept), "{kept} is not in {range:?}");
    }
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_finish_that_meets_no_partition_makes_it() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let made_ahead = name(in_days(41));
    wait_until(SOON, "the janitor is done", || async { partitions(&queue).await.contains(&made_ahead) }).await;
    drop_partitions(&queue).await;
    let ids = queue.enqueue_many(&vec![NoOp::default(); 100]).await;
    let hopeless = queue.enqueue(&Hopeless {}).await;
    for id in ids {
        queue.completed(id).await;
    }
    queue.job_in_state(hopeless, "discarded", SOON).await;
    assert_eq!(queue.stage().runs().len(), 101, "nothing ran twice for it");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_day_that_is_over_is_dropped_and_the_others_stay() {
    let queue = TestQueue::new().await;
    let yesterday = today().checked_sub_days(Days::new(1)).unwrap();
    let long_ago = today().checked_sub_days(Days::new(400)).unwrap();
    for day in [long_ago, yesterday, today()] {
        let statement = format!(
            "CREATE TABLE {0} PARTITION OF queue_history FOR VALUES FROM ('{day}') TO ('{1}');
             INSERT INTO queue_history (id, kind, payload_version, queue, priority, state, payload, attempt, max_attempts,
                 run_at, timeout_ms, errors, meta, created_at, queued_at, finished_at, keep_until)
             VALUES (gen_random_uuid(), 'test.no_op', 1, 'default', 1, 'completed', '{{}}', 1, 1,
                 now(), 1, '[]', '{{}}', now(), now(), now(), '{day}')",
            name(day),
            day.checked_add_days(Days::new(1)).unwrap(),
        );
        sqlx::raw_sql(AssertSqlSafe(statement)).execute(queue.pool()).await.unwrap();
    }
    let worker = TestWorker::start(&queue).await;
    wait_until(SOON, "yesterday is dropped", || async {
        let partitions = partitions(&queue).await;
        !partitions.contains(&name(yesterday)) && !partitions.contains(&name(long_ago))
    })
    .await;
    let left: Vec<NaiveDate> =
        sqlx::query_scalar("SELECT keep_until FROM queue_history").fetch_all(queue.pool()).await.unwrap();
    assert_eq!(left.len(), 1, "{left:?}");
    let gone: bool = sqlx::query_scalar("SELECT to_regclass($1) IS NULL")
        .bind(name(yesterday))
        .fetch_one(queue.pool())
        .await
        .unwrap();
    assert!(gone, "dropped, not only detached");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_reader_of_the_history_does_not_stop_finishes() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let made_ahead = name(in_days(41));
    wait_until(SOON, "the janitor is done", || async { partitions(&queue).await.contains(&made_ahead) }).await;
    drop_partitions(&queue).await;
    let mut reader = queue.pool().begin().await.unwrap();
    sqlx::query("SELECT count(*) FROM queue_history").execute(&mut *reader).await.unwrap();
    let id = queue.enqueue(&NoOp::default()).await;
    queue.job_in_state(id, "completed", Duration::from_secs(5)).await;
    reader.rollback().await.unwrap();
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn the_janitor_removes_old_workers_and_expired_keys() {
    let queue = TestQueue::new().await;
    sqlx::raw_sql(
        "INSERT INTO queue_workers (id, name, version, queues, kinds, slots, beat_at)
         SELECT gen_random_uuid(), 'old', '0', '{}', '{}', 1, now() - n * interval '30 minutes'
         FROM generate_series(1, 2000) AS n;
         INSERT INTO queue_unique_windows (kind, unique_key, job_id, held_until)
         SELECT 'test.keyed', n::text, gen_random_uuid(), now() + (n - 2500) * interval '1 minute'
         FROM generate_series(1, 2510) AS n",
    )
    .execute(queue.pool())
    .await
    .unwrap();
    let worker = TestWorker::start(&queue).await;
    wait_until(SOON, "both are pruned", || async {
        let left: (i64, i64) = sqlx::query_as(
            "SELECT (SELECT count(*) FROM queue_workers WHERE name = 'old'), (SELECT count(*) FROM queue_unique_windows)",
        )
        .fetch_one(queue.pool())
        .await
        .unwrap();
        left == (1, 10)
    })
    .await;
    worker.drain().await.unwrap();
}

/// Each line is pruned but for what begins with `kept`.
#[tokio::test]
async fn the_janitor_removes_limits_ticks_and_schedules_that_are_over() {
    let queue = TestQueue::new().await;
    sqlx::raw_sql(
        "INSERT INTO queue_limits (key, admitted_at, reserved_to) VALUES
             ('over', now() - interval '25 hours', now() - interval '1 hour'),
             ('kept: used yesterday', now() - interval '23 hours', '-infinity'),
             ('kept: reserved', now() - interval '25 hours', now() + interval '1 minute');
         INSERT INTO queue_schedules (name, cron, time_zone, misfire, job, updated_at)
         SELECT name, '0 0 1 1 *', 'UTC', 'skip', '{}', now() - age FROM (VALUES
             ('over', interval '31 days'), ('kept: declared lately', interval '29 days')) AS s (name, age);
         INSERT INTO queue_schedule_ticks (schedule, tick_at, job_id)
         SELECT schedule, now() - age, gen_random_uuid() FROM (VALUES
             ('kept: newest', interval '1 year'), ('over', interval '91 days'), ('over', interval '2 years'),
             ('kept: 90 days', interval '89 days')) AS t (schedule, age);
         INSERT INTO queue_schedule_ticks (schedule, tick_at, job_id)
         VALUES ('over', now() + interval '1 day', gen_random_uuid())",
    )
    .execute(queue.pool())
    .await
    .unwrap();
    let worker = TestWorker::start(&queue).await;
    let left = || async {
        sqlx::query_scalar::<_, String>(
            "SELECT key FROM queue_limits UNION ALL SELECT name FROM queue_schedules
             UNION ALL SELECT schedule FROM queue_schedule_ticks WHERE tick_at < now() ORDER BY 1",
        )
        .fetch_all(queue.pool())
        .await
        .unwrap()
    };
    let kept = ["kept: 90 days", "kept: declared lately", "kept: newest", "kept: reserved", "kept: used yesterday"];
    wait_until(SOON, "all that is over is pruned", || async { left().await == kept }).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_day_whose_table_is_not_attached_is_attached_by_the_first_finish() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    queue.completed(queue.enqueue(&NoOp::default()).await).await;
    for day in partitions(&queue).await {
        let detach = format!("ALTER TABLE queue_history DETACH PARTITION {day}");
        sqlx::raw_sql(AssertSqlSafe(detach)).execute(queue.pool()).await.unwrap();
    }
    queue.completed(queue.enqueue(&NoOp::default()).await).await;
    worker.drain().await.unwrap();
}
