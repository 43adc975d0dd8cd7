//! At most one live job a unique key and scope.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use callboard_queue::{Enqueued, Error};
use callboard_tests::{
    jobs::{Keyed, Scope},
    queue::TestQueue,
    wait::SOON,
    worker::TestWorker,
};
use futures::future::join_all;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    Layer,
    layer::{Context, SubscriberExt},
    util::SubscriberInitExt,
};

async fn enqueue(queue: &TestQueue, job: &Keyed) -> Enqueued {
    let mut transaction = queue.queue().begin().await.unwrap();
    let enqueued = transaction.enqueue(job).await.unwrap();
    transaction.commit().await.unwrap();
    enqueued
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_enqueuers_of_one_key_make_one_job() {
    let queue = TestQueue::new().await;
    for scope in [Scope::Started, Scope::Finished, Scope::Window] {
        let job = Keyed::new(format!("{scope:?}"), scope);
        let all = join_all((0..50).map(|_| enqueue(&queue, &job))).await;
        let made: Vec<_> = all.iter().filter(|enqueued| !enqueued.existing).collect();
        assert_eq!(made.len(), 1, "{scope:?}");
        assert!(all.iter().all(|enqueued| enqueued.id == made[0].id), "all are told of the one: {scope:?}");
    }
    assert_eq!(queue.live().await, 3);
    queue.stage().open_for_all();
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(3, "completed", SOON).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn until_started_frees_its_key_when_the_first_attempt_starts() {
    let queue = TestQueue::new().await;
    let job = Keyed::new("dashboard", Scope::Started);
    let first = enqueue(&queue, &job).await;
    assert_eq!(enqueue(&queue, &job).await, Enqueued { id: first.id, existing: true });
    let worker = TestWorker::start(&queue).await;
    queue.stage().begun(1, SOON).await;
    let second = enqueue(&queue, &job).await;
    assert!(!second.existing, "what happens during a run may ask for one more");
    queue.stage().open_for_all();
    queue.all_ended(2, "completed", SOON).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn until_finished_holds_its_key_during_the_run_and_frees_it_at_the_end() {
    let queue = TestQueue::new().await;
    let job = Keyed::new("report", Scope::Finished);
    let worker = TestWorker::start(&queue).await;
    let first = enqueue(&queue, &job).await;
    queue.stage().begun(1, SOON).await;
    assert_eq!(enqueue(&queue, &job).await, Enqueued { id: first.id, existing: true });
    queue.stage().open(1);
    queue.completed(first.id).await;
    let second = enqueue(&queue, &job).await;
    assert!(!second.existing);
    queue.stage().open(1);
    queue.completed(second.id).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_window_holds_its_key_after_the_end_until_it_is_over() {
    let queue = TestQueue::new().await;
    queue.stage().open_for_all();
    let job = Keyed::new("invoice", Scope::Window);
    let worker = TestWorker::start(&queue).await;
    let first = enqueue(&queue, &job).await;
    queue.completed(first.id).await;
    assert_eq!(enqueue(&queue, &job).await, Enqueued { id: first.id, existing: true });
    sqlx::query("UPDATE queue_unique_windows SET held_until = clock_timestamp()").execute(queue.pool()).await.unwrap();
    let second = enqueue(&queue, &job).await;
    assert!(!second.existing, "the window is over");
    assert_eq!(enqueue(&queue, &job).await, Enqueued { id: second.id, existing: true }, "a new one has begun");
    queue.completed(second.id).await;
    worker.drain().await.unwrap();
}

/// Neither waits for a transaction that met the key, nor makes others wait.
#[tokio::test]
async fn who_meets_a_held_window_locks_nothing() {
    let queue = TestQueue::new().await;
    let job = Keyed::new("daily", Scope::Window);
    let holder = Enqueued { id: enqueue(&queue, &job).await.id, existing: true };
    let mut first = queue.queue().begin_with("BEGIN; SET LOCAL lock_timeout = '1s'").await.unwrap();
    let mut second = queue.queue().begin_with("BEGIN; SET LOCAL lock_timeout = '1s'").await.unwrap();
    assert_eq!(first.enqueue(&job).await.unwrap(), holder);
    assert_eq!(second.enqueue(&job).await.expect("the first locks nothing"), holder);
    // With others around it, in one statement for all.
    let keys = ["a", "daily", "b", "daily", "a"].map(|key| Keyed::new(key, Scope::Window));
    let bulk = second.enqueue_many(&keys).await.unwrap();
    let existing: Vec<bool> = bulk.iter().map(|enqueued| enqueued.existing).collect();
    assert_eq!(existing, [false, true, false, true, true]);
    assert_eq!((bulk[1], bulk[3], bulk[4].id), (holder, holder, bulk[0].id));
    second.commit().await.unwrap();
    first.rollback().await.unwrap();
    queue.stage().open_for_all();
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(3, "completed", SOON).await;
    worker.drain().await.unwrap();
}

/// Counts the statements that this thread sends.
struct Statements(Arc<AtomicUsize>);

impl<S: Subscriber> Layer<S> for Statements {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "sqlx::query" {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[tokio::test]
async fn a_bulk_asks_for_all_holders_at_once() {
    let queue = TestQueue::new().await;
    let sent = Arc::new(AtomicUsize::new(0));
    let _counting = tracing_subscriber::registry().with(Statements(sent.clone())).set_default();
    for scope in [Scope::Finished, Scope::Window] {
        let bulk = |jobs: usize| -> Vec<Keyed> {
            (0..jobs).map(|number| Keyed::new(format!("{scope:?} {number}"), scope)).collect()
        };
        let held = queue.enqueue_many(&bulk(300)).await;
        let mut statements = Vec::new();
        for jobs in [1, 300] {
            let mut transaction = queue.queue().begin().await.unwrap();
            let before = sent.load(Ordering::Relaxed);
            let enqueued = transaction.enqueue_many(&bulk(jobs)).await.unwrap();
            statements.push(sent.load(Ordering::Relaxed) - before);
            let found: Vec<_> = enqueued.iter().filter(|job| job.existing).map(|job| job.id).collect();
            assert_eq!(found, held[..jobs], "{scope:?}");
            transaction.rollback().await.unwrap();
        }
        assert!(statements[0] > 0 && statements[0] == statements[1], "{scope:?}: {statements:?}");
    }
    queue.leaves_jobs("no worker runs");
}

#[tokio::test]
async fn a_rolled_back_enqueue_takes_no_key() {
    let queue = TestQueue::new().await;
    for scope in [Scope::Started, Scope::Finished, Scope::Window] {
        let job = Keyed::new(format!("{scope:?}"), scope);
        let mut transaction = queue.queue().begin().await.unwrap();
        assert!(!transaction.enqueue(&job).await.unwrap().existing);
        transaction.rollback().await.unwrap();
        assert!(!enqueue(&queue, &job).await.existing, "{scope:?}");
    }
    queue.stage().open_for_all();
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(3, "completed", SOON).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn duplicate_keys_inside_one_bulk_make_one_job() {
    let queue = TestQueue::new().await;
    let held = enqueue(&queue, &Keyed::new("held", Scope::Finished)).await;
    let keys = ["b", "a", "held", "b", "w", "a", "w", "c"];
    let scope = |key: &str| if key == "w" { Scope::Window } else { Scope::Finished };
    let jobs: Vec<Keyed> = keys.iter().map(|key| Keyed::new(*key, scope(key))).collect();
    let mut transaction = queue.queue().begin().await.unwrap();
    let all = transaction.enqueue_many(&jobs).await.unwrap();
    transaction.commit().await.unwrap();
    let existing: Vec<bool> = all.iter().map(|enqueued| enqueued.existing).collect();
    assert_eq!(existing, [false, false, true, true, false, true, true, false], "told in the order they were given");
    assert_eq!((all[3].id, all[5].id, all[6].id), (all[0].id, all[1].id, all[4].id));
    assert_eq!(all[2].id, held.id);
    queue.stage().open_for_all();
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(5, "completed", SOON).await;
    worker.drain().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bulks_with_the_same_keys_in_any_order_do_not_deadlock() {
    let queue = TestQueue::new().await;
    for scope in [Scope::Finished, Scope::Window] {
        let bulk = |backwards: bool| {
            let mut jobs: Vec<Keyed> = (0..100).map(|key| Keyed::new(format!("{scope:?} {key}"), scope)).collect();
            if backwards {
                jobs.reverse();
            }
            let queue = queue.queue();
            async move {
                let mut transaction = queue.begin().await.unwrap();
                let all = transaction.enqueue_many(&jobs).await.expect("no deadlock");
                transaction.commit().await.unwrap();
                all.iter().filter(|enqueued| !enqueued.existing).count()
            }
        };
        let made: usize = join_all((0..8).map(|number| bulk(number % 2 == 0))).await.into_iter().sum();
        assert_eq!(made, 100, "{scope:?}");
    }
    queue.stage().open_for_all();
    let worker = TestWorker::start(&queue).await;
    queue.all_ended(200, "completed", SOON).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn keys_have_1_to_300_characters() {
    let queue = TestQueue::new().await;
    let mut transaction = queue.queue().begin().await.unwrap();
    for (key, length) in [(String::new(), 0), ("é".repeat(301), 301)] {
        let error = transaction.enqueue(&Keyed::new(key, Scope::Finished)).await.unwrap_err();
        assert!(matches!(error, Error::UniqueKey { length: told, .. } if told == length), "{error}");
    }
    for scope in [Scope::Started, Scope::Window] {
        let error = transaction.enqueue(&Keyed::new("a\0b", scope)).await.unwrap_err();
        assert!(matches!(error, Error::Policy { field: "unique.key", .. }), "{error}");
    }
    transaction.enqueue(&Keyed::new("é".repeat(300), Scope::Finished)).await.unwrap();
    transaction.enqueue(&Keyed::new("é".repeat(300), Scope::Window)).await.unwrap();
}
