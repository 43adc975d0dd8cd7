//! Mails: letters in the receiver's language, and the way they take.
//!
//! A letter is text and HTML from templates that are compiled in. Addresses,
//! names and links are put into headers by lettre's types and into HTML by
//! askama, which encode and escape them; nothing here joins strings to a mail.

mod letter;
mod lifetime;
mod link;
mod redact;
mod security_notice;
mod transport;

pub use self::letter::{Letter, Recipient};
pub use self::link::{LinkDetails, LinkLetter};
pub use self::security_notice::SecurityNoticeLetter;
pub use self::transport::{MailError, Mailer, SendError};
