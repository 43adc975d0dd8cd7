//! `email.verify_address`

use std::time::Duration;

use callboard_queue::{Job, Priority};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Sends the mail with the link that proves an address.
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
    const MAX_ATTEMPTS: i16 = super::MAIL_ATTEMPTS;
    /// Somebody sits before an empty inbox.
    const PRIORITY: Priority = Priority::High;
    const TIMEOUT: Duration = super::MAIL_TIMEOUT;
}
