//! The jobs: a file a kind, with its payload and its policy. How a job runs is
//! the worker's affair, in a file of the same name.

mod verify_address;

pub use self::verify_address::VerifyAddress;

/// The queue of everything that goes out by SMTP.
pub const MAIL_QUEUE: &str = "mail";
