//! Jobs that wait for others: chains, fan-out and fan-in, and what a failure means.

use std::time::Duration;

use callboard_queue::{EnqueueOptions, Error, Flow, OnParentFailure, Reason};
use callboard_tests::{
    jobs::{Gated, Hopeless, Keyed, Limited, NoOp, Returning, Scope},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::TestWorker,
};
use chrono::{TimeDelta, Utc};
use uuid::Uuid;

/// What nobody told, the auditor finds within this time.
const HEALED: Duration = Duration::from_secs(8);

async fn enqueue(queue: &TestQueue, flow: Flow) -> Vec<Uuid> {
    let mut transaction = queue.queue().begin().await.unwrap();
    let ids = transaction.enqueue_flow(flow).await.unwrap();
    transaction.commit().await.unwrap();
    ids
}

fn after(parents: &[Uuid]) -> EnqueueOptions {
    EnqueueOptions { after: parents.to_vec(), ..EnqueueOptions::default() }
}

#[tokio::test]
async fn a_chain_runs_one_after_the_other() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let mut flow = Flow::new();
    let mut last = flow.add(&NoOp { number: 0 });
    for number in 1..20 {
        last = flow.add_after(&[last], &NoOp { number });
    }
    let begun = std::time::Instant::now();
    let ids = enqueue(&queue, flow).await;
    queue.all_ended(20, "completed", SOON).await;
    assert!(begun.elapsed() < Duration::from_secs(5), "each is told at once: {:?}", begun.elapsed());
    let numbers: Vec<i64> = queue.stage().runs().iter().map(|ran| ran.number).collect();
    assert_eq!(numbers, (0..20).collect::<Vec<_>>());
    for pair in ids.windows(2) {
        let (parent, child) = (queue.job(pair[0]).await, queue.job(pair[1]).await);
        assert!(child.started_at.unwrap() >= parent.finished_at.unwrap());
    }
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_batch_fans_out_and_in_and_says_what_it_waits_for() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let mut flow = Flow::new();
    let first = flow.add(&NoOp { number: -1 });
    let many: Vec<_> = (0..200).map(|_| flow.add_after(&[first], &NoOp::default())).collect();
    let gated = flow.add(&Gated::default());
    let waits_for: Vec<_> = many.iter().copied().chain([gated]).collect();
    flow.add_after(&waits_for, &NoOp { number: 1_000 });
    let ids = enqueue(&queue, flow).await;
    let (gate, last) = (ids[ids.len() - 2], ids[ids.len() - 1]);
    wait_until(SOON, "only the gated one is left", || async { queue.live().await == 2 }).await;
    assert_eq!(queue.job(last).await.state, "blocked");
    wait_until(HEALED, "it waits for the gated one alone", || async {
        queue.queue().why(last).await.unwrap().reasons == [Reason::WaitingForJobs { jobs: vec![gate] }]
    })
    .await;
    queue.stage().open_for_all();
    queue.completed(last).await;
    assert_eq!(queue.stage().runs().last().unwrap().number, 1_000);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_failure_cancels_what_waits_and_a_callback_runs_in_any_case() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let mut flow = Flow::new();
    let fails = flow.add(&Hopeless {});
    let fine = flow.add(&NoOp { number: 1 });
    let child = flow.add_after(&[fails, fine], &NoOp { number: 2 });
    let grandchild = flow.add_after(&[child], &NoOp { number: 3 });
    flow.add_after(&[grandchild, fine], &NoOp { number: 4 });
    flow.on_failure(OnParentFailure::Run);
    let ids = enqueue(&queue, flow).await;
    queue.completed(ids[4]).await;
    for id in [ids[2], ids[3]] {
        let job = queue.job(id).await;
        assert_eq!((job.state.as_str(), job.attempt), ("cancelled", 0));
        assert_eq!(job.end_reason.as_deref(), Some("a job that it waits for did not complete"));
    }
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM queue_dependencies").fetch_one(queue.pool()).await.unwrap();
    assert_eq!(left, 0);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_parent_cancels_its_children() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let mut flow = Flow::new();
    let gated = flow.add(&Gated::default());
    flow.add_after(&[gated], &NoOp::default());
    let ids = enqueue(&queue, flow).await;
    queue.stage().begun(1, SOON).await;
    queue.queue().cancel(ids[0]).await.unwrap();
    queue.job_in_state(ids[1], "cancelled", SOON).await;

    // One that waits can be cancelled itself, and nothing is left of it.
    let parent = queue.enqueue(&Gated::default()).await;
    let child = queue.enqueue_with(&NoOp::default(), after(&[parent])).await;
    queue.queue().cancel(child).await.unwrap();
    assert_eq!(queue.job(child).await.state, "cancelled");
    queue.stage().open_for_all();
    queue.completed(parent).await;
    let left: i64 =
        sqlx::query_scalar("SELECT count(*) FROM queue_dependencies").fetch_one(queue.pool()).await.unwrap();
    assert_eq!(left, 0);
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn parents_that_are_missing_done_or_failed_are_told_apart() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let done = queue.enqueue(&NoOp::default()).await;
    queue.completed(done).await;
    let failed = queue.enqueue(&Hopeless {}).await;
    queue.job_in_state(failed, "discarded", SOON).await;
    let nobody = Uuid::now_v7();
    let mut transaction = queue.queue().begin().await.unwrap();
    let error = transaction.enqueue_with(&NoOp::default(), after(&[done, nobody])).await.unwrap_err();
    assert!(matches!(error, Error::NoSuchParent(id) if id == nobody), "{error}");
    let error = transaction.enqueue_with(&NoOp::default(), after(&[failed])).await.unwrap_err();
    assert!(matches!(error, Error::ParentFailed(id) if id == failed), "{error}");
    let run = EnqueueOptions { on_parent_failure: OnParentFailure::Run, ..after(&[failed, done]) };
    let at_once = transaction.enqueue_with(&NoOp::default(), run).await.unwrap().id;
    transaction.commit().await.unwrap();
    queue.completed(at_once).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_parent_that_ends_while_its_child_is_being_enqueued_does_not_leave_it_behind() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let parent = queue.enqueue(&Gated::default()).await;
    queue.stage().begun(1, SOON).await;
    let mut transaction = queue.queue().begin().await.unwrap();
    let child = transaction.enqueue_with(&NoOp::default(), after(&[parent])).await.unwrap().id;
    queue.stage().open_for_all();
    queue.completed(parent).await;
    transaction.commit().await.unwrap();
    queue.job_in_state(child, "completed", HEALED).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_parent_of_thousands_lets_all_of_them_go() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let mut flow = Flow::new();
    let parent = flow.add(&NoOp::default());
    for _ in 0..2_500 {
        flow.add_after(&[parent], &NoOp::default());
    }
    enqueue(&queue, flow).await;
    queue.all_ended(2_501, "completed", SOON).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn what_nobody_told_the_auditor_finds() {
    let queue = TestQueue::new().await;
    let mut flow = Flow::new();
    let parent = flow.add(&NoOp::default());
    flow.add_after(&[parent], &NoOp::default());
    flow.add_after(&[parent], &NoOp::default());
    flow.on_failure(OnParentFailure::Run);
    let ids = enqueue(&queue, flow).await;
    // No worker lives that could hear it.
    queue.queue().cancel(ids[0]).await.unwrap();
    let worker = TestWorker::start(&queue).await;
    let child = queue.job_in_state(ids[1], "cancelled", HEALED).await;
    assert_eq!(child.end_reason.as_deref(), Some("a job that it waits for did not complete"));
    queue.job_in_state(ids[2], "completed", HEALED).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_failed_parent_is_not_forgotten_when_another_completes_elsewhere_at_the_same_time() {
    let queue = TestQueue::new().await;
    let workers = [TestWorker::start(&queue).await, TestWorker::start(&queue).await];
    let mut children = Vec::new();
    for _ in 0..100 {
        let mut flow = Flow::new();
        let parents = [flow.add(&Hopeless {}), flow.add(&NoOp::default())];
        flow.add_after(&parents, &NoOp::default());
        children.push(enqueue(&queue, flow).await[2]);
    }
    for child in children {
        queue.job_in_state(child, "cancelled", HEALED).await;
        assert_eq!(queue.stage().times_run(child), 0);
    }
    for worker in workers {
        worker.drain().await.unwrap();
    }
}

#[tokio::test]
async fn a_child_keeps_its_own_time_and_limit() {
    let queue = TestQueue::new().await;
    let worker = TestWorker::start(&queue).await;
    let parent = queue.enqueue(&Gated::default()).await;
    let later = EnqueueOptions { run_at: Some(Utc::now() + TimeDelta::hours(1)), ..after(&[parent]) };
    let delayed = queue.enqueue_with(&NoOp::default(), later).await;
    let limited = queue.enqueue_with(&Limited { ungated: true, ..Limited::to(1, "k") }, after(&[parent])).await;
    assert_eq!(queue.job(delayed).await.state, "blocked");
    queue.stage().open_for_all();
    queue.job_in_state(delayed, "scheduled", HEALED).await;
    queue.completed(limited).await;
    queue.queue().cancel(delayed).await.unwrap();
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn a_flow_is_one_unit() {
    let queue = TestQueue::new().await;
    let mut flow = Flow::new();
    let parent = flow.add(&NoOp::default());
    flow.add_after(&[parent], &Returning { text: "\0".to_owned(), times: 1, nul: false });
    let mut transaction = queue.queue().begin().await.unwrap();
    let error = transaction.enqueue_flow(flow).await.unwrap_err();
    assert!(matches!(error, Error::Payload { .. }), "{error}");
    let mut flow = Flow::new();
    let parent = flow.add(&NoOp::default());
    flow.add_after(&[parent], &NoOp::default());
    transaction.enqueue_flow(flow).await.unwrap();
    transaction.rollback().await.unwrap();
    assert_eq!(queue.live().await, 0);
}

#[tokio::test]
async fn of_a_flow_that_is_refused_for_a_held_key_nothing_is_left_and_the_transaction_goes_on() {
    let queue = TestQueue::new().await;
    let held = Keyed::new("k", Scope::Finished);
    let holder = queue.enqueue(&held).await;
    let mut flow = Flow::new();
    let parent = flow.add(&held);
    flow.add_after(&[parent], &NoOp::default());
    flow.add(&NoOp::default());
    let mut transaction = queue.queue().begin().await.unwrap();
    let before = transaction.enqueue(&NoOp { number: 1 }).await.unwrap().id;
    let error = transaction.enqueue_flow(flow).await.unwrap_err();
    assert!(matches!(error, Error::KeyHeld { holder: found, .. } if found == holder), "{error}");
    transaction.commit().await.unwrap();
    assert_eq!(queue.live().await, 2, "the holder, and what was enqueued before");
    queue.stage().open_for_all();
    let worker = TestWorker::start(&queue).await;
    queue.completed(before).await;
    queue.all_ended(2, "completed", SOON).await;
    worker.drain().await.unwrap();
}
