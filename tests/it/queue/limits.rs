//! Limits: at most so many of a key at a time or a minute, over all workers, and a fair share for all keys.

use std::time::Duration;

use callboard_queue::{Cause, EnqueueOptions, Error, FAIR_WINDOW, JobState, Priority, Reason};
use callboard_tests::{
    jobs::{Limited, registry},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::{MortalWorker, TestWorker, settings},
};
use chrono::{TimeDelta, Utc};
use uuid::Uuid;

/// What nobody told, the auditor finds within this time.
const HEALED: Duration = Duration::from_secs(6);

async fn states(queue: &TestQueue, ids: &[Uuid]) -> (usize, usize) {
    let mut counts = (0, 0);
    for id in ids {
        match queue.job(*id).await.state.as_str() {
            "running" => counts.0 += 1,
            "blocked" => counts.1 += 1,
            other => panic!("{id} is {other}"),
        }
    }
    counts
}

#[tokio::test]
async fn over_all_workers_no_more_than_allowed_run_and_a_free_slot_starts_the_next() {
    let queue = TestQueue::new().await;
    let mut workers = Vec::new();
    for name in ["one", "two", "three"] {
        workers.push(TestWorker::start_with(&queue, registry(), settings(name)).await);
    }
    let ids = queue.enqueue_many(&vec![Limited::to(2, "smtp"); 20]).await;
    let other = queue.enqueue(&Limited { ungated: true, ..Limited::to(1, "other") }).await;
    queue.stage().begun(3, SOON).await;
    queue.completed(other).await;
    assert_eq!(states(&queue, &ids).await, (2, 18));
    let waiting = {
        let mut waiting = Vec::new();
        for id in &ids {
            if queue.job(*id).await.state == "blocked" {
                waiting.push(*id);
            }
        }
        waiting[0]
    };
    let reached = Reason::LimitReached { key: "smtp".to_owned(), allowed: 2, admitted: 2, reserved_to: None };
    assert_eq!(queue.queue().why(waiting).await.unwrap().reasons, [reached]);
    for begun in 4..=10 {
        queue.stage().open(1);
        let took = queue.stage().begun(begun, SOON).await;
        assert!(took < Duration::from_secs(2), "a free slot starts the next by itself, not a look: {took:?}");
    }
    queue.stage().open_for_all();
    queue.all_ended(21, "completed", SOON).await;
    assert!(queue.stage().peak() <= 3, "{} of the two keys ran at a time", queue.stage().peak());
    for worker in workers {
        worker.drain().await.unwrap();
    }
}

