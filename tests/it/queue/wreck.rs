//! A panic around a handler, not in it, strands no job.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use callboard_queue::{Metrics, Queue};
use callboard_tests::{
    jobs::{NoOp, registry},
    queue::TestQueue,
    worker::{TestWorker, settings},
};
use metrics::{
    Counter, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, NoopRecorder, Recorder, SharedString, Unit,
};

/// A recorder that fails on the first run that it is told of.
#[derive(Debug, Default)]
struct Trap {
    sprung: Arc<AtomicBool>,
}

struct Panicking(Arc<AtomicBool>);

impl HistogramFn for Panicking {
    fn record(&self, _: f64) {
        assert!(self.0.swap(true, Ordering::SeqCst), "the first record of all");
    }
}

impl Recorder for Trap {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        NoopRecorder.register_counter(key, metadata)
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        NoopRecorder.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        if key.name() == "job_run_seconds" {
            Histogram::from_arc(Arc::new(Panicking(self.sprung.clone())))
        } else {
            NoopRecorder.register_histogram(key, metadata)
        }
    }
}

#[tokio::test]
async fn a_job_whose_attempt_breaks_down_around_its_handler_runs_again() {
    let queue = TestQueue::new().await;
    let sprung = Arc::new(AtomicBool::new(false));
    let metrics = Metrics::new(Arc::new(Trap { sprung: sprung.clone() }));
    let (_, redis_url, prefix) = queue.whereabouts();
    let trapped = Queue::connect(queue.pool().clone(), &redis_url, &prefix, metrics).unwrap();
    let worker = TestWorker::launch_on(trapped, queue.stage(), registry(), settings("trapped"));
    let id = queue.enqueue(&NoOp::default()).await;
    let job = queue.completed(id).await;
    assert!(sprung.load(Ordering::SeqCst));
    assert_eq!((job.attempt, queue.stage().times_run(id)), (1, 2), "given back, and run again");
    worker.drain().await.unwrap();
}
