//! Two workers busy under a steady load, and an outage of PostgreSQL around them.

use std::time::{Duration, Instant};

use callboard_queue::RunnerSettings;
use callboard_tests::{
    jobs::{Gated, registry},
    load::Load,
    queue::TestQueue,
    services::Services,
    wait::{SOON, wait_out, wait_until},
    worker::{TestWorker, settings},
};
use uuid::Uuid;

const HELD: usize = 60;

/// Workers in the middle of jobs, while others are enqueued, run and finished.
pub(super) struct Busy {
    pub(super) queue: TestQueue,
    workers: [TestWorker; 2],
    load: Load,
    held: Vec<Uuid>,
    begun: Instant,
}

impl Busy {
    pub(super) async fn on(services: &Services) -> Self {
        let queue = TestQueue::on(services).await;
        queue.make_effects().await;
        let few = |name| RunnerSettings { slots: HELD / 2 + 10, ..settings(name) };
        let first = TestWorker::start_with(&queue, registry(), few("first")).await;
        let second = TestWorker::start_with(&queue, registry(), few("second")).await;
        let held = queue.enqueue_many(&vec![Gated::default(); HELD]).await;
        queue.stage().begun(HELD, SOON).await;
        let load = Load::start(&queue, Duration::from_millis(20));
        let goes_on = || async { queue.stage().runs().len() > HELD + 50 };
        wait_until(SOON, "the load is enqueued and runs", goes_on).await;
        Self { queue, workers: [first, second], load, held, begun: Instant::now() }
    }

    /// PostgreSQL is of no use now: for `span`, and until the others would take each
    /// worker for dead. What the workers hold ends meanwhile, and nobody can be told.
    /// Enqueues are refused `because` of this, and soon.
    pub(super) async fn outlast(&self, span: Duration, because: &str) {
        let began = Instant::now();
        let before = self.load.so_far();
        self.queue.stage().open_for_all();
        wait_until(SOON, "all have run", || async { self.queue.stage().running() == 0 }).await;
        let nobody_is_ready = || async { self.workers.iter().all(|worker| !worker.is_ready()) };
        wait_until(2 * SOON, "no worker says that it is ready", nobody_is_ready).await;
        wait_out(began, span).await;

        let account = self.load.so_far();
        let refusals = &account.refusals[before.refusals.len()..];
        assert!(refusals.len() > 5, "enqueues are refused: {refusals:?}");
        let clear = |said: &&String| said.starts_with("the ledger in PostgreSQL failed") && said.contains(because);
        let unclear: Vec<_> = refusals.iter().skip(2).filter(|said| !clear(said)).collect();
        assert!(unclear.is_empty(), "{unclear:?}");
        let slowest = account.took[before.took.len()..].iter().max().unwrap();
        assert!(*slowest < Duration::from_secs(3), "an enqueue was kept waiting {slowest:?}");
    }

    /// PostgreSQL is back.
    pub(super) async fn recover(self) {
        let Self { queue, workers, load, held, begun } = self;
        let enqueued = load.so_far().committed.len();
        for worker in &workers {
            worker.ready(SOON).await;
        }
        let goes_on = || async { load.so_far().committed.len() > enqueued + 100 };
        wait_until(SOON, "enqueues are taken again", goes_on).await;
        let account = load.stop().await;
        queue.emptied(SOON).await;

        queue.nothing_is_lost_or_doubled(&held, &account).await;
        for id in &held {
            let job = queue.job(*id).await;
            assert_eq!((job.attempt, queue.stage().times_run(*id)), (1, 1), "finished work was kept");
        }
        assert_eq!(queue.metric("jobs_rescued_total").to_string(), "0", "both live");
        assert_eq!(queue.metric("stale_finishes_total").to_string(), "0");
        let mut complaints = queue.logs().complaints();
        // One of sqlx for each connection that breaks; and of each of the two workers
        // at most one a second.
        complaints.retain(|line| !line.contains("testing the connection on-release"));
        assert!(complaints.len() as u64 <= 2 * begun.elapsed().as_secs(), "{complaints:#?}");
        for worker in workers {
            worker.drain().await.unwrap();
        }
    }
}
