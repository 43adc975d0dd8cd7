//! The protocol under random interleavings and faults, as its model checks it:
//! nothing commits twice, what was rolled back never runs, and once the faults
//! stop every committed job ends.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use callboard_queue::{Cause, Job, Priority, QueueShare, RunnerSettings, internals};
use callboard_tests::{
    jobs::{Capped, Effect, registry},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::{MortalWorker, TestWorker, settings},
};
use proptest::{
    collection::vec,
    prelude::{Just, Strategy, prop_oneof},
    test_runner::{Config, TestCaseError, TestRunner},
};
use uuid::Uuid;

#[derive(Clone, Debug)]
enum Step {
    /// Commit jobs and hand them over.
    Enqueue(usize),
    /// Commit jobs and die before the push.
    EnqueueUnpushed(usize),
    RollBack(usize),
    /// Empty Redis.
    Wipe,
    /// A stale replica: jobs of all ages are on the list again.
    PushAgain(usize),
    Start,
    Drain(usize),
    Kill(usize),
    /// A worker that nobody hears of again claims jobs.
    ClaimAndVanish(usize),
    /// Somebody cancels jobs, whatever they are at.
    Cancel(usize),
    /// Somebody wants what was cancelled after all.
    Redrive(usize),
    /// Let something happen in between.
    Settle(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        5 => (1..20_usize).prop_map(Step::Enqueue),
        2 => (1..10_usize).prop_map(Step::EnqueueUnpushed),
        1 => (1..5_usize).prop_map(Step::RollBack),
        1 => Just(Step::Wipe),
        2 => (1..30_usize).prop_map(Step::PushAgain),
        2 => Just(Step::Start),
        1 => (0..8_usize).prop_map(Step::Drain),
        2 => (0..8_usize).prop_map(Step::Kill),
        1 => (1..6_usize).prop_map(Step::ClaimAndVanish),
        2 => (1..5_usize).prop_map(Step::Cancel),
        1 => (1..5_usize).prop_map(Step::Redrive),
        4 => (1..15_usize).prop_map(Step::Settle),
    ]
}

/// A world of workers and jobs, and what must come of it.
struct World<'a> {
    queue: &'a TestQueue,
    committed: Vec<Uuid>,
    rolled_back: Vec<Uuid>,
    cancelled: HashSet<Uuid>,
    workers: Vec<MortalWorker>,
}

