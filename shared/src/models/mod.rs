//! The entities, as the database returns them.

mod account;
mod api_key;
mod audit_entry;
mod entity;
mod item;
mod profile;
mod session;
mod user;

pub use self::account::Account;
pub use self::api_key::ApiKeyEntry;
pub use self::audit_entry::AuditEntry;
pub use self::entity::Entity;
pub use self::item::Item;
pub use self::profile::Profile;
pub use self::session::{RevokedBecause, Session};
pub use self::user::{Credentials, User};
