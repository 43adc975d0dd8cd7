//! The jobs: a file a kind, with its payload and its policy. How a job runs is
//! the worker's affair, in a file of the same name.
//!
//! A mail's payload carries ids: the address is read when the mail is written,
//! and the token of a link is made again from its id, so neither the ledger nor a
//! log ever holds what could log somebody in. One alone has an address in it: the
//! notice of a new one goes to the old one, which is in no table any more.

mod confirm_email_change;
mod invitation;
mod reset_password;
mod security_notice;
mod verify_address;

use std::time::Duration;

pub use self::confirm_email_change::ConfirmEmailChange;
pub use self::invitation::Invitation;
pub use self::reset_password::ResetPassword;
pub use self::security_notice::{Notice, SecurityNotice};
pub use self::verify_address::VerifyAddress;

/// The queue of everything that goes out by SMTP.
pub const MAIL_QUEUE: &str = "mail";

/// Attempts at a mail that somebody waits for. The 19 waits between them add up
/// to some five hours in the mean and ten and a half at most, so that a mail
/// server may be gone for an evening. A link that has expired by then is not
/// sent.
const MAIL_ATTEMPTS: i16 = 20;

/// A connection, a greeting and a delivery, each within its own time-out.
const MAIL_TIMEOUT: Duration = Duration::from_mins(1);
