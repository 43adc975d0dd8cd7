//! A job that kills its process, and innocents beside it.

use std::{process, time::Duration};

use callboard_queue::{Backoff, Failure, Handler, Job, Outcome, Registry, Run};
use serde::{Deserialize, Serialize};

/// As short as lets innocents part from the poison.
const BACKOFF: Backoff = Backoff { base: Duration::from_secs(5), cap: Duration::from_secs(5) };
const MAX_ATTEMPTS: i16 = 5;

/// Aborts its process, as a stack overflow or the kernel's OOM killer would.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Poison {}

impl Job for Poison {
    const KIND: &'static str = "test.poison";
    const BACKOFF: Backoff = BACKOFF;
    const MAX_ATTEMPTS: i16 = MAX_ATTEMPTS;
}

impl<C: Sync> Handler<C> for Poison {
    async fn run(self, _: &C, _: &Run) -> Result<Outcome, Failure> {
        process::abort()
    }
}

/// Takes a moment, and completes.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Innocent {}

impl Job for Innocent {
    const KIND: &'static str = "test.innocent";
    const BACKOFF: Backoff = BACKOFF;
    const MAX_ATTEMPTS: i16 = MAX_ATTEMPTS;
}

impl<C: Sync> Handler<C> for Innocent {
    async fn run(self, _: &C, _: &Run) -> Result<Outcome, Failure> {
        tokio::time::sleep(Duration::from_millis(50)).await;
        Ok(Outcome::Completed)
    }
}

/// Both kinds.
#[must_use]
pub fn registry() -> Registry<()> {
    Registry::new().register::<Innocent>().register::<Poison>()
}
