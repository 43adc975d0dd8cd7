//! What clients see of the entities: the shapes of answers.

mod job;
mod tokens;

pub use job::{AttemptError, JobBody};
pub use tokens::TokenBody;
