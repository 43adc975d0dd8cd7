//! All SQL of the product's tables, a file a table.
//!
//! The functions are small and take an executor, so that they compose in one
//! transaction; a rule that spans tables is a service of the API. A function
//! with several statements takes a connection and leaves the transaction to
//! its caller.

mod error;
pub mod server;
pub mod users;
pub mod verification_tokens;

pub use self::error::DbError;
