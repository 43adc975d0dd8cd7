//! What people see of jobs, queues and workers.

use callboard_queue::{Cause, EnqueueOptions, JobFilter, JobState, Priority};
use callboard_tests::{
    jobs::{Capped, Gated, Hopeless, NoOp},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

/// All jobs that the filter leaves in, page by page.
async fn listed(queue: &TestQueue, filter: &JobFilter, page: usize) -> Vec<Uuid> {
    let mut ids = Vec::new();
    let mut before = None;
    loop {
        let found = queue.queue().jobs(filter, before, page).await.unwrap();
        assert!(found.jobs.len() <= page);
        ids.extend(found.jobs.iter().map(|job| job.id));
        before = found.next;
        if before.is_none() {
            return ids;
        }
    }
}

#[tokio::test]
async fn lists_show_live_and_ended_jobs_newest_first_and_filters_narrow_them() {
    let queue = TestQueue::new().await;
    queue.queue().pause("capped", None).await.unwrap();
    let worker = TestWorker::start(&queue).await;
    let paused = || async { !queue.logs().lines_with("the paused queues have changed").is_empty() };
    wait_until(SOON, "the worker knows the pause", paused).await;
    let completed = queue.enqueue(&NoOp::default()).await;
    queue.completed(completed).await;
    let discarded = queue.enqueue(&Hopeless {}).await;
    queue.job_in_state(discarded, "discarded", SOON).await;
    let running = queue.enqueue(&Gated::default()).await;
    queue.job_in_state(running, "running", SOON).await;
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..EnqueueOptions::default() };
    let scheduled = queue.enqueue_with(&NoOp::default(), later).await;
    let cause = Cause { owner: Some("ada".to_owned()), request_id: Some("r-1".to_owned()), ..Cause::default() };
    let mut transaction = queue.queue().begin().await.unwrap().caused_by(cause);
    let low = EnqueueOptions { priority: Some(Priority::Low), ..EnqueueOptions::default() };
    let queued = transaction.enqueue_with(&Capped {}, low).await.unwrap().id;
    transaction.commit().await.unwrap();

    let all = [queued, scheduled, running, discarded, completed];
    let view = serde_json::to_value(queue.job(queued).await).unwrap();
    assert!(view.get("meta").is_some() && view.get("payload").is_none(), "{view}");
    for page in [1, 2, 100] {
        assert_eq!(listed(&queue, &JobFilter::default(), page).await, all, "pages of {page}");
    }
    let states = |states: &[JobState]| JobFilter { states: states.to_vec(), ..JobFilter::default() };
    let text = |text: &str| Some(text.to_owned());
    let cases = [
        (states(&[JobState::Running]), vec![running]),
        (states(&[JobState::Completed, JobState::Discarded]), vec![discarded, completed]),
        (states(&[JobState::Queued]), vec![queued]),
        (states(&[JobState::Scheduled]), vec![scheduled]),
        (states(&[JobState::Cancelled]), vec![]),
        (JobFilter { kinds: vec!["test.no_op".to_owned()], ..JobFilter::default() }, vec![scheduled, completed]),
        (JobFilter { queues: vec!["capped".to_owned()], ..JobFilter::default() }, vec![queued]),
        (JobFilter { priorities: vec![Priority::Low], ..JobFilter::default() }, vec![queued]),
        (JobFilter { owner: text("ada"), ..JobFilter::default() }, vec![queued]),
        (JobFilter { request_id: text("r-1"), ..JobFilter::default() }, vec![queued]),
        (JobFilter { error: text("THE ADDRESS DOES"), ..JobFilter::default() }, vec![discarded]),
        (JobFilter { error: text("does_not"), ..JobFilter::default() }, vec![]),
        (JobFilter { schedule: text("none"), ..JobFilter::default() }, vec![]),
        (JobFilter { created_before: Some(Utc::now() - TimeDelta::hours(1)), ..JobFilter::default() }, vec![]),
        (JobFilter { created_from: Some(Utc::now() - TimeDelta::hours(1)), ..JobFilter::default() }, all.to_vec()),
    ];
    for (filter, expected) in cases {
        assert_eq!(listed(&queue, &filter, 1).await, expected, "{filter:?}");
    }

    let counts = queue.queue().counts().await.unwrap();
    assert_eq!((counts.queued, counts.scheduled), (Some(1), 1));
    let overview = queue.queue().queues().await.unwrap();
    let capped = overview.iter().find(|queue| queue.name == "capped").unwrap();
    assert!(capped.paused_at.is_some());
    assert_eq!((capped.workers, capped.ready.unwrap().low, capped.ready.unwrap().high), (1, 1, 0));
    assert!(capped.ready.unwrap().oldest_seconds >= 0.0);

    for id in [queued, scheduled] {
        queue.queue().cancel(id).await.unwrap();
    }
    queue.stage().open_for_all();
    worker.drain().await.unwrap();
}