impl World<'_> {
    async fn take(&mut self, step: &Step) {
        match *step {
            Step::Enqueue(jobs) => {
                let ids = self.queue.enqueue_many(&vec![Effect::default(); jobs]).await;
                self.committed.extend(ids);
            }
            Step::EnqueueUnpushed(jobs) => {
                let mut transaction = self.queue.pool().begin().await.unwrap();
                for _ in 0..jobs {
                    let job = Effect::default();
                    let enqueued = callboard_queue::enqueue(&mut transaction, &job, &Cause::default()).await.unwrap();
                    self.committed.push(enqueued.id);
                }
                transaction.commit().await.unwrap();
            }
            Step::RollBack(jobs) => {
                let mut transaction = self.queue.queue().begin().await.unwrap();
                let enqueued = transaction.enqueue_many(&vec![Effect::default(); jobs]).await.unwrap();
                self.rolled_back.extend(enqueued.iter().map(|enqueued| enqueued.id));
            }
            Step::Wipe => self.queue.wipe_redis().await,
            Step::PushAgain(jobs) => {
                let known = self.committed.iter().chain(&self.rolled_back);
                let ids: Vec<Uuid> = known.rev().step_by(2).take(jobs).copied().collect();
                if !ids.is_empty() {
                    self.queue.push("default", Priority::Default, &ids).await;
                }
            }
            Step::Start if self.workers.len() < 4 => self.start().await,
            Step::Start => {}
            Step::Drain(which) => {
                if let Some(worker) = self.remove(which) {
                    worker.drain().await.unwrap();
                }
            }
            Step::Kill(which) => {
                if let Some(worker) = self.remove(which) {
                    worker.kill();
                }
            }
            Step::ClaimAndVanish(jobs) => {
                let ids: Vec<Uuid> = self.committed.iter().rev().take(jobs).copied().collect();
                let kinds = [Effect::KIND.to_owned()];
                internals::claim(self.queue.pool(), &ids, Uuid::now_v7(), Uuid::new_v4(), &kinds).await.unwrap();
            }
            Step::Cancel(jobs) => {
                for id in self.committed.iter().rev().step_by(3).take(jobs) {
                    // One that has ended can't be.
                    if self.queue.queue().cancel(*id).await.is_ok() {
                        self.cancelled.insert(*id);
                    }
                }
            }
            Step::Redrive(jobs) => {
                for id in self.cancelled.iter().take(jobs) {
                    if self.queue.job(*id).await.state == "cancelled" {
                        let _ = self.queue.queue().retry(*id).await;
                    }
                }
            }
            Step::Settle(runs) => self.settle(runs).await,
        }
    }

    /// Waits for some more runs, or until nothing is left to run.
    async fn settle(&self, runs: usize) {
        if self.workers.is_empty() {
            return;
        }
        let wanted = self.queue.stage().runs().len() + runs;
        let on_list = || self.queue.ready("default", Priority::Default);
        wait_until(SOON, "runs, or an empty list", || async {
            self.queue.stage().runs().len() >= wanted || on_list().await.is_empty()
        })
        .await;
    }

    async fn start(&mut self) {
        let queues = vec![QueueShare { name: "default".to_owned(), cap: None }];
        let settings = RunnerSettings { slots: 8, queues, grace: Duration::ZERO, ..settings("mortal") };
        self.workers.push(MortalWorker::start(self.queue, settings).await);
    }

    fn remove(&mut self, which: usize) -> Option<MortalWorker> {
        (!self.workers.is_empty()).then(|| self.workers.remove(which % self.workers.len()))
    }

    /// Ends the faults and checks what came of it all.
    async fn end(mut self) -> Result<(), TestCaseError> {
        for worker in self.workers.drain(..) {
            worker.kill();
        }
        // The dead ones have been silent for long: a clock moved, not waited for.
        let silence = "UPDATE queue_workers SET beat_at = beat_at - interval '1 hour' WHERE name = 'mortal'";
        sqlx::query(silence).execute(self.queue.pool()).await.unwrap();
        self.start().await;
        wait_until(2 * SOON, "every committed job has ended", || async { self.queue.live().await == 0 }).await;
        self.check().await?;
        for worker in self.workers.drain(..) {
            worker.drain().await.unwrap();
        }
        Ok(())
    }

    async fn check(&self) -> Result<(), TestCaseError> {
        let history: Vec<(Uuid, String)> =
            sqlx::query_as("SELECT id, state FROM queue_history").fetch_all(self.queue.pool()).await.unwrap();
        let mut ended: HashMap<Uuid, usize> = HashMap::new();
        for (id, _) in &history {
            *ended.entry(*id).or_default() += 1;
        }
        let states: HashMap<Uuid, String> = history.into_iter().collect();
        let mut effects: HashMap<Uuid, usize> = HashMap::new();
        for id in self.queue.effects().await {
            *effects.entry(id).or_default() += 1;
        }
        for id in &self.committed {
            proptest::prop_assert_eq!(ended.get(id), Some(&1), "{} ended once", id);
            let completed = states[id] == "completed";
            proptest::prop_assert!(
                completed || states[id] == "cancelled" && self.cancelled.contains(id),
                "{}",
                states[id]
            );
            let times = effects.get(id).copied().unwrap_or_default();
            proptest::prop_assert_eq!(times, usize::from(completed), "{} committed once if it completed", id);
        }
        let ran: HashSet<Uuid> = self.queue.stage().runs().iter().map(|ran| ran.id).collect();
        for id in &self.rolled_back {
            proptest::prop_assert!(!ran.contains(id), "{} was rolled back and ran", id);
        }
        Ok(())
    }
}

/// The number of cases; `PROPTEST_CASES` asks for more.
const CASES: u32 = 6;

#[test]
fn nothing_commits_twice_and_everything_ends() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (queue, guardian) = runtime.block_on(async {
        let queue = TestQueue::new().await;
        queue.make_effects().await;
        // A worker that holds the duties from the start, and lives: after 15 s
        // of beats it may judge others, so that no case has to wait for that.
        let queues = vec![QueueShare { name: Capped::QUEUE.to_owned(), cap: Some(1) }];
        let guardian =
            TestWorker::start_with(&queue, registry(), RunnerSettings { queues, ..settings("guardian") }).await;
        trusted(&queue).await;
        (queue, guardian)
    });
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(CASES);
    // Each case takes seconds, and a random one fails anew when it is cut short.
    let config = Config { cases, max_shrink_iters: 0, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&vec(step(), 20..60), |steps| {
        runtime.block_on(async {
            let mut world = World {
                queue: &queue,
                committed: vec![],
                rolled_back: vec![],
                cancelled: HashSet::new(),
                workers: vec![],
            };
            for step in &steps {
                world.take(step).await;
            }
            world.end().await
        })
    });
    runtime.block_on(async {
        if let Err(failure) = outcome {
            panic!("{failure}");
        }
        guardian.drain().await.unwrap();
        drop(queue);
    });
}

/// Waits until the guardian takes a job away from a worker that never was.
async fn trusted(queue: &TestQueue) {
    queue.stage().open_for_all();
    let mut transaction = queue.pool().begin().await.unwrap();
    let id = callboard_queue::enqueue(&mut transaction, &Capped {}, &Cause::default()).await.unwrap().id;
    let claim = "UPDATE queue_jobs SET worker_id = gen_random_uuid(), claim_id = gen_random_uuid(), attempt = 1,
                 started_at = clock_timestamp() WHERE id = $1";
    sqlx::query(claim).bind(id).execute(&mut *transaction).await.unwrap();
    transaction.commit().await.unwrap();
    queue.job_in_state(id, "completed", 2 * SOON).await;
    sqlx::query("DELETE FROM queue_history").execute(queue.pool()).await.unwrap();
}
