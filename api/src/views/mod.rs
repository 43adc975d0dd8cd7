//! What clients see of the entities: the shapes of answers.

mod job;
mod queue;
mod schedule;
mod tokens;
mod why;
mod worker;

pub use job::{AttemptError, JobBody, JobProgress};
pub use queue::{QueueEntry, ReadyEntry};
pub use schedule::ScheduleEntry;
pub use tokens::TokenBody;
pub use why::{ReasonBody, WhyBody};
pub use worker::WorkerEntry;
