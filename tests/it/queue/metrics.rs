//! The declared table of metrics is what Prometheus gets to see.

use std::collections::BTreeSet;

use callboard_queue::{
    RunnerSettings, Schedule,
    metrics::{METRICS, Type},
};
use callboard_tests::{
    jobs::{Failing, Gated, Hopeless, NoOp, registry},
    queue::TestQueue,
    wait::{SOON, wait_until},
    worker::{TestWorker, settings},
};

/// The labels of a rendered line, apart from those of the summary itself.
fn labels(line: &str) -> BTreeSet<&str> {
    let Some((_, rest)) = line.split_once('{') else { return BTreeSet::new() };
    let labels = rest.split('}').next().unwrap_or_default();
    labels
        .split(',')
        .filter_map(|label| label.split('=').next())
        .filter(|label| *label != "quantile" && *label != "le")
        .collect()
}

#[tokio::test]
async fn every_declared_metric_appears_and_no_other() {
    let queue = TestQueue::new().await;
    let yearly = Schedule::new("yearly", "0 0 1 1 *", "UTC", &NoOp::default()).unwrap();
    let worker = TestWorker::start_scheduling(&queue, vec![yearly]).await;
    let ids = queue.enqueue_many(&vec![NoOp::default(); 10]).await;
    for id in ids {
        queue.completed(id).await;
    }
    let failing = queue.enqueue(&Failing { times: 1 }).await;
    queue.job_in_state(failing, "scheduled", SOON).await;
    let hopeless = queue.enqueue(&Hopeless {}).await;
    queue.job_in_state(hopeless, "discarded", SOON).await;
    queue.queue().sample_depths().await;
    let series = |name: &str| queue.metric(name).to_string();
    wait_until(SOON, "the outcomes are counted", || async {
        series(r#"job_outcomes_total{kind="test.hopeless",outcome="discarded"}"#) == "1"
    })
    .await;
    assert_eq!(series(r#"job_outcomes_total{kind="test.no_op",outcome="completed"}"#), "10");
    assert_eq!(series(r#"job_outcomes_total{kind="test.failing",outcome="retried"}"#), "1");
    assert_eq!(series(r#"job_retries_total{kind="test.failing"}"#), "1");
    assert_eq!(series(r#"job_wait_seconds_count{kind="test.no_op"}"#), "10");
    assert_eq!(series(r#"queue_jobs{queue="all",priority="all",state="scheduled"}"#), "1");
    assert_eq!(series(r#"duty_holder{duty="auditor"}"#), "1");

    let rendered = queue.rendered_metrics();
    let mut seen = BTreeSet::new();
    for line in rendered.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let declared = METRICS.iter().find(|metric| {
            metric.name == name
                || metric.r#type == Type::Histogram
                    && ["_count", "_sum", "_bucket"].iter().any(|end| name.strip_suffix(end) == Some(metric.name))
        });
        let declared = declared.unwrap_or_else(|| panic!("{name} is not declared"));
        let expected: BTreeSet<&str> = declared.labels.iter().copied().collect();
        assert_eq!(labels(line), expected, "{line}");
        seen.insert(declared.name);
    }
    for metric in METRICS {
        assert!(seen.contains(metric.name), "{} never appeared:\n{rendered}", metric.name);
        let help = format!("# HELP {} {}", metric.name, metric.help);
        assert!(rendered.contains(&help), "{help}");
    }
    queue.delete(&[failing]).await;
    worker.drain().await.unwrap();
}

#[tokio::test]
async fn depth_and_latency_of_a_list_are_gauged() {
    let queue = TestQueue::new().await;
    let one_slot = RunnerSettings { slots: 1, ..settings("one slot") };
    let worker = TestWorker::start_with(&queue, registry(), one_slot).await;
    queue.enqueue_many(&vec![Gated::default(); 6]).await;
    queue.stage().begun(1, SOON).await;
    let depth = || async {
        queue.queue().sample_depths().await;
        queue.metric(r#"queue_jobs{queue="default",priority="default",state="queued"}"#).to_string()
    };
    wait_until(SOON, "the depth is 5", || async { depth().await == "5" }).await;
    assert!(queue.metric(r#"queue_latency_seconds{queue="default",priority="default"}"#) > 0.0);
    queue.stage().open_for_all();
    queue.all_ended(6, "completed", SOON).await;
    wait_until(SOON, "the depth is 0", || async { depth().await == "0" }).await;
    assert_eq!(queue.metric(r#"queue_latency_seconds{queue="default",priority="default"}"#).to_string(), "0");
    worker.drain().await.unwrap();
}
