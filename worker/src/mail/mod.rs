//! Mails: letters in the receiver's language, and the way they take.
//!
//! A letter is text and HTML from templates that are compiled in. Addresses,
//! names and links are put into headers by lettre's types and into HTML by
//! askama, which encode and escape them; nothing here joins strings to a mail.

mod letter;
mod lifetime;
mod redact;
mod transport;
mod verify_address;

pub use self::letter::{Letter, Recipient};
pub use self::transport::{MailError, Mailer, SendError};
pub use self::verify_address::VerifyAddressLetter;
