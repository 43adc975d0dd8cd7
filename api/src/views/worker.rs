//! A worker, as staff see it.

use callboard_queue::WorkerView;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A worker: a process that runs jobs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Worker)]
pub struct WorkerEntry {
    /// Its id, made when it started.
    pub id: Uuid,
    /// Its name, usually its host's.
    #[schema(example = "worker-1")]
    pub name: String,
    /// Its version.
    #[schema(example = "0.1.0")]
    pub version: String,
    /// The queues that it serves.
    #[schema(example = json!(["mail"]))]
    pub queues: Vec<String>,
    /// The kinds that it can run.
    #[schema(example = json!(["email.verify_address"]))]
    pub kinds: Vec<String>,
    /// The schedules that it declares.
    #[schema(example = json!(["maintenance.prune_sessions"]))]
    pub schedules: Vec<String>,
    /// How many jobs it may run at a time.
    #[schema(example = 50)]
    pub slots: i32,
    /// How many it ran at its last beat.
    #[schema(example = 7)]
    pub busy: i32,
    /// The duties that it holds, of which each is held by one worker.
    #[schema(example = json!(["auditor", "scheduler"]))]
    pub duties: Vec<String>,
    /// When it started.
    pub started_at: DateTime<Utc>,
    /// When it last gave a sign of life.
    pub beat_at: DateTime<Utc>,
    /// Whether that was within the last 15 seconds. Others' jobs are rescued.
    pub alive: bool,
}

impl From<WorkerView> for WorkerEntry {
    fn from(worker: WorkerView) -> Self {
        Self {
            id: worker.id,
            name: worker.name,
            version: worker.version,
            queues: worker.queues,
            kinds: worker.kinds,
            schedules: worker.schedules,
            slots: worker.slots,
            busy: worker.busy,
            duties: worker.duties,
            started_at: worker.started_at,
            beat_at: worker.beat_at,
            alive: worker.alive,
        }
    }
}
