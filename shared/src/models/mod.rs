//! The entities, as the database returns them.

mod user;

pub use self::user::{Credentials, User};
