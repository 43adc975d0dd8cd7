//! `email.verify_address`

use std::time::Duration;

use callboard_queue::{Job, Priority};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Sends the mail with the link that proves an address.
///
/// It carries ids only: the address is read when the mail is written, and the
/// token is made again from its id, so neither the ledger nor a log ever holds
/// what could log somebody in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyAddress {
    /// Whose address.
    pub user_id: Uuid,
    /// The row of the token, in `email_verification_tokens`.
    pub token_id: Uuid,
}

impl Job for VerifyAddress {
    const KIND: &'static str = "email.verify_address";
    const QUEUE: &'static str = super::MAIL_QUEUE;
    /// The 19 waits between them add up to some five hours in the mean and ten
    /// and a half at most, so that a mail server may be gone for an evening. A
    /// link that has expired by then is not sent.
    const MAX_ATTEMPTS: i16 = 20;
    /// Somebody sits before an empty inbox.
    const PRIORITY: Priority = Priority::High;
    /// A connection, a greeting and a delivery, each within its own time-out.
    const TIMEOUT: Duration = Duration::from_mins(1);
}
