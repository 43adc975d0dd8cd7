//! All SQL of the product's tables, a file a table; the passwords of users have
//! a file beside their table's.
//!
//! The functions are small and take an executor, so that they compose in one
//! transaction; a rule that spans tables is a service of the API. A function
//! with several statements takes a connection and leaves the transaction to
//! its caller.

pub mod accounts;
pub mod api_keys;
pub mod audit_log;
pub mod email_change_tokens;
mod error;
pub mod history;
pub mod idempotency_keys;
pub mod items;
pub mod listing;
pub mod login_throttles;
mod mail_tokens;
pub mod password_reset_tokens;
pub mod passwords;
pub mod profiles;
pub mod recovery_codes;
pub mod references;
pub mod refresh_tokens;
pub mod requests;
pub mod server;
pub mod sessions;
pub mod totp_credentials;
pub mod user_identities;
pub mod users;
pub mod verification_tokens;

pub use self::error::DbError;
use self::error::Deleted;
pub use self::mail_tokens::TokenState;
