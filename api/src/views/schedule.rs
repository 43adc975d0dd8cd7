//! A schedule, as staff see it: never the payload of its jobs.

use callboard_queue::ScheduleView;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A schedule: a job that is enqueued by the clock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub struct ScheduleEntry {
    /// Its name.
    #[schema(example = "maintenance.prune_sessions")]
    pub name: String,
    /// When it ticks, as a cron expression.
    #[schema(example = "37 3 * * *")]
    pub cron: String,
    /// The time zone in which that is meant.
    #[schema(example = "Asia/Seoul")]
    pub time_zone: String,
    /// What becomes of ticks that nobody saw to in time: `skip`, `run_once` or
    /// `run_all`.
    #[schema(example = "run_once")]
    pub misfire: String,
    /// Whether it ticks.
    pub enabled: bool,
    /// Whether a living worker declares it: one that none declares does not tick.
    pub declared: bool,
    /// The kind of its jobs.
    #[schema(example = "maintenance.prune_sessions")]
    pub kind: String,
    /// The queue of its jobs.
    #[schema(example = "maintenance")]
    pub queue: String,
    /// The next tick, while it is enabled and declared; null for up to five seconds
    /// after it was enabled, until the scheduler has looked.
    pub next_at: Option<DateTime<Utc>>,
    /// The latest tick that enqueued a job.
    pub last_tick_at: Option<DateTime<Utc>>,
    /// That job.
    pub last_job_id: Option<Uuid>,
}

impl From<ScheduleView> for ScheduleEntry {
    fn from(schedule: ScheduleView) -> Self {
        Self {
            name: schedule.name,
            cron: schedule.cron,
            time_zone: schedule.time_zone,
            misfire: schedule.misfire.as_str().to_owned(),
            enabled: schedule.enabled,
            declared: schedule.declared,
            kind: schedule.kind,
            queue: schedule.queue,
            next_at: schedule.next_at,
            last_tick_at: schedule.last_tick_at,
            last_job_id: schedule.last_job_id,
        }
    }
}
