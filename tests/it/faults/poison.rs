//! F8: a job that aborts its process, among a hundred innocents.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use callboard_tests::{
    poison::{Innocent, Poison, worker},
    queue::TestQueue,
    wait::{SOON, wait_until},
};
use tokio::{process::Command, select, task::JoinSet};
use tokio_util::sync::CancellationToken;

/// A process that is started again whenever it dies, until `stop`; counts its deaths.
async fn supervise(mut command: Command, stop: CancellationToken, deaths: Arc<AtomicUsize>) {
    loop {
        let mut child = command.spawn().unwrap();
        select! {
            ended = child.wait() => {
                assert!(!ended.unwrap().success());
                deaths.fetch_add(1, Ordering::Relaxed);
            }
            () = stop.cancelled() => {
                let pid = child.id().unwrap().to_string();
                assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
                assert!(child.wait().await.unwrap().success(), "a drain ends with 0");
                return;
            }
        }
    }
}

#[tokio::test]
async fn a_poison_job_is_discarded_and_all_innocents_complete() {
    let queue = TestQueue::new().await;
    let before = queue.enqueue_many(&vec![Innocent {}; 10]).await;
    let poison = queue.enqueue(&Poison {}).await;
    let after = queue.enqueue_many(&vec![Innocent {}; 90]).await;

    let (stop, deaths) = (CancellationToken::new(), Arc::new(AtomicUsize::new(0)));
    let mut workers = JoinSet::new();
    for _ in 0..3 {
        workers.spawn(supervise(worker(&queue, 20), stop.clone(), deaths.clone()));
    }
    let ended = || async { queue.live().await == 0 };
    wait_until(Duration::from_mins(4), "the poison and all innocents have ended", ended).await;
    stop.cancel();
    while let Some(worker) = workers.join_next().await {
        worker.unwrap();
    }

    let job = queue.job_in_state(poison, "discarded", SOON).await;
    assert_eq!((job.attempt, job.end_reason.as_deref()), (5, Some("attempts used up")));
    assert!(job.errors.as_array().unwrap().iter().all(|error| error["failure"] == "worker_lost"));
    assert_eq!(deaths.load(Ordering::Relaxed), 5, "it killed as many processes as it had attempts");
    for id in before.iter().chain(&after) {
        assert_eq!(queue.job(*id).await.state, "completed", "an innocent");
    }
}
