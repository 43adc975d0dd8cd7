//! What jobs share a limit, and which.

use serde::{Deserialize, Serialize};

/// How many jobs without a concurrency of their own share one limit key on the
/// ready lists: so many jobs of each other key may be served before a key's
/// only job, whatever waits behind them.
pub const FAIR_WINDOW: u32 = 100;

/// A limit that jobs with the same key share, over all workers and kinds.
///
/// Only so many of them are *admitted* to the ready lists at a time; the others
/// are `blocked`, and whenever one leaves, the next is admitted: the most urgent
/// first, then the oldest. So a key with 100,000 jobs doesn't hold up another
/// key's only one, and nothing polls.
///
/// A slot whose worker has died is free again when its job is rescued.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// The key: 1 to 300 characters, as `smtp` or `team:7`.
    pub key: String,
    /// At most so many run at a time. `None`: [`FAIR_WINDOW`].
    pub concurrency: Option<u32>,
    /// At most so many start in a minute, evenly spread. `None`: any number.
    pub per_minute: Option<u32>,
}

impl Limit {
    /// At most `concurrency` at a time.
    pub fn concurrency(key: impl Into<String>, concurrency: u32) -> Self {
        Self { key: key.into(), concurrency: Some(concurrency), per_minute: None }
    }

    /// At most `per_minute` starts in a minute.
    pub fn per_minute(key: impl Into<String>, per_minute: u32) -> Self {
        Self { key: key.into(), concurrency: None, per_minute: Some(per_minute) }
    }

    /// A fair share beside other keys.
    pub fn fair(key: impl Into<String>) -> Self {
        Self { key: key.into(), concurrency: None, per_minute: None }
    }

    /// The same, and at most `per_minute` starts in a minute.
    #[must_use]
    pub fn and_per_minute(self, per_minute: u32) -> Self {
        Self { per_minute: Some(per_minute), ..self }
    }
}
