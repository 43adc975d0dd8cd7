//! The tests of the protocol fail when one of its rules is left out: what can't
//! fail would prove nothing.

use std::{env, process::Stdio};

use tokio::process::Command;

/// Runs one test of this binary with `rule` left out; returns what it printed
/// if it failed.
async fn fails_without(rule: &str, test: &str) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture"]).env("CALLBOARD_QUEUE_SABOTAGE", rule);
    // What the outer runner has set is not for the inner one.
    for (name, _) in env::vars().filter(|(name, _)| name.starts_with("NEXTEST")) {
        command.env_remove(name);
    }
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(printed.contains("running 1 test"), "{test} is no test: {printed}");
    assert!(!output.status.success(), "{test} does not notice that the {rule} is left out");
    assert!(printed.contains("panicked at"), "{printed}");
    printed
}

#[tokio::test]
async fn without_the_fence_a_stale_finish_would_pass() {
    let said = fails_without("fence", "queue::claim::a_stale_finish_is_refused_and_counted").await;
    assert!(said.contains("stale") || said.contains("waited"), "{said}");
}

#[tokio::test]
async fn without_the_auditor_what_was_never_pushed_would_wait_for_ever() {
    fails_without("auditor", "queue::auditor::jobs_that_were_never_pushed_run_within_five_seconds").await;
}

#[tokio::test]
async fn without_the_rescuer_the_jobs_of_the_dead_would_run_for_ever() {
    fails_without("rescuer", "queue::rescue::a_killed_workers_jobs_run_elsewhere_within_25_seconds").await;
}

#[tokio::test]
async fn without_the_reconciler_a_lost_answer_would_hold_jobs_for_ever() {
    let test = "queue::reconcile::jobs_whose_claim_was_committed_and_its_answer_lost_run_once_and_unburnt";
    fails_without("reconciler", test).await;
}
