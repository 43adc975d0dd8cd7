//! In which order jobs are fetched, and how many at a time.

use std::time::Duration;

use callboard_queue::{EnqueueOptions, Mode, Priority, QueueShare, RunnerSettings};
use callboard_tests::{
    jobs::{Capped, NoOp, registry},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::{TestWorker, settings},
};

/// One job at a time, so that the order of the runs is the order of the fetches.
fn one_slot(mode: Mode) -> RunnerSettings {
    RunnerSettings { slots: 1, fetchers: 1, mode, ..settings("one slot") }
}

/// Enqueues `each` jobs a priority, the low ones first; their number is the rank.
async fn backlog(queue: &TestQueue, each: i64) {
    for priority in Priority::ALL.into_iter().rev() {
        let mut transaction = queue.queue().begin().await.unwrap();
        for _ in 0..each {
            let options = EnqueueOptions { priority: Some(priority), ..EnqueueOptions::default() };
            transaction.enqueue_with(&NoOp { number: priority.rank().into() }, options).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }
}

#[tokio::test]
async fn strict_serves_a_lower_priority_only_when_the_higher_ones_are_empty() {
    let queue = TestQueue::new().await;
    backlog(&queue, 50).await;
    let worker = TestWorker::start_with(&queue, registry(), one_slot(Mode::Strict)).await;
    queue.all_ended(150, "completed", SOON).await;
    let ranks: Vec<i64> = queue.stage().runs().iter().map(|ran| ran.number).collect();
    assert!(ranks.is_sorted(), "{ranks:?}");
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn weighted_serves_high_default_and_low_as_6_to_3_to_1() {
    const LOOKED_AT: usize = 300;
    let queue = TestQueue::new().await;
    backlog(&queue, 300).await;
    let worker = TestWorker::start_with(&queue, registry(), one_slot(Mode::Weighted)).await;
    queue.all_ended(900, "completed", Duration::from_mins(1)).await;
    let runs = queue.stage().runs();
    let served = |rank| runs[..LOOKED_AT].iter().filter(|ran| ran.number == rank).count();
    // Six standard deviations of a binomial: a right draw fails once in 10⁸ runs.
    for (rank, expected, deviation) in [(0, 180.0, 8.5), (1, 90.0, 8.0), (2, 30.0, 5.2)] {
        let served = f64::from(u32::try_from(served(rank)).unwrap());
        assert!((served - expected).abs() < 6.0 * deviation, "{served} of priority {rank}, about {expected} expected");
    }
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_capped_queue_never_runs_more_than_its_cap_and_holds_nobody_up() {
    let queue = TestQueue::new().await;
    let share = |name: &str, cap| QueueShare { name: name.to_owned(), cap };
    let queues = vec![share("default", None), share("capped", Some(2))];
    let settings = RunnerSettings { queues, ..settings("capped") };
    let capped = queue.enqueue_many(&vec![Capped {}; 20]).await;
    let worker = TestWorker::start_with(&queue, registry(), settings).await;
    wait_until(SOON, "the capped queue is full", || async { queue.stage().running() == 2 }).await;
    let others = queue.enqueue_many(&vec![NoOp::default(); 50]).await;
    for id in others {
        queue.completed(id).await;
    }
    assert_eq!(queue.stage().running(), 2);
    assert_eq!(queue.ready("capped", Priority::Default).await.len(), 18, "the others wait in Redis, not in memory");
    for done in 1..=20 {
        queue.stage().open(1);
        wait_until(SOON, "one capped job ends", || async {
            queue.live().await == 20 - done && queue.stage().running() == usize::try_from(2.min(20 - done)).unwrap()
        })
        .await;
    }
    let peak_of_capped = 2 + 50;
    assert!(queue.stage().peak() <= peak_of_capped);
    assert_eq!(queue.stage().runs().iter().filter(|ran| capped.contains(&ran.id)).count(), 20);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_worker_runs_no_more_jobs_than_it_has_slots() {
    let queue = TestQueue::new().await;
    let jobs = vec![callboard_tests::jobs::Gated::default(); 30];
    queue.enqueue_many(&jobs).await;
    let settings = RunnerSettings { slots: 7, ..settings("seven") };
    let worker = TestWorker::start_with(&queue, registry(), settings).await;
    wait_until(SOON, "all slots are busy", || async { queue.stage().running() == 7 }).await;
    assert_eq!(queue.ready("default", Priority::Default).await.len(), 23);
    queue.stage().open_for_all();
    queue.all_ended(30, "completed", SOON).await;
    assert_eq!(queue.stage().peak(), 7);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_worker_leaves_queues_alone_that_it_was_not_told_to_serve() {
    let queue = TestQueue::new().await;
    queue.stage().open_for_all();
    let capped = queue.enqueue(&Capped {}).await;
    let queues = vec![QueueShare { name: "default".to_owned(), cap: None }];
    let worker =
        TestWorker::start_with(&queue, registry(), RunnerSettings { queues, ..settings("default only") }).await;
    let other = queue.enqueue(&NoOp::default()).await;
    queue.completed(other).await;
    assert_eq!(queue.job(capped).await.state, "queued");
    worker.drain().await.unwrap();
    let worker = TestWorker::start(&queue).await;
    queue.completed(capped).await;
    worker.drain().await.unwrap();
}
