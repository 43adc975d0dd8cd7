//! Who holds which duty.
//!
//! A duty is held by a lease row of at most 6 s that every beat renews. Two
//! holders at once do no harm (every duty's statements skip what the other has
//! locked), so the lease only spares the ledger double work.

use std::{collections::HashMap, time::Duration};

use serde_json::Value;
use tokio::{sync::watch, time::Instant};
use tokio_util::sync::CancellationToken;

use crate::Metrics;

/// How long a lease holds after the beat that took it.
pub(crate) const LENGTH: Duration = Duration::from_secs(6);

/// The duties, as their lease rows name them: what one worker at a time does for all.
pub const DUTIES: [&str; 4] = ["auditor", "janitor", "promoter", "scheduler"];

#[derive(Clone, Debug)]
struct Lease {
    until: Instant,
    note: Value,
}

/// The leases that this worker holds. The heartbeat writes, the duties read.
#[derive(Clone, Debug)]
pub(crate) struct Leases {
    held: watch::Sender<HashMap<String, Lease>>,
    metrics: Metrics,
}

impl Leases {
    pub(crate) fn new(metrics: Metrics) -> Self {
        Self { held: watch::Sender::new(HashMap::new()), metrics }
    }

    /// Takes over what a beat, sent at `sent`, brought back. A lease that was
    /// not renewed holds until its time is over. Returns whether there was none.
    pub(crate) fn set(&self, sent: Instant, duties: Vec<(String, Value)>) -> bool {
        let mut leases: HashMap<String, Lease> =
            duties.into_iter().map(|(duty, note)| (duty, Lease { until: sent + LENGTH, note })).collect();
        let renewed = leases.len();
        for (duty, lease) in &*self.held.borrow() {
            if lease.until > Instant::now() {
                leases.entry(duty.clone()).or_insert_with(|| lease.clone());
            }
        }
        let all = leases.len() == renewed;
        self.held.send_replace(leases);
        self.show();
        all
    }

    /// Sets the gauges: a lease ends by itself too, when no beat arrives.
    pub(crate) fn show(&self) {
        for duty in DUTIES {
            self.metrics.duty_holder(duty).set(f64::from(u8::from(self.holds(duty))));
        }
    }

    /// Whether `duty` is held now.
    pub(crate) fn holds(&self, duty: &str) -> bool {
        self.held.borrow().get(duty).is_some_and(|lease| Instant::now() < lease.until)
    }

    /// Waits until `duty` is held; returns the note of its lease. `None`: told to stop.
    pub(crate) async fn acquired(&self, duty: &str, stop: &CancellationToken) -> Option<Value> {
        let mut held = self.held.subscribe();
        loop {
            let lease = held.borrow_and_update().get(duty).cloned();
            if let Some(lease) = lease.filter(|lease| Instant::now() < lease.until) {
                return Some(lease.note);
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                changed = held.changed() => changed.ok()?,
            }
        }
    }
}

/// Waits for `pause`, or returns false at once when told to stop.
pub(crate) async fn rest(pause: Duration, stop: &CancellationToken) -> bool {
    tokio::select! {
        () = stop.cancelled() => false,
        () = tokio::time::sleep(pause) => true,
    }
}
