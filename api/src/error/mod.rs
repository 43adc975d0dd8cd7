//! Errors: the catalogue of codes, and the problem that carries one to the client.

mod catalogue;
mod field;
mod problem;
mod sources;
mod text;

pub use catalogue::{Code, Entry};
pub use field::{FieldError, FieldProblem, Place};
pub use problem::{Problem, ProblemBody};
pub use sources::missing_reference;
pub use text::Text;
