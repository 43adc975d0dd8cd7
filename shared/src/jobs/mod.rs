//! The jobs: a file a kind, with its payload and its policy. How a job runs is
//! the worker's affair, in a file of the same name.
//!
//! A mail's payload carries ids: the address is read when the mail is written,
//! and the token of a link is made again from its id, so neither the ledger nor a
//! log ever holds what could log somebody in. One alone has an address in it: the
//! notice of a new one goes to the old one, which is in no table any more.

mod confirm_email_change;
mod invitation;
mod prune;
mod reset_password;
mod security_notice;
mod verify_address;

use std::time::Duration;

use callboard_queue::Kinds;

pub use self::confirm_email_change::ConfirmEmailChange;
pub use self::invitation::Invitation;
pub use self::prune::{
    MAINTENANCE_QUEUE, PruneApiKeys, PruneAuditLog, PruneIdempotencyKeys, PruneSessions, PruneTokens,
};
pub use self::reset_password::ResetPassword;
pub use self::security_notice::{Notice, SecurityNotice};
pub use self::verify_address::VerifyAddress;

/// The policies of all kinds, sorted by kind: for the API, which has no handlers
/// and must cancel, retry and explain jobs as their kinds declare.
#[must_use]
pub fn kinds() -> Kinds {
    Kinds::new()
        .with::<ConfirmEmailChange>() // email.confirm_email_change
        .with::<Invitation>() // email.invitation
        .with::<ResetPassword>() // email.reset_password
        .with::<SecurityNotice>() // email.security_notice
        .with::<VerifyAddress>() // email.verify_address
        .with::<PruneApiKeys>() // maintenance.prune_api_keys
        .with::<PruneAuditLog>() // maintenance.prune_audit_log
        .with::<PruneIdempotencyKeys>() // maintenance.prune_idempotency_keys
        .with::<PruneSessions>() // maintenance.prune_sessions
        .with::<PruneTokens>() // maintenance.prune_tokens
}

/// The queue of everything that goes out by SMTP.
pub const MAIL_QUEUE: &str = "mail";

/// Attempts at a mail that somebody waits for. The 19 waits between them add up
/// to some five hours in the mean and ten and a half at most, so that a mail
/// server may be gone for an evening. A link that has expired by then is not
/// sent.
const MAIL_ATTEMPTS: i16 = 20;

/// A connection, a greeting and a delivery, each within its own time-out.
const MAIL_TIMEOUT: Duration = Duration::from_mins(1);