/// So many jobs, a millisecond apart; their ids are by a clock that is `behind`.
async fn made(queue: &TestQueue, count: i32, first: DateTime<Utc>, behind: TimeDelta) -> Vec<Uuid> {
    sqlx::query_scalar(
        "INSERT INTO queue_jobs (id, kind, queue, priority, state, payload, max_attempts, run_at, timeout_ms, created_at)
         SELECT (lpad(to_hex((extract(epoch FROM $3) * 1000)::bigint + n), 12, '0') || '7000' || repeat('8', 16))::uuid,
                'test.no_op', 'default', 1, 'queued', '{}', 1, now(), 1000, $2 + make_interval(secs => n * 0.001)
         FROM generate_series(1, $1) AS n
         RETURNING id",
    )
    .bind(count)
    .bind(first)
    .bind(first - behind)
    .fetch_all(queue.pool())
    .await
    .unwrap()
}

#[tokio::test]
async fn a_range_of_time_is_looked_for_where_its_jobs_are() {
    let queue = TestQueue::new().await;
    let last_week = Utc::now() - TimeDelta::days(7);
    let old = made(&queue, 1, last_week, TimeDelta::minutes(9)).await;
    let ahead = made(&queue, 1, last_week + TimeDelta::days(1), -TimeDelta::minutes(9)).await;
    made(&queue, 10_001, Utc::now() - TimeDelta::hours(1), TimeDelta::zero()).await;
    let page = async |created_from, created_before| {
        let filter = JobFilter { created_from, created_before, ..JobFilter::default() };
        let page = queue.queue().jobs(&filter, None, 10).await.unwrap();
        (page.jobs.iter().map(|job| job.id).collect::<Vec<_>>(), page.next)
    };
    let day = TimeDelta::days(1);
    assert_eq!(page(None, Some(last_week + day)).await, (old.clone(), None));
    assert_eq!(page(Some(last_week), Some(last_week + day)).await, (old, None));
    assert_eq!(page(Some(last_week + day), Some(last_week + day + day)).await, (ahead, None));
    assert_eq!(page(Some(Utc::now() - TimeDelta::minutes(5)), None).await, (vec![], None));
    queue.leaves_jobs("they were made by hand");
}

#[tokio::test]
async fn a_filter_that_matches_nothing_reads_a_bounded_part_of_a_deep_history() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let first = queue.enqueue(&Hopeless {}).await;
    queue.job_in_state(first, "discarded", SOON).await;
    worker.drain().await.unwrap();
    sqlx::query(
        "INSERT INTO queue_jobs (id, kind, queue, priority, state, payload, max_attempts, run_at, timeout_ms)
         SELECT overlay(lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint + n), 12, '0')
                        || '7000' || lpad('8', 16, '8') PLACING '' FROM 33)::uuid,
                'test.no_op', 'default', 1, 'queued', '{}', 1, now(), 1000
         FROM generate_series(1, 25000) AS n",
    )
    .execute(queue.pool())
    .await
    .unwrap();
    let discarded = JobFilter { states: vec![JobState::Discarded], ..JobFilter::default() };
    let page = queue.queue().jobs(&discarded, None, 10).await.unwrap();
    assert!(page.jobs.is_empty() && page.next.is_some(), "the first page has looked at 10,000 of 25,001");
    assert_eq!(listed(&queue, &discarded, 10).await, [first], "pages that follow find it");

    sqlx::query("UPDATE queue_history SET owner = 'ada'").execute(queue.pool()).await.unwrap();
    let own = JobFilter { owner: Some("ada".to_owned()), ..JobFilter::default() };
    let page = queue.queue().jobs(&own, None, 10).await.unwrap();
    assert_eq!((page.jobs.len(), page.next), (1, None), "an owner's jobs are found behind any number of others");
    queue.leaves_jobs("they were made by hand");
}

#[tokio::test]
async fn workers_tell_what_they_serve_know_hold_and_run() {
    let queue = TestQueue::new().await;
    assert!(queue.queue().workers().await.unwrap().is_empty());
    let worker = TestWorker::start(&queue).await;
    let workers = queue.queue().workers().await.unwrap();
    let [only] = workers.as_slice() else { panic!("{workers:?}") };
    assert_eq!((only.name.as_str(), only.slots, only.alive), ("worker", 50, true));
    assert_eq!(only.queues, ["capped", "default"]);
    assert!(only.kinds.contains(&"test.no_op".to_owned()));
    assert_eq!(only.duties, ["auditor", "janitor", "promoter", "scheduler"]);
    worker.drain().await.unwrap();
    assert!(queue.queue().workers().await.unwrap().is_empty(), "it has taken its leave");
}
