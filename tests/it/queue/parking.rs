//! A kind that this worker doesn't know waits for one that does.

use callboard_queue::{Priority, Registry};
use callboard_tests::{
    jobs::{NoOp, Stranger, registry},
    queue::TestQueue,
    wait::SOON,
    worker::{TestWorker, settings},
};
use chrono::TimeDelta;

#[tokio::test]
async fn an_unknown_kind_is_parked_unburnt_and_runs_when_a_worker_knows_it() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let before = chrono::Utc::now();
    let ids = queue.enqueue_many(&vec![Stranger {}; 100]).await;
    let other = queue.enqueue(&NoOp::default()).await;
    queue.completed(other).await;
    for id in &ids {
        let job = queue.job_in_state(*id, "scheduled", SOON).await;
        assert_eq!((job.attempt, job.errors.as_array().unwrap().len()), (0, 0));
        let wait = job.run_at - before;
        assert!((TimeDelta::seconds(5)..TimeDelta::seconds(61) + SOON.try_into_delta()).contains(&wait), "{wait}");
    }
    assert_eq!(queue.logs().lines_with("no handler here for this kind").len(), 1, "logged once");
    assert!(queue.ready("default", Priority::Default).await.is_empty());
    worker.drain().await.unwrap();

    let newer = TestWorker::start_with(&queue, registry().register::<Stranger>(), settings("newer")).await;
    queue.make_due(&ids).await;
    for id in &ids {
        let job = queue.completed(*id).await;
        assert_eq!((job.attempt, queue.stage().times_run(*id)), (1, 1));
    }
    newer.drain().await.unwrap();
}

#[tokio::test]
async fn a_renamed_kind_runs_under_its_old_name() {
    let queue = TestQueue::new().await;
    let id = queue.enqueue(&Stranger {}).await;
    let registry = Registry::new().register::<NoOp>().register_as::<Stranger>("test.renamed");
    queue.execute_on("UPDATE queue_jobs SET kind = 'test.renamed' WHERE id = ANY($1)", &[id]).await;
    let worker = TestWorker::start_with(&queue, registry, settings("renamed")).await;
    assert_eq!(queue.completed(id).await.kind, "test.renamed");
    worker.drain().await.unwrap();
}

trait Delta {
    fn try_into_delta(self) -> TimeDelta;
}

impl Delta for std::time::Duration {
    fn try_into_delta(self) -> TimeDelta {
        TimeDelta::from_std(self).unwrap()
    }
}
