//! The workers and their duties.

use callboard_queue::{DUTIES, WorkerView};

use super::{Finding, Verdict};

/// What is found about the living workers.
pub(super) fn look(living: &[&WorkerView]) -> Vec<Finding> {
    if living.is_empty() {
        // Where jobs wait, the finding about their queue is that it is wrong.
        let heal = "start `callboard-worker`; until then jobs wait, and none is lost";
        return vec![Finding::new("workers", Verdict::risky(heal), "none lives")];
    }
    let (busy, slots) = living
        .iter()
        .fold((0_i64, 0_i64), |(busy, slots), worker| (busy + i64::from(worker.busy), slots + i64::from(worker.slots)));
    let found = format!("{} living, {busy} of {slots} slots busy", living.len());
    vec![Finding::good("workers", found), duties(living)]
}

fn duties(living: &[&WorkerView]) -> Finding {
    let is_held = |duty: &str| living.iter().any(|worker| worker.duties.iter().any(|held| held == duty));
    let vacant: Vec<&str> = DUTIES.into_iter().filter(|duty| !is_held(duty)).collect();
    if vacant.is_empty() {
        return Finding::good("duties", format!("all held: {}", DUTIES.join(", ")));
    }
    let heal = "a living worker takes them within 11 s; if they stay vacant, its log says what its heartbeat meets";
    let found = format!("vacant: {}", vacant.join(", "));
    Finding::new("duties", Verdict::risky(heal), found)
}