#[tokio::test]
async fn a_flood_of_one_key_holds_up_another_keys_job_by_a_window_at_most() {
    let queue = TestQueue::new().await;
    let few = callboard_queue::RunnerSettings { slots: 4, fetchers: 1, ..settings("few") };
    queue.enqueue_many(&vec![Limited::fair("flood"); 3_000]).await;
    let worker = TestWorker::start_with(&queue, registry(), few).await;
    queue.stage().begun(50, SOON).await;
    let before = queue.stage().runs().len();
    let single = queue.enqueue(&Limited::fair("single")).await;
    queue.completed(single).await;
    let runs = queue.stage().runs();
    let place = runs.iter().position(|ran| ran.id == single).unwrap();
    // Those that ran while the enqueue was under way come on top.
    let behind = place - before;
    assert!(behind <= FAIR_WINDOW as usize + 200, "{behind} of the flood ran before it");
    queue.all_ended(3_001, "completed", Duration::from_mins(1)).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_rate_spreads_the_starts_evenly() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let job = Limited { key: "api".to_owned(), per_minute: Some(300), ungated: true, ..Limited::default() };
    let ids = queue.enqueue_many(&vec![job; 15]).await;
    queue.all_ended(15, "completed", SOON).await;
    let mut due = Vec::new();
    for id in ids {
        let job = queue.job(id).await;
        assert!(job.started_at.unwrap() >= job.run_at, "none comes early");
        due.push(job.run_at);
    }
    due.sort();
    let apart: Vec<i64> = due.windows(2).map(|pair| (pair[1] - pair[0]).num_milliseconds()).collect();
    assert!(apart.iter().all(|millis| (199..=201).contains(millis)), "{apart:?}");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn after_a_pause_no_more_than_a_minutes_worth_starts_at_once() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let job = Limited { key: "api".to_owned(), per_minute: Some(6), ungated: true, ..Limited::default() };
    let ids = queue.enqueue_many(&vec![job; 50]).await;
    let admitted = || async {
        let admitted = "SELECT count(*) FROM queue_jobs WHERE admitted AND worker_id IS NULL";
        sqlx::query_scalar::<_, i64>(admitted).fetch_one(queue.pool()).await.unwrap()
    };
    queue.stage().begun(1, SOON).await;
    wait_until(SOON, "those of the next minute are admitted", || async { admitted().await == 6 }).await;
    // As if all that is reserved had come due while nobody could run it.
    queue.make_due(&ids).await;
    wait_until(SOON, "they ran", || async { queue.stage().runs().len() == 7 }).await;
    wait_until(SOON, "the next are admitted", || async { admitted().await == 6 }).await;
    assert_eq!(queue.stage().runs().len(), 7, "and wait for their time");
    queue.delete(&ids).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn retries_and_cancellations_give_their_slot_away() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let failing = Limited { fails: true, ungated: true, ..Limited::to(1, "k") };
    let first = queue.enqueue(&failing).await;
    queue.job_in_state(first, "scheduled", SOON).await;
    let second = queue.enqueue(&Limited::to(1, "k")).await;
    queue.job_in_state(second, "running", SOON).await;

    // The retry is due, and has to wait for the slot in its turn.
    queue.make_due(&[first]).await;
    queue.job_in_state(first, "blocked", SOON).await;
    let third = queue.enqueue(&Limited::to(1, "k")).await;
    queue.queue().cancel(second).await.unwrap();
    queue.job_in_state(second, "cancelled", SOON).await;
    // One of them is next; a waiting one that is cancelled is out of the way.
    queue.completed(first).await;
    queue.job_in_state(third, "running", SOON).await;
    queue.stage().open_for_all();
    queue.completed(third).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn an_admitted_job_that_is_cancelled_before_it_runs_frees_its_slot() {
    let queue = TestQueue::new().await;
    queue.queue().pause("default", None).await.unwrap();
    let worker = TestWorker::start(&queue).await;
    let first = queue.enqueue(&Limited::to(1, "k")).await;
    queue.job_in_state(first, "queued", SOON).await;
    let second = queue.enqueue(&Limited::to(1, "k")).await;
    queue.job_in_state(second, "blocked", SOON).await;
    queue.queue().cancel(first).await.unwrap();
    queue.job_in_state(second, "queued", SOON).await;
    queue.queue().cancel(second).await.unwrap();
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_delayed_job_waits_for_its_time_and_then_for_a_slot() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let holder = queue.enqueue(&Limited::to(1, "k")).await;
    queue.job_in_state(holder, "running", SOON).await;
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..EnqueueOptions::default() };
    let delayed = queue.enqueue_with(&Limited::to(1, "k"), later).await;
    assert_eq!(queue.job(delayed).await.state, "scheduled");
    queue.make_due(&[delayed]).await;
    queue.job_in_state(delayed, "blocked", SOON).await;
    queue.stage().open_for_all();
    queue.completed(delayed).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn what_nobody_told_is_admitted_by_the_auditor() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let mut connection = queue.pool().acquire().await.unwrap();
    let job = Limited { ungated: true, ..Limited::to(1, "k") };
    let first = callboard_queue::enqueue(&mut connection, &job, &Cause::default()).await.unwrap().id;
    queue.job_in_state(first, "completed", HEALED).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn the_slot_of_a_worker_that_died_is_free_once_its_job_is_rescued() {
    let queue = TestQueue::new().await;
    let dying = MortalWorker::start(&queue, settings("dying")).await;
    let held = queue.enqueue(&Limited::to(1, "k")).await;
    queue.stage().begun(1, SOON).await;
    let next = queue.enqueue(&Limited { ungated: true, ..Limited::to(1, "k") }).await;
    dying.kill();
    queue.stage().open_for_all();
    let worker = TestWorker::start(&queue).await;
    queue.job_in_state(held, "completed", Duration::from_secs(40)).await;
    queue.completed(next).await;
    assert_eq!(queue.stage().times_run(next), 1);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_thousand_keys_all_get_their_turn() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let jobs: Vec<Limited> =
        (0..1_000).map(|key| Limited { ungated: true, ..Limited::to(1, &format!("key {key}")) }).collect();
    queue.enqueue_many(&jobs).await;
    queue.all_ended(1_000, "completed", Duration::from_secs(30)).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn thousands_of_keys_that_nobody_told_are_admitted_within_seconds() {
    let queue = TestQueue::new().await;
    let jobs: Vec<Limited> =
        (0..4_000).map(|key| Limited { ungated: true, ..Limited::to(1, &format!("key {key}")) }).collect();
    queue.enqueue_many(&jobs).await;
    // Nobody was there to hear of them.
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(4_000, "completed", Duration::from_secs(12)).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn limits_that_would_never_run_a_job_are_refused_by_name() {
    let queue = TestQueue::new().await;
    let mut transaction = queue.queue().begin().await.unwrap();
    let long = "x".repeat(301);
    for (expected, job) in [
        ("limit.concurrency", Limited::to(0, "k")),
        ("limit.concurrency", Limited::to(10_001, "k")),
        ("limit.per_minute", Limited { key: "k".to_owned(), per_minute: Some(0), ..Limited::default() }),
        ("limit.key", Limited::to(1, "")),
        ("limit.key", Limited::to(1, &long)),
        ("limit.key", Limited::to(1, "a\0")),
    ] {
        let error = transaction.enqueue(&job).await.unwrap_err();
        assert!(matches!(error, Error::Policy { field, .. } if field == expected), "{expected}: {error}");
    }
    transaction.rollback().await.unwrap();
}

#[tokio::test]
async fn a_rolled_back_enqueue_touches_no_limit() {
    let queue = TestQueue::new().await;
    let mut transaction = queue.queue().begin().await.unwrap();
    transaction.enqueue(&Limited::to(1, "k")).await.unwrap();
    // While it is open, it holds nothing that another would wait for.
    let worker = TestWorker::start(&queue).await;
    let other = queue.enqueue(&Limited { ungated: true, ..Limited::to(1, "k") }).await;
    queue.completed(other).await;
    transaction.rollback().await.unwrap();
    wait_until(SOON, "nothing is left", || async { queue.live().await == 0 }).await;
    worker.drain().await.unwrap();
}

/// The next start is half a minute later: nobody brings it forward.
#[tokio::test]
async fn a_start_that_a_rate_has_reserved_is_not_made_due() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let job = Limited { key: "api".to_owned(), per_minute: Some(2), ungated: true, ..Limited::default() };
    let ids = queue.enqueue_many(&vec![job; 2]).await;
    queue.stage().begun(1, SOON).await;
    let first = queue.stage().runs()[0].id;
    let later = ids.iter().copied().find(|id| *id != first).unwrap();
    let run_at = queue.job_in_state(later, "scheduled", SOON).await.run_at;
    let refused = queue.queue().retry(later).await.unwrap_err();
    assert!(matches!(refused, Error::WrongState { state: JobState::Scheduled, .. }), "{refused}");
    let reserved = Reason::StartReserved { key: "api".to_owned(), run_at };
    assert_eq!(queue.queue().why(later).await.unwrap().reasons, [reserved]);
    assert_eq!(queue.stage().runs().len(), 1);
    queue.delete(&ids).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn of_those_that_wait_for_a_slot_the_most_urgent_is_next_then_the_oldest() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let job = Limited::to(1, "k");
    let holder = queue.enqueue(&job).await;
    queue.stage().begun(1, SOON).await;
    let of = |priority| EnqueueOptions { priority: Some(priority), ..EnqueueOptions::default() };
    let mut ids = Vec::new();
    for priority in [Priority::Low, Priority::Default, Priority::High, Priority::High, Priority::Low] {
        ids.push(queue.enqueue_with(&job, of(priority)).await);
    }
    queue.stage().open_for_all();
    queue.all_ended(6, "completed", SOON).await;
    let ran: Vec<Uuid> = queue.stage().runs().iter().map(|ran| ran.id).collect();
    assert_eq!(ran, [holder, ids[2], ids[3], ids[1], ids[0], ids[4]]);
    worker.drain().await.unwrap();
}
