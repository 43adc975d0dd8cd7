//! What clients see of the entities: the shapes of answers.

mod job;
mod user;

pub use job::{AttemptError, JobBody};
pub use user::UserBody;
