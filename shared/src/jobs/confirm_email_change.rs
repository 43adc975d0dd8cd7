//! `email.confirm_email_change`

use std::time::Duration;

use callboard_queue::{Job, Priority};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Sends the mail with the link that makes a new address the user's, to that
/// address, which the token's row has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfirmEmailChange {
    /// Whose address is to change.
    pub user_id: Uuid,
    /// The row of the token, in `email_change_tokens`.
    pub token_id: Uuid,
}

impl Job for ConfirmEmailChange {
    const KIND: &'static str = "email.confirm_email_change";
    const QUEUE: &'static str = super::MAIL_QUEUE;
    const MAX_ATTEMPTS: i16 = super::MAIL_ATTEMPTS;
    /// Somebody sits before an empty inbox.
    const PRIORITY: Priority = Priority::High;
    const TIMEOUT: Duration = super::MAIL_TIMEOUT;
}
