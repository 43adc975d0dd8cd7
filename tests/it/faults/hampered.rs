//! Two workers busy under a steady load, and a Redis that is of no use meanwhile.

use std::time::{Duration, Instant};

use callboard_queue::RunnerSettings;
use callboard_tests::{
    jobs::{NoOp, registry},
    load::Load,
    queue::TestQueue,
    services::Services,
    wait::{SOON, wait_out, wait_until},
    worker::{TestWorker, settings},
};
use chrono::TimeDelta;

/// A queue that is enqueued to and served while Redis is hampered.
pub(super) struct Hampered {
    pub(super) queue: TestQueue,
    pub(super) load: Load,
    workers: [TestWorker; 2],
    begun: Instant,
}

impl Hampered {
    pub(super) async fn on(services: &Services) -> Self {
        let queue = TestQueue::on(services).await;
        queue.make_effects().await;
        let first = TestWorker::start(&queue).await;
        let other = RunnerSettings { slots: 20, ..settings("other") };
        let second = TestWorker::start_with(&queue, registry(), other).await;
        let load = Load::start(&queue, Duration::from_millis(10));
        wait_until(SOON, "the load runs", || async { queue.stage().runs().len() > 100 }).await;
        Self { queue, load, workers: [first, second], begun: Instant::now() }
    }

    /// Redis is of no use for `span`; the log says so with `word`.
    pub(super) async fn outlast(&self, span: Duration, word: &str) {
        let began = Instant::now();
        let said = || async { self.queue.logs().complaints().iter().any(|line| line.contains(word)) };
        wait_until(SOON, format!("somebody says {word}"), said).await;
        wait_out(began, span).await;
        assert!(self.workers.iter().all(TestWorker::is_ready), "a worker without Redis heals by itself");
    }

    /// Redis is well again; `lines` is how many it may have cost in the log.
    pub(super) async fn recover(self, lines: usize) {
        let Self { queue, load, workers, begun } = self;
        let account = load.stop().await;
        let enqueued = account.committed.len();
        assert!(enqueued as u64 > 10 * begun.elapsed().as_secs(), "{enqueued} in {:?}", begun.elapsed());
        queue.emptied(SOON).await;
        queue.nothing_is_lost_or_doubled(&[], &account).await;
        assert_eq!(queue.stage().runs().len(), enqueued, "each ran once");

        assert!(account.refusals.is_empty(), "enqueues need no Redis: {:?}", account.refusals);
        let (usually, slowest) = (account.usually_took(), account.slowest());
        assert!(usually <= Duration::from_millis(500), "99 % took up to {usually:?}");
        assert!(slowest <= Duration::from_secs(2), "the slowest took {slowest:?}");
        let complaints = queue.logs().complaints();
        assert!(complaints.len() <= lines, "an outage is told once, not with each try: {complaints:#?}");

        let id = queue.enqueue(&NoOp::default()).await;
        let job = queue.completed(id).await;
        assert!(job.started_at.unwrap() - job.created_at < TimeDelta::seconds(2), "handed over at once again");
        for worker in workers {
            worker.drain().await.unwrap();
        }
    }
}
