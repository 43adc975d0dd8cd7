//! A queue, as staff see it.

use callboard_queue::{QueueView, Ready};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

/// A queue: where jobs wait for workers that serve it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Queue)]
pub struct QueueEntry {
    /// Its name.
    #[schema(example = "mail")]
    pub name: String,
    /// Since when it is paused; null while it is not.
    pub paused_at: Option<DateTime<Utc>>,
    /// Who paused it: `user:<id>` or `key:<id>`.
    #[schema(example = "user:019a4f5e-6f0a-7c31-9d7e-2f4f1f0c5a11")]
    pub paused_by: Option<String>,
    /// How many living workers serve it.
    #[schema(example = 2)]
    pub workers: i64,
    /// What waits its turn; null while Redis does not answer.
    pub ready: Option<ReadyEntry>,
}

/// What waits its turn in a queue, by priority.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Ready)]
pub struct ReadyEntry {
    /// Jobs of high priority.
    #[schema(example = 3)]
    pub high: u64,
    /// Jobs of default priority.
    #[schema(example = 120)]
    pub default: u64,
    /// Jobs of low priority.
    #[schema(example = 0)]
    pub low: u64,
    /// For how many seconds the oldest of them has waited.
    #[schema(example = 1.25)]
    pub oldest_seconds: f64,
}

impl From<QueueView> for QueueEntry {
    fn from(queue: QueueView) -> Self {
        let QueueView { name, paused_at, paused_by, workers, ready } = queue;
        Self { name, paused_at, paused_by, workers, ready: ready.map(ReadyEntry::from) }
    }
}

impl From<Ready> for ReadyEntry {
    fn from(ready: Ready) -> Self {
        let Ready { high, default, low, oldest_seconds } = ready;
        Self { high, default, low, oldest_seconds }
    }
}
